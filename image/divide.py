"""Move what is not the application's code out of a tree, so that it becomes a layer of its own.

    python3 divide.py /rootfs /resources

Code changes with every commit, all else rarely: then a push after a change of source sends code alone.
"""

import sys
from pathlib import Path

CODE = (".py", ".pyc")
# The start script and the health probe are drydock's own.
OURS = Path("opt/image")


def divide(tree: Path, rest: Path) -> None:
    """Move every file that is not Python code of the application to the same place in another tree."""
    for file in sorted(tree.rglob("*")):
        inside = file.relative_to(tree)
        plain = file.is_file() and not file.is_symlink()
        if plain and (file.suffix not in CODE or inside.is_relative_to(OURS)):
            target = rest / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            file.rename(target)


if __name__ == "__main__":
    divide(Path(sys.argv[1]), Path(sys.argv[2]))
