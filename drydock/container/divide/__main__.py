"""Divide an application's files into two trees, compile them, and list their imports.

    PYTHONPATH=/drydock python3 -m divide /rootfs /layers

makes /layers/code, /layers/resources and /layers/imports.txt. The environment holds the build's arguments.
"""

import os
import shutil
import sys
from pathlib import Path

from assemble import bytecode

from divide import imports, trees, written

SCRIPTS = ("start.py", "limits.py", "probe.py")
OURS = Path("opt/image")


def main() -> None:
    tree, layers = map(Path, sys.argv[1:])
    code, resources = layers / "code", layers / "resources"
    layers.mkdir(parents=True, exist_ok=True)
    written.write(tree, os.environ)
    for name in SCRIPTS:
        shutil.copyfile(Path(__file__).parent.parent / name, tree / OURS / name)
    listing = bytecode.forked(lambda: list_imports(tree, layers / "imports.txt"))  # compiling takes as long
    trees.divide(tree, code, resources, os.environ["APP_WORKDIR"])
    trees.settle(code, resources)
    if bytecode.failed(listing):
        sys.exit(1)


def list_imports(tree: Path, place: Path) -> None:
    """Write the statements of a tree's imports; refuse files that do not compile."""
    roots = [Path(f"{tree}{part}") for part in os.environ["APP_PATH"].split(":")]
    entry = os.environ["APP_ENTRY_POINT"].partition(":")[0]
    statements, broken = imports.statements(tree, roots, entry)
    for path, why in broken.items():
        message = f"error: /{path.relative_to(tree)} does not compile: {why}; correct it"
        print(message, file=sys.stderr, flush=True)  # noqa: T201
    if broken:
        os._exit(1)
    place.write_text("".join(f"{line}\n" for line in statements))


if __name__ == "__main__":
    main()
