"""The middle layer: the virtual environment, and the libraries that only its extension modules need."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from assemble import (
    bytecode,
    distributions,
    extras,
    named,
    packages,
    runtime,
    times,
    twins,
)
from assemble.tree import Tree, walk


def assemble(
    tree: Tree,
    environment: Path,
    profile: frozenset[str] | None,
    declared: Iterable[str] = (),
    base: Collection[str] = (),
    asked: Collection[str] = (),
) -> None:
    """Put a virtual environment into a tree over the runtime's.

    Args:
        profile: The measured source files that get bytecode; None for all.
        declared: Libraries, programs and files that are opened by name at run time.
        base: The Debian packages of the base image.
        asked: The Debian packages that the running program needs, as the project declares.

    Raises:
        SystemExit: Nothing is installed, a library is missing, or one lacks a symbol that another needs.
    """
    [site] = environment.glob("lib/python3*/site-packages")
    if not any(site.glob("*.dist-info")):
        version = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"error: the lock has nothing for Python {version}; lock for that version too")
    clean(environment)
    compiling = bytecode.start(site, site, bytecode.modules(site), profile, tree.inside(site))
    tree.take_all(environment)
    twins.link_twins(tree, site, runtime.known_libraries(), runtime.loader())
    extras.take(tree, declared)
    installed = packages.Installed()
    # A program of the base that is declared needs its package's modules.
    taken = filter(packages.is_program, tree.files(outside=environment))
    base = {*base} - {package.name for package in installed.owners(taken)}
    take_programs(tree, installed.programs(asked, base))
    for path in sorted(named.libraries(walk(environment), named.known())):
        tree.take(path)
    runtime.take_libraries(tree, tree.binaries())
    data = installed.data(base, runtime.known_libraries()["libc.so.6"].parent.resolve(), asked)
    for path in list(installed.whole(tree.files(outside=environment), base, data)):
        tree.take(path)
    # Locales, zones and terminals that a package added to the base's.
    runtime.take_folders(tree)
    binaries = tree.binaries()
    runtime.take_libraries(tree, binaries)
    runtime.take_conversions(tree)
    runtime.strip_all(tree)
    packages.record(tree, installed, set(tree.files(outside=environment)))
    _verify(tree, binaries)
    distributions.mend_records(tree, site)
    # Before empty folders are removed: a folder for bytecode may be one for a moment.
    bytecode.finish(compiling)
    tree.prune()
    for folder in empty_folders(environment):
        tree.folder(folder)
    for path, starter in started_elsewhere(tree, environment / "bin"):
        sys.stderr.write(f"drydock: {path} is started by {starter}, which production lacks\n")


def empty_folders(environment: Path) -> list[Path]:
    """Return the folders of an environment that hold nothing: a distribution may list or fill one."""
    return [Path(place) for place, folders, names in os.walk(environment) if not folders and not names]


def take_programs(tree: Tree, found: Iterable[tuple[str, Path]]) -> None:
    """Copy programs, and name the scripts among them that the image cannot start, by package."""
    unstarted: dict[tuple[str, str], list[str]] = {}
    for package, path in found:
        if starter := _missing_starter(tree, path):
            unstarted.setdefault((package, starter), []).append(path.name)
        else:
            tree.take(path)
    for (package, starter), names in sorted(unstarted.items()):
        told = f"drydock: {package}: production lacks {starter}, which starts {', '.join(names)}"
        sys.stderr.write(f"{told}; name {Path(starter).name} in EXTRA_FILES to have them\n")


def started_elsewhere(tree: Tree, programs: Path) -> Iterator[tuple[Path, str]]:
    """Yield the scripts of a folder whose first line names a program that the image lacks."""
    for path in sorted(programs.iterdir()):
        if starter := _missing_starter(tree, path):
            yield path, starter


def _missing_starter(tree: Tree, path: Path) -> str:
    """Return the program that a script's first line names, if the image lacks it."""
    with path.open("rb") if path.is_file() else io.BytesIO() as file:
        first = re.match(rb"#!\s*(/\S+)", file.read(256))
    starter = first[1].decode() if first else ""
    return "" if not starter or tree.has(Path(starter)) or tree.has(Path(starter).resolve()) else starter


def _verify(tree: Tree, binaries: list[Path]) -> None:
    """Refuse a tree whose files lost a library or symbol that the loader finds in the builder."""
    loader = runtime.loader()
    wrong = [
        f"error: {path} lost a library or symbol that it needs: {fault}"
        for path in binaries
        for fault in sorted(twins.complaints(tree.inside(path), loader) - twins.complaints(path, loader))
    ]
    if wrong:
        sys.exit("\n".join(wrong))


def clean(environment: Path) -> None:
    """Remove the installer's notes, its lock, which every user could write to, and others' bytecode."""
    (environment / ".lock").unlink(missing_ok=True)
    # The time at which a wheel or archive of the project reached this build: no two builds would be equal.
    for notes in environment.glob("lib/python3*/site-packages/*.dist-info/uv_cache.json"):
        notes.unlink()
        record = notes.with_name("RECORD")
        rows = record.read_text(encoding="utf-8").splitlines(keepends=True)
        record.write_text("".join(row for row in rows if notes.name not in row), encoding="utf-8")
    for place, folders, _ in os.walk(environment):
        if "__pycache__" in folders:
            shutil.rmtree(Path(place, "__pycache__"))
            folders.remove("__pycache__")


def prepare(environment: Path) -> None:
    """Write bytecode for all modules of a virtual environment, and set the times of everything in it."""
    [site] = environment.glob("lib/python3*/site-packages")
    clean(environment)
    bytecode.write(site, site, bytecode.modules(site))
    times.settle(environment)
