"""The programs `drydock` and `fastapi-drydock`: drydock's tasks as a command of their own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

from drydock.pipes import readable


def main() -> None:
    # Answered here: an import of Invoke takes ten times as long.
    if sys.argv[1:] in (["--version"], ["-V"]):
        import drydock

        with readable():
            sys.stdout.write(f"drydock {drydock.version()}\n")
        return
    sys.meta_path.insert(0, Postponed())
    from drydock.cli.program import Drydock
    from drydock.tasks import namespace

    Drydock(name="drydock", binary="drydock", namespace=namespace).run()


class Postponed(MetaPathFinder):
    """Load Invoke's YAML at its first use: it takes half of Invoke's import time, and is rarely used."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "invoke.vendor.yaml":
            return None
        found = PathFinder.find_spec(name, path, target)
        if found and found.loader:
            found.loader = LazyLoader(found.loader)
        return found
