"""Compile an application, divide its files into two trees, and list what they import.

    PYTHONPATH=/image python3 -m divide /rootfs /layers

makes /layers/code, /layers/resources and /layers/imports.txt. APP_PATH and APP_WORKDIR tell where its modules
are imported from and where it runs; FILE_TIME is the time that every file gets.
"""

import os
import sys
from datetime import datetime
from pathlib import Path

from divide import imports, trees


def main() -> None:
    """Divide what the command line names."""
    tree, layers = map(Path, sys.argv[1:])
    code, resources = layers / "code", layers / "resources"
    trees.divide(tree, code, resources, os.environ["APP_WORKDIR"])
    # Before 3.11, Python does not know the Z.
    time = datetime.fromisoformat(os.environ["FILE_TIME"].replace("Z", "+00:00")).timestamp()
    for made in (code, resources):
        trees.settle(made, time)
    roots = [Path(f"{tree}{part}") for part in os.environ["APP_PATH"].split(":")]
    (layers / "imports.txt").write_text("".join(f"{line}\n" for line in imports.statements(tree, roots)))


if __name__ == "__main__":
    main()
