"""The documents' commands, each with its place and its mark."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

# A code span with one of these and further words is a command; alone it is a name.
PROGRAMS = (
    *(
        "drydock",
        "invoke",
        "nox",
        "./run",
        "docker",
        "kubectl",
        "kubectl-ai",
        "kind",
        "minikube",
        "git",
        "uv",
    ),
    *(
        "uvx",
        "python",
        "python3",
        "source",
        "curl",
        "ss",
        "journalctl",
        "cosign",
        "cd",
        "pytest",
        "pip",
        "pipx",
        "openssl",
    ),
)
MARK = re.compile(r"<!-- needs: (.+?) -->")
SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)(?:\s*<!-- needs: (.+?) -->)?", re.DOTALL)
FENCE = re.compile(r"^```(\w*)$")


@dataclass(frozen=True)
class Documented:
    """A command in a document.

    Args:
        text: The command on one line.
        place: File and line.
        needs: A requirement that tests cannot meet, by its mark; empty without a mark.
    """

    text: str
    place: str
    needs: str


# A command's text, and the requirement in its mark.
Marked = tuple[str, str]


def documents() -> list[Path]:
    """Return the documents for people."""
    return [ROOT / "README.md", ROOT / "backend/README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands(path: Path) -> list[Documented]:
    """Return a document's commands: those in its blocks, and those in its sentences and tables."""
    name = path.relative_to(ROOT)
    return [
        Documented(text, f"{name}:{line}", needs)
        for line, found in _parts(path.read_text(encoding="utf-8"))
        for text, needs in found
    ]


def _parts(text: str) -> Iterator[tuple[int, list[Marked]]]:
    """Yield the first line number, and the commands with their marks, of each block and paragraph."""
    block: list[str] | None = None
    language, mark, began = "", "", 0
    paragraph: list[str] = []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        fence = FENCE.match(line.strip())
        if block is not None:
            if fence:
                yield began, [(one, mark) for one in _of_block(language, block)]
                block = None
            else:
                block.append(line.strip())
        elif line.startswith("|"):
            yield number, _of_text(line)
        elif line.strip() and not fence:
            paragraph.append(line)
        else:
            # A quoted message contains its own advice; the text below it has the commands.
            if paragraph and not paragraph[0].startswith(">"):
                yield number - len(paragraph), _of_text("\n".join(paragraph))
            if fence:
                # A mark on the line before applies to the block.
                marks = MARK.fullmatch(paragraph[-1].strip()) if paragraph else None
                block, language, began, mark = [], fence[1], number, marks[1] if marks else ""
            paragraph = []


def _of_block(language: str, lines: list[str]) -> list[str]:
    if language not in ("sh", "console", "bash"):
        return []
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    if language == "console":
        joined = [line.removeprefix("$ ") for line in joined if line.startswith("$ ")]
    return [text for line in joined if (text := _plain(line))]


def _plain(line: str) -> str:
    """Return a block's line without its comment, with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"(^|\s)#.*$", "", line)).strip()


def _of_text(text: str) -> list[Marked]:
    """Return the commands among a text's code spans; a mark follows its span."""
    spans = [(" ".join(span.split()), mark) for _, span, mark in SPAN.findall(text)]
    return [(span, mark) for span, mark in spans if " " in span and "…" not in span and _is_command(span)]


def _is_command(span: str) -> bool:
    return span.split()[0] in PROGRAMS


def canonical(text: str) -> str:
    """Return a command in the form of Invoke and Nox: `drydock X` and `drydock gate G` are equivalent."""
    text = re.sub(r"(?<![\w-])drydock gate (\w+)", r"nox -s \1", text)
    return re.sub(r"(?<![\w-])drydock(?= [-a-z])", "invoke", text)


def words(text: str) -> list[str]:
    split = shlex.split(text.replace("<(", "").replace(")", ""))
    return split[1:] if split[:1] == ["./run"] else split
