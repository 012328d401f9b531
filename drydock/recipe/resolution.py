"""Lock projects that have no lock, in the user's cache, by the digest of their declaration."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from packaging.version import Version

from drydock import state
from drydock.detect import Dependencies
from drydock.detect.requirements import ARCHIVES, read_requirements
from drydock.detect.tree import Tree
from drydock.progress import Patience
from drydock.project.network import INDEX_VARIABLES
from drydock.recipe import resolve
from drydock.recipe.blueprint import BUILD_HEAD, BUILD_LOCK, TEST_LOCK, Blueprint
from drydock.recipe.errors import NotLocked
from drydock.state.sealed import write_whole


@dataclass(frozen=True)
class Resolution:
    """The result of resolving a declaration."""

    python: tuple[str, ...]  # versions that all packages have wheels for, the first choice first
    files: Mapping[str, str]  # the lock files' texts, by their paths in the project


def is_needed(blueprint: Blueprint) -> bool:
    """Tell whether a lock is missing, of the dependencies or of the project's own build."""
    return resolve.is_needed(blueprint) or _lacks_build_lock(blueprint)


def _lacks_build_lock(blueprint: Blueprint) -> bool:
    return bool(blueprint.installed) and not blueprint.build_lock


def expected(blueprint: Blueprint) -> tuple[Blueprint, tuple[str, ...]]:
    """Return the blueprint as if its missing locks existed, and their paths."""
    paths: list[str] = []
    if resolve.is_needed(blueprint):
        blueprint = resolve.planned(blueprint)
        paths += filter(None, (blueprint.lock, blueprint.test_lock))
    if _lacks_build_lock(blueprint):
        blueprint = replace(blueprint, build_lock=_place(paths))
        paths.append(blueprint.build_lock)
    return blueprint, tuple(dict.fromkeys(paths))


def _place(made: Iterable[str]) -> str:
    """Return the path of the lock of the build's tools: a new lock of the tests holds them too."""
    return next((path for path in made if path.endswith(TEST_LOCK)), BUILD_LOCK)


def completed(blueprint: Blueprint, patience: Patience, *, fit: bool) -> tuple[Blueprint, Mapping[str, str]]:
    """Return the blueprint with its missing locks, and their texts by path."""
    if not is_needed(blueprint):
        return blueprint, {}
    found = find(blueprint, patience, fit=fit)
    return _applied(blueprint, found), found.files


def find(blueprint: Blueprint, patience: Patience, *, fit: bool) -> Resolution:
    """Return a declaration's resolution, from the cache if possible; `fit` lets wheels decide the Python."""
    path = state.cache("resolutions") / f"{digest(blueprint, fit=fit)}.json"
    if (known := _read(path)) is None:
        known = make(blueprint, patience, fit=fit)
        write_whole(path, json.dumps(asdict(known)).encode())
    # A file's age counts from its last use.
    os.utime(path)
    return known


def digest(blueprint: Blueprint, *, fit: bool) -> str:
    """Return the digest of a resolution's inputs: declarations, Python versions, index."""
    found = blueprint.dependencies
    folder = blueprint.root / found.folder
    # A requirements file of the tests may include another one.
    texts = [*folder.glob("*.txt"), *folder.glob("requirements/*.txt")]
    manifests = (place / "pyproject.toml" for place in (folder, blueprint.root / blueprint.source))
    paths = {*(blueprint.root / name for name in found.files), *texts, *manifests}
    there = (path for path in paths if path.is_file())
    read = {str(path.relative_to(blueprint.root)): path.read_text("utf-8", "replace") for path in there}
    versions = (blueprint.python, *blueprint.python_also, blueprint.python_last)
    indexes = [os.environ.get(name) for name in INDEX_VARIABLES]
    build = [blueprint.build_lock, blueprint.installed]
    asked = [found.install, found.requirements, blueprint.server, versions, fit, *build, indexes]
    return hashlib.sha256(json.dumps([read, asked], sort_keys=True).encode()).hexdigest()


def make(blueprint: Blueprint, patience: Patience, *, fit: bool) -> Resolution:
    files: dict[str, str] = {}
    if resolve.is_needed(blueprint):
        blueprint, files = _solved(blueprint, patience, fit=fit)
    if _lacks_build_lock(blueprint):
        with patience("resolving what the project's own build needs"):
            text = resolve.build_tools(blueprint)
        if text:
            files[_place(files)] = files.get(_place(files), "") + text
    return Resolution((blueprint.python, *blueprint.python_also), files)


def _solved(blueprint: Blueprint, patience: Patience, *, fit: bool) -> tuple[Blueprint, dict[str, str]]:
    """Resolve for all Pythons of a blueprint, else without the oldest ones, which a package may refuse."""
    while True:
        try:
            fitting = blueprint
            if fit:
                with patience("asking the package index for which Pythons there are wheels"):
                    fitting = resolve.fitted(blueprint)
            with patience("resolving the dependencies, and what the tests need"):
                return fitting, dict(resolve.resolve(fitting))
        except NotLocked as error:
            older = (v for v in blueprint.python_also if Version(v) < Version(blueprint.python))
            others = sorted(older, key=Version)
            if not others or not resolve.is_unsolvable(error):
                raise
            kept = tuple(version for version in blueprint.python_also if version != others[0])
            blueprint = replace(blueprint, python_also=kept)


def _applied(blueprint: Blueprint, found: Resolution) -> Blueprint:
    first, *others = found.python
    needed = resolve.is_needed(blueprint)
    of_build = next((path for path, text in found.files.items() if BUILD_HEAD in text), "")
    blueprint = replace(
        blueprint,
        python=first,
        python_also=tuple(others),
        resolved=frozenset(found.files),
        build_lock=blueprint.build_lock or of_build,
    )
    if not needed:
        return blueprint
    locked = resolve.planned(blueprint)
    text = found.files[locked.lock]
    if " @ git+" in text:  # perhaps only a dependency's dependency
        locked = replace(locked, system_build=tuple(dict.fromkeys((*locked.system_build, "git"))))
    return replace(locked, dependencies=_read_as(locked, text))


def _read_as(locked: Blueprint, text: str) -> Dependencies:
    """Return the dependencies as detection reads them from the lock, once it is written."""
    read = read_requirements(Tree(locked.root), locked.lock, text)
    archives = tuple(file for file in read.files if file.endswith(ARCHIVES))
    unhashed = not resolve.is_hashed(text)
    return replace(
        locked.dependencies, files=read.files, archives=archives, hashed=read.hashed, unhashed=unhashed
    )


def _read(path: Path) -> Resolution | None:
    """Return a cached resolution, None without a readable one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Resolution(tuple(content["python"]), content["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
