"""Assemble one layer of the production image: `python3 -m assemble runtime|dependencies …`."""

from __future__ import annotations

import argparse
from pathlib import Path

from assemble import bytecode, dependencies, runtime
from assemble.tree import Tree


def main() -> None:
    """Parse the arguments and assemble."""
    parser = argparse.ArgumentParser(prog="assemble", description=__doc__)
    layers = parser.add_subparsers(dest="layer", required=True)
    lowest = layers.add_parser("runtime", help="interpreter, standard library, system files")
    lowest.add_argument("tree", type=Path)
    lowest.add_argument("--user", type=int, required=True)
    lowest.add_argument("--group", type=int, required=True)
    middle = layers.add_parser("dependencies", help="the virtual environment and its libraries")
    middle.add_argument("tree", type=Path)
    middle.add_argument("--below", type=Path, required=True)
    middle.add_argument("--environment", type=Path, required=True)
    middle.add_argument("--extras", default="", help="what is opened by name, separated by spaces")
    for layer in (lowest, middle):
        layer.add_argument(
            "--profile", type=Path, required=True, help="the measured imports; all, when absent"
        )
    given = parser.parse_args()
    profile = bytecode.measured(given.profile)
    if given.layer == "runtime":
        runtime.assemble(Tree(given.tree), given.user, given.group, profile)
    else:
        tree = Tree(given.tree, (given.below,))
        dependencies.assemble(tree, given.environment, profile, given.extras.split())


if __name__ == "__main__":
    main()
