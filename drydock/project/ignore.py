"""Read a .dockerignore, and find the files that it excludes from a build context."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

MAX_STARS = 3  # wildcards in one pattern: each more multiplies the time that a malicious one can take
MAX_PATTERNS = 2_000  # each takes a third of a millisecond to compile
MAX_LENGTH = 300


def place(dockerfile: Path, context: Path) -> Path:
    """Return the rules of a Dockerfile's builds: BuildKit prefers a file named after the Dockerfile."""
    own = Path(f"{dockerfile}.dockerignore")
    return own if own.is_file() else context / ".dockerignore"


def read(path: Path) -> list[str]:
    """Return the patterns of a file; none if it does not exist."""
    return patterns(text(path))


def text(path: Path) -> str:
    """Return a file's text, `""` if it does not exist; BuildKit takes comments of any encoding."""
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def patterns(text: str) -> list[str]:
    """Return the patterns of a .dockerignore, without comments and implausible lines."""
    lines = (line.strip() for line in text.split("\n"))
    sound = (p for p in lines if p and not p.startswith("#") and p.isprintable() and len(p) < MAX_LENGTH)
    return list(sound)[:MAX_PATTERNS]


def excluded(patterns: list[str], files: Iterable[str]) -> frozenset[str]:
    """Return the excluded files."""
    return frozenset(filter(rule(patterns), files))


def rule(patterns: list[str]) -> Callable[[str], bool]:
    """Return a function that tells whether a path is excluded: by Docker's rule, the last match decides."""
    runs: list[tuple[bool, list[str]]] = []
    for pattern in patterns:
        body = translate(pattern.removeprefix("!"))
        negated = pattern.startswith("!")
        if body and runs and runs[-1][0] == negated:
            runs[-1][1].append(body)
        elif body:
            runs.append((negated, [body]))
    compiled: list[tuple[bool, re.Pattern[str]]] = []
    for negated, bodies in runs:
        with suppress(re.error, OverflowError, RecursionError):
            compiled.append((negated, re.compile("|".join(f"(?:{body})" for body in bodies))))

    def excludes(path: str) -> bool:
        out = False
        for negated, pattern in compiled:
            if out is negated and pattern.fullmatch(path):
                out = not negated
        return out

    return excludes


def translate(pattern: str) -> str:
    """Return a .dockerignore pattern as a regular expression, `""` if it has too many wildcards.

    Unlike git's, a pattern starts at the context's root. One that matches a folder matches its files too.
    """
    pattern = pattern.strip().strip("/").removeprefix("./")
    pieces = re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]/]+\]|.", pattern)
    if not pieces or sum(piece[0] == "*" for piece in pieces) > MAX_STARS:
        return ""
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    body = "".join(known.get(p) or (p if len(p) > 1 else re.escape(p)) for p in pieces)
    return f"{body}(?:/.*)?"
