"""Divide an application's files into two trees, compile them, and list their imports.

    PYTHONPATH=/drydock python3 -m divide /rootfs /layers

makes /layers/code, /layers/resources and /layers/imports.txt. The environment holds the build's arguments.
"""

import os
import shutil
import sys
from pathlib import Path

from divide import imports, trees, written

SCRIPTS = ("start.py", "limits.py", "probe.py")
OURS = Path("opt/image")


def main() -> None:
    tree, layers = map(Path, sys.argv[1:])
    code, resources = layers / "code", layers / "resources"
    written.write(tree, os.environ)
    for name in SCRIPTS:
        shutil.copyfile(Path(__file__).parent.parent / name, tree / OURS / name)
    trees.divide(tree, code, resources, os.environ["APP_WORKDIR"])
    roots = [Path(f"{tree}{part}") for part in os.environ["APP_PATH"].split(":")]
    entry = os.environ["APP_ENTRY_POINT"].partition(":")[0]
    statements, broken = imports.statements(tree, roots, entry)
    if broken:
        wrong = {f"/{path.relative_to(tree)}": why for path, why in broken.items()}
        sys.exit(
            "\n".join(f"error: {path} does not compile: {why}; correct it" for path, why in wrong.items())
        )
    for made in (code, resources):
        trees.settle(made)
    (layers / "imports.txt").write_text("".join(f"{line}\n" for line in statements))


if __name__ == "__main__":
    main()
