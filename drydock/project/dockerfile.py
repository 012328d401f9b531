"""Read a Dockerfile: its instructions, its stages, and the defaults of its arguments."""

import json
import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_HEREDOC = re.compile(r"(?<!<)<<-?[\"']?([A-Za-z_]\w*)")
_STAGE = re.compile(r"(?:--\S+\s+)*\S+\s+AS\s+(\S+)", re.IGNORECASE)
_OURS = re.compile(r"^#.*\bdrydock\b|^FROM\s+\S+\s+AS\s+drydock\s*$", re.MULTILINE)
# A pattern, or an address.
_ELSEWHERE = re.compile(r"[*?\[]|://")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::?-([^}]*))?\}|([A-Za-z_]\w*))")


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile."""

    keyword: str  # in capital letters
    text: str  # the rest of it, with continued lines joined
    line: int  # the number of its first line
    script: str = ""  # the lines of its here-document

    @property
    def copied(self) -> list[str]:
        """The sources and the target of COPY or ADD from the build context; empty for others."""
        if self.keyword not in {"COPY", "ADD"} or "--from=" in self.text or self.script:
            return []
        return [word for word in exec_words(self.text) or self.text.split() if not word.startswith("--")]


def instructions(text: str) -> Iterator[Instruction]:
    """Yield a Dockerfile's instructions; a comment does not end the instruction around it."""
    lines = iter(enumerate(text.split("\n"), 1))
    pending, start = "", 0
    for number, line in lines:
        if line.lstrip().startswith("#") or (pending and not line.strip()):
            continue
        start = start if pending else number
        pending += line
        if pending.rstrip().endswith("\\"):
            pending = pending.rstrip()[:-1] + " "
            continue
        keyword, _, rest = pending.strip().partition(" ")
        pending = ""
        if not keyword:
            continue
        opened = _HEREDOC.search(rest) if keyword.upper() in {"RUN", "COPY", "ADD"} else None
        script = []
        for _, inner in lines if opened else ():
            if opened and inner.strip() == opened[1]:
                break
            script.append(inner.strip())
        yield Instruction(keyword.upper(), rest.strip(), start, "\n".join(script))


def exec_words(text: str) -> list[str]:
    """Return the words of an instruction in JSON's form; empty for another form."""
    try:
        words = json.loads(text) if text.startswith("[") else []
    except (ValueError, RecursionError):
        return []
    return [word for word in words if isinstance(word, str)]


def is_ours(text: str) -> bool:
    """Tell whether a Dockerfile has drydock's form: a comment or a stage in it names drydock."""
    return bool(_OURS.search(text))


def is_recipe(path: Path) -> bool:
    """Tell whether a file is a Dockerfile in drydock's form."""
    try:
        return is_ours(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return False


def stages(text: str) -> tuple[str, ...]:
    """Return a Dockerfile's named stages, in order."""
    found = (_STAGE.match(one.text) for one in instructions(text) if one.keyword == "FROM")
    return tuple(match[1] for match in found if match)


def arguments(text: str) -> dict[str, str]:
    """Return the defaults of a Dockerfile's arguments."""
    declared = (word for one in instructions(text) if one.keyword == "ARG" for word in _words(one.text))
    pairs = (word.partition("=") for word in declared)
    return {name: value for name, equals, value in pairs if equals}


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # an unclosed quote
        return text.split()


def context_paths(words: Iterable[str], arguments: Mapping[str, str]) -> list[str]:
    """Return the paths of the build context that words of instructions name, except patterns."""
    paths = [posixpath.normpath(expand(word, arguments)) for word in words if not _ELSEWHERE.search(word)]
    return [path.lstrip("/") or "." for path in dict.fromkeys(paths) if "$" not in path]


def expand(text: str, arguments: Mapping[str, str]) -> str:
    """Replace the variables in a text that have a value or a default."""
    return _VARIABLE.sub(lambda match: arguments.get(match[1] or match[3]) or match[2] or match[0], text)
