"""One form for all lock files: packages, their dependencies, and their wheels."""

from __future__ import annotations

from dataclasses import dataclass, replace

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

from drydock.project.lock import linux


@dataclass(frozen=True)
class Locked:
    """A locked distribution."""

    name: str
    version: str
    depends: tuple[tuple[str, str], ...]  # (name, marker)
    wheels: tuple[str, ...]  # file names
    sdist: bool
    local: str = ""  # the folder that it is, relative to the lock's
    repository: bool = False
    file: str = ""  # the path of a local file

    def merged(self, other: Locked) -> Locked:
        """Add another row of the same name, for another platform."""
        return replace(
            self,
            depends=self.depends + other.depends,
            wheels=self.wheels + other.wheels,
            sdist=self.sdist or other.sdist,
            repository=self.repository or other.repository,
        )


@dataclass(frozen=True)
class Lock:
    path: str
    python: str  # the range that it was made for
    packages: dict[str, Locked]
    main: frozenset[str]  # the names that it marks as production


def closure(lock: Lock, names: set[str], python: str) -> set[str]:
    """Return the locked packages that `names` need on Linux with a Python version such as `3.13`."""
    environment = linux(python)
    pending = list(names)
    found: set[str] = set()
    while pending:
        item = lock.packages.get(pending.pop())
        if item is None or item.name in found:
            continue
        found.add(item.name)
        pending += [name for name, marker in item.depends if holds(marker, environment)]
    return found


def holds(marker: str, environment: dict[str, str]) -> bool:
    """Tell whether a marker holds; an unreadable one does."""
    if not marker:
        return True
    try:
        return Marker(marker).evaluate(environment)
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, ValueError, RecursionError):
        return True
