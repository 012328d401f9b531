"""Lock files in one form: packages, what they depend on, and the wheels that exist for them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName


@dataclass(frozen=True)
class Locked:
    """A locked distribution: `depends` are (name, marker), `wheels` file names; `local` tells that it is a
    folder of the project, `file` is its path where it is a file there."""

    name: str
    version: str
    depends: tuple[tuple[str, str], ...]
    wheels: tuple[str, ...]
    sdist: bool
    local: bool = False
    repository: bool = False
    file: str = ""

    def merged(self, other: Locked) -> Locked:
        """Return the distribution with what another row of the same name adds, for another platform."""
        return replace(
            self,
            depends=self.depends + other.depends,
            wheels=self.wheels + other.wheels,
            sdist=self.sdist or other.sdist,
            repository=self.repository or other.repository,
        )


@dataclass(frozen=True)
class Lock:
    """A lock file; `python` is the range it was made for, `main` the names it marks as production."""

    path: str
    python: str
    packages: dict[str, Locked]
    main: frozenset[str]


def closure(lock: Lock, names: set[str], python: str) -> set[str]:
    """Return the locked packages that `names` lead to on Linux with a Python version such as `3.13`."""
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


def linux(python: str) -> dict[str, str]:
    """Return the marker environment of CPython `python` on 64-bit Linux."""
    return {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "os_name": "posix",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "implementation_version": f"{python}.0",
        "extra": "",
        "platform_release": "",
        "platform_version": "",
    }


def holds(marker: str, environment: dict[str, str]) -> bool:
    """Tell whether a marker holds; one that cannot be read is taken to hold."""
    if not marker:
        return True
    try:
        return Marker(marker).evaluate(environment)
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, ValueError, RecursionError):
        return True
