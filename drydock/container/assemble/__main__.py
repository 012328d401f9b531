"""Assemble one layer of an image: `python3 -m assemble runtime|dependencies|bytecode`.

runtime                    interpreter, standard library, system files: /layers/runtime
dependencies [EXTRAS [PACKAGES]]
                           /opt/venv and its libraries: /layers/dependencies. EXTRAS names files that are
                           opened by name at run time, PACKAGES Debian packages that the running program
                           needs, both separated by spaces
bytecode                   bytecode and times for /opt/venv itself
"""

from __future__ import annotations

import sys
from pathlib import Path

from assemble import bytecode, dependencies, packages, runtime, times
from assemble.tree import Tree

ENVIRONMENT = Path("/opt/venv")
LAYERS = Path("/layers")
# The runtime's /layers, where the dependencies are assembled; Dockerfiles of an earlier drydock copy them.
BELOW = place if (place := Path("/below")).exists() else LAYERS
# The names of the base image's packages.
BASE = "base.txt"
PROFILE = Path(__file__).parent.parent / "bytecode.txt"


def main(layer: str, extras: str = "", asked: str = "") -> None:
    if layer == "bytecode":
        dependencies.prepare(ENVIRONMENT)
        return
    made = LAYERS / layer
    profile = bytecode.measured(PROFILE)
    if layer == "runtime":
        installed = packages.Installed()
        runtime.assemble(Tree(made), profile, installed)
        (LAYERS / BASE).write_text("".join(f"{package.name}\n" for package in installed.packages))
    else:
        tree = Tree(made, (BELOW / "runtime",))
        base = (BELOW / BASE).read_text().split()
        dependencies.assemble(tree, ENVIRONMENT, profile, extras.split(), base, asked.split())
    times.settle(made, files=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
