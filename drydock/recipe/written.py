"""Read and write the files of `init`: each names its original text, so that a later `init` can merge."""

import hashlib
import re
from pathlib import Path

import drydock
from drydock import command, state, temporary
from drydock.project.dockerfile import is_recipe
from drydock.project.git import ENVIRONMENT, GIT
from drydock.project.model import DOCKERFILES
from drydock.state.sealed import write_whole

HEADER = re.compile(r"^# Written by `drydock init`, drydock \S+ (?P<digest>[0-9a-f]{16})\. .*\n", re.M)
# git's mark of a conflict.
MARK = re.compile(r"^<<<<<<< ", re.M)
_BASE = re.compile(r"^ARG (?:.* )?PYTHON_IMAGE=python:(3\.\d+)-slim", re.M)
HINT = "Edit it as you like: `drydock init` merges."
KEPT = "written"
# How many commits of a file to search for a base text that this machine lacks.
COMMITS = 200


def places(root: Path) -> tuple[str, str]:
    """Return the names for a project's Dockerfile and ignore rules; files of another origin stay."""
    first, second = DOCKERFILES
    taken = (root / first).is_file() and not is_recipe(root / first)
    dockerfile = second if taken else first
    rules = root / ".dockerignore"
    if taken or (rules.is_file() and not is_ours(rules)):
        return dockerfile, f"{dockerfile}.dockerignore"
    return dockerfile, rules.name


def text(root: Path) -> str:
    """Return the text of a project's Dockerfile from `init`, empty without one."""
    place = root / places(root)[0]
    found = place.read_text(encoding="utf-8", errors="replace") if place.is_file() else ""
    return found if made_from(found) else ""


def python(root: Path) -> str:
    """Return the Python version of a written Dockerfile; empty if it names no official image."""
    found = _BASE.search(text(root))
    return found[1] if found else ""


def stamped(body: str, origin: str = "") -> str:
    """Add the line with drydock's version and the digest of the text's origin, or its own."""
    line = f"# Written by `drydock init`, drydock {drydock.version()} {digest(origin or body)}. {HINT}\n"
    first, _, rest = body.partition("\n")
    return f"{first}\n{line}{rest}" if first.startswith("#!") else f"{line}{body}"


def digest(content: str) -> str:
    """Return a text's digest, without its header."""
    return hashlib.sha256(HEADER.sub("", content, count=1).encode()).hexdigest()[:16]


def made_from(content: str) -> str:
    """Return the digest in a file's header, empty without a header."""
    found = HEADER.search(content)
    return found["digest"] if found else ""


def is_ours(path: Path) -> bool:
    """Tell whether `init` wrote a file."""
    return path.is_file() and bool(made_from(path.read_text(encoding="utf-8", errors="replace")))


def keep(content: str) -> None:
    """Save a text before it is written, for a later merge."""
    place = state.folder(KEPT) / digest(content)
    if not place.is_file():
        write_whole(place, content.encode())


def base(path: Path, content: str) -> str | None:
    """Return a file's original text, from this machine, else from git; None if it is lost.

    `content` is the file's present text.
    """
    wanted = made_from(content)
    if not wanted or digest(content) == wanted:
        return content if wanted else None
    kept = state.folder(KEPT) / wanted
    if kept.is_file():
        return kept.read_text(encoding="utf-8")
    git = [*GIT, "-C", str(path.parent)]
    log = [*git, "log", f"--max-count={COMMITS}", "--format=%H", "--", path.name]
    for commit in command.run(log, env=ENVIRONMENT, check=False).stdout.split():
        shown = [*git, "show", f"{commit}:./{path.name}"]
        before = command.run(shown, env=ENVIRONMENT, check=False).stdout
        if digest(before) == wanted:
            return before
    return None


def merge(now: str, before: str, wanted: str) -> str:
    """Merge two changes of a text with git, which marks conflicts.

    Args:
        now: The file with a person's edits.
        before: The text that it was made from.
    """
    # The headers always differ, and would conflict with an edit of the line below them.
    names = {"your file": now, "written before": before, "written now": wanted}
    with temporary.folder("merge") as folder:
        paths = [folder / str(number) for number in range(len(names))]
        for path, content in zip(paths, names.values(), strict=True):
            path.write_text(HEADER.sub("", content, count=1), encoding="utf-8")
        labels = [word for name in names for word in ("-L", name)]
        merged = command.run([*GIT, "merge-file", "--stdout", *labels, *map(str, paths)], check=False)
    # From 127 conflicts on, the code stays 127; a failure has a higher one.
    if merged.code > 127:
        raise command.CommandFailed(merged)
    return stamped(merged.stdout, wanted)
