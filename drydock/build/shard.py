"""Spread a project's builds over copies of the step below its source.

For its history BuildKit reads, after each build, every earlier one in which some step had the same result,
and for each of them the whole list of steps that ran on the one below the source: the square of their number.
With shards these lists are short.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from drydock.project import ignore
from drydock.project.dockerfile import arguments, context_paths, instructions

ARGUMENT = "SOURCE_SHARD"
# The list of shards is read once for each of them, so they are few.
SHARDS = 64


def of(context: Path, dockerfile: Path) -> dict[str, str]:
    """Return the build argument with the source's shard; none for a Dockerfile that does not take it.

    It depends on the Python modules that the stage with the argument copies, and on nothing else: an equal
    source gets the steps of its last build.
    """
    text = dockerfile.read_text(encoding="utf-8")
    values = arguments(text)
    if ARGUMENT not in values:
        return {}
    excludes = ignore.rule(ignore.read(ignore.place(dockerfile, context)))
    copied = context_paths(_copied(text), values)
    digest = hashlib.sha256()
    for path in sorted({module for one in copied for module in _modules(context / one)}):
        name = path.relative_to(context).as_posix()
        # The build itself reports a file that cannot be read.
        with suppress(OSError):
            if not excludes(name):
                digest.update(hashlib.sha256(path.read_bytes()).digest() + os.fsencode(name))
    return {ARGUMENT: str(digest.digest()[0] % SHARDS)}


def _copied(text: str) -> list[str]:
    """Return the words for the context's paths in the COPY instructions of the stage with the argument."""
    found: list[str] = []
    declared = False
    for one in instructions(text):
        if one.keyword == "FROM":
            if declared:
                break
            found = []
        declared = declared or (one.keyword == "ARG" and ARGUMENT in re.findall(r"\w+", one.text))
        found += one.copied[:-1]
    return found


def _modules(copied: Path) -> Iterator[Path]:
    """Yield the modules of a file or folder."""
    yield from [copied] if copied.suffix == ".py" and copied.is_file() else []
    for place, folders, names in os.walk(copied):
        # Large, and no part of a build.
        folders[:] = [name for name in folders if not name.startswith(".") and name != "node_modules"]
        found = (Path(place, name) for name in names if name.endswith(".py"))
        yield from filter(Path.is_file, found)
