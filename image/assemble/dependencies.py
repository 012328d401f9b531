"""The middle layer: the virtual environment, and the libraries that only its extension modules need."""

from __future__ import annotations

from pathlib import Path

from assemble import elf, left_out, packages, runtime
from assemble.tree import Tree

# Programs that a package installs for people who develop; a service calls modules.
KEPT_PROGRAMS = ("python", "python3")


def assemble(tree: Tree, environment: Path) -> None:
    """Put a virtual environment into a tree.

    Args:
        tree: A tree over the runtime's.
        environment: The virtual environment's folder.
    """
    tree.take(environment / "pyvenv.cfg")
    for name in KEPT_PROGRAMS:
        tree.take(environment / "bin" / name)
    for folder in sorted(environment.glob("lib/python3*/site-packages")):
        for path in left_out.kept(folder, left_out.DEPENDENCIES):
            tree.take(path)
    binaries = [path for path in tree.files() if elf.is_elf(tree.inside(path))]
    before = set(tree.files())
    runtime.take_libraries(tree, binaries)
    packages.record(tree, packages.Installed(), set(tree.files()) - before)
