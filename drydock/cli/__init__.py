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
    """Import Invoke without what takes most of its time and is not used here.

    Its class for tests needs a mock, which needs asyncio; its own version needs the distributions' metadata.
    """
    unused: dict[str, dict[str, object]] = {
        "unittest.mock": {"Mock": None},
        "importlib.metadata": {"version": str},
    }
    stubs = {name: ModuleType(name) for name in unused if name not in sys.modules}
    for name, stub in stubs.items():
        vars(stub).update(unused[name])
    sys.modules.update(stubs)
    try:
        import invoke  # noqa: F401
    finally:
        for name in stubs:
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
