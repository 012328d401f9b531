"""Choose the tests to begin with: new ones, and those that call a function changed since the last run.

Only the order comes from here. All tests run, and the verdict is about all of them.
"""

import base64
import hashlib
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from drydock import state
from drydock.project import Project
from drydock.state.sealed import write_whole

# Their names are one variable of the container, which Linux limits to 128 kB.
MOST = 300
_DEFINITION = re.compile(r"(\s*)(?:async\s+)?(def|class)\s+(\w+)")

# By test: its seconds and the functions that it calls.
Tests = Mapping[str, tuple[float, Sequence[str]]]


@dataclass(frozen=True)
class Record:
    """A run of all tests."""

    digests: Mapping[str, str]  # of functions by `path:Class.name`; `path:` is a file's text outside of them
    tests: Tests


def place(project: Project) -> Path:
    """Return the file of a project's last record, which its clones and worktrees share."""
    digest = hashlib.sha256(project.image.encode()).hexdigest()
    return state.folder("touched") / f"{digest[:32]}.json"


def keep(project: Project, packed: str) -> None:
    """Keep a run's tests, with the functions as they are now; a record that was cut off is dropped."""
    try:
        unpacked = _unpacked(packed)
    except ValueError:
        return
    if any(called for _, called in unpacked.values()):
        body = {"digests": digests(project.source), "tests": packed}
        with suppress(OSError):  # the order is worth no refusal
            write_whole(place(project), json.dumps(body).encode())
            state.tidy("touched")


def first(project: Project) -> tuple[str, ...]:
    """Return the tests to begin with; none without a record."""
    try:
        body = json.loads(place(project).read_text(encoding="utf-8"))
        record = Record(body["digests"], _unpacked(body["tests"]))
    except (OSError, ValueError, LookupError, TypeError):
        return ()
    return choose(record, digests(project.source))


def _unpacked(packed: str) -> Tests:
    try:
        found: Tests = json.loads(zlib.decompress(base64.b85decode(packed)))
    except zlib.error as error:
        raise ValueError("not a record") from error
    return found


def choose(record: Record, now: Mapping[str, str]) -> tuple[str, ...]:
    """Return new tests, then those with a changed function, the most specific first."""
    changed = {name for name, digest in record.digests.items() if now.get(name) != digest}
    paths = tuple(name for name in changed if name.endswith(":"))
    chosen = [_test(name) for name in now if name not in record.digests and _is_test(name)]
    touched = [
        name
        for name, (_, called) in record.tests.items()
        if not changed.isdisjoint(called) or any(each.startswith(paths) for each in called)
    ]

    def effort(name: str) -> tuple[int, float]:
        seconds, called = record.tests[name]
        return len(called), seconds

    return (*chosen, *sorted(touched, key=effort))[:MOST]


def _is_test(name: str) -> bool:
    path, _, function = name.partition(":")
    file = Path(path).name
    return file.startswith("test_") and function.rpartition(".")[2].startswith("test")


def _test(name: str) -> str:
    path, _, function = name.partition(":")
    return "::".join((path, *function.split(".")))


def digests(source: Path) -> dict[str, str]:
    """Return a digest of each function and method below a folder, and of the rest of each file."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        texts: dict[str, list[str]] = defaultdict(list)
        text = path.read_text(encoding="utf-8", errors="replace")
        for name, part in _parts(text):
            texts[name].append(part)
        for name, parts in texts.items():
            digest = hashlib.sha256("".join(parts).encode()).hexdigest()
            found[f"{path.relative_to(source).as_posix()}:{name}"] = digest[:16]
    return found


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Yield each line with the name of its function; an empty name outside of functions.

    By indentation: the image's Python may have syntax that this one cannot parse.
    """
    inside: list[tuple[int, str, str]] = []  # indentation, keyword and name of the definitions around a line
    decorators = ""
    for line in text.splitlines(keepends=True):
        words, found = line.strip(), _DEFINITION.match(line)
        if not found and (decorators or words.startswith("@")):
            decorators += line
            continue
        if words and words[0] not in ")]}#":
            indentation = len(line) - len(line.lstrip())
            inside = [one for one in inside if one[0] < indentation]
        within = bool(inside) and inside[-1][1] == "def"
        if found and not within:
            inside.append((len(found[1]), found[2], found[3]))
            within = found[2] == "def"
        yield ".".join(name for _, _, name in inside) if within else "", decorators + line
        decorators = ""
    yield "", decorators
