"""Files that `init` wrote: each names the text it was made from, so that a later `init` merges three ways."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path

import drydock
from drydock import command, state
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
# A base text that this machine lacks is looked for in so many commits of the file.
COMMITS = 200


def places(root: Path) -> tuple[str, str]:
    """Return the names of a project's Dockerfile and ignore rules: those of another origin are left alone."""
    first, second = DOCKERFILES
    taken = (root / first).is_file() and not is_recipe(root / first)
    dockerfile = second if taken else first
    rules = root / ".dockerignore"
    if taken or (rules.is_file() and not is_ours(rules)):
        return dockerfile, f"{dockerfile}.dockerignore"
    return dockerfile, rules.name


def text(root: Path) -> str:
    """Return the text of the Dockerfile that `init` wrote into a project; empty where there is none."""
    place = root / places(root)[0]
    found = place.read_text(encoding="utf-8", errors="replace") if place.is_file() else ""
    return found if made_from(found) else ""


def python(root: Path) -> str:
    """Return the Python version of a written Dockerfile; empty where it names no official image."""
    found = _BASE.search(text(root))
    return found[1] if found else ""


def stamped(body: str, origin: str = "") -> str:
    """Return a text with the line that names drydock's version and the digest of its origin, or its own."""
    line = f"# Written by `drydock init`, drydock {drydock.version()} {digest(origin or body)}. {HINT}\n"
    first, _, rest = body.partition("\n")
    return f"{first}\n{line}{rest}" if first.startswith("#!") else f"{line}{body}"


def digest(content: str) -> str:
    """Return the digest of a text without its header."""
    return hashlib.sha256(HEADER.sub("", content, count=1).encode()).hexdigest()[:16]


def made_from(content: str) -> str:
    """Return the digest that a file's header names; empty where it has no header."""
    found = HEADER.search(content)
    return found["digest"] if found else ""


def is_ours(path: Path) -> bool:
    """Tell whether `init` wrote a file."""
    return path.is_file() and bool(made_from(path.read_text(encoding="utf-8", errors="replace")))


def keep(content: str) -> None:
    """Remember a text that is written now, for a later merge."""
    place = state.folder(KEPT) / digest(content)
    if not place.is_file():
        write_whole(place, content.encode())


def base(path: Path, content: str) -> str | None:
    """Return the text that a file was made from: kept on this machine, else from git; None where it is lost.

    Args:
        content: Its text now.
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
    """Merge two changes of a text as git does, which marks conflicts.

    Args:
        now: The file with a person's edits.
        before: The text that it was made from.
    """
    # The headers differ always, and would be a conflict with an edit of the line below them.
    names = {"your file": now, "written before": before, "written now": wanted}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, str(number)) for number in range(len(names))]
        for path, content in zip(paths, names.values(), strict=True):
            path.write_text(HEADER.sub("", content, count=1), encoding="utf-8")
        labels = [word for name in names for word in ("-L", name)]
        merged = command.run([*GIT, "merge-file", "--stdout", *labels, *map(str, paths)], check=False)
    # Beyond 127 conflicts the code stays 127; a failure has a higher one.
    if merged.code > 127:
        raise command.CommandFailed(merged)
    return stamped(merged.stdout, wanted)
