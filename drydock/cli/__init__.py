"""The programs `drydock` and `fastapi-drydock`: drydock's tasks as a command of their own."""

import sys
from collections.abc import Sequence
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
    _import_invoke()
    from drydock.cli.program import Drydock
    from drydock.tasks import namespace

    Drydock(name="drydock", binary="drydock", namespace=namespace).run()


def _import_invoke() -> None:
    """Import Invoke without asyncio, a third of its time: only its class for tests needs a mock."""
    name = "unittest.mock"
    stub = ModuleType(name)
    vars(stub)["Mock"] = None
    if sys.modules.setdefault(name, stub) is stub:
        try:
            import invoke  # noqa: F401
        finally:
            del sys.modules[name]


class Postponed:
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
