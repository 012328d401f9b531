"""Compare a written Dockerfile with the present project, before a difference fails the build."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from drydock.project import Project, ignore
from drydock.project.dockerfile import Instruction, arguments, context_paths, instructions
from drydock.recipe import written
from drydock.recipe.errors import RecipeStale

if TYPE_CHECKING:
    from drydock.recipe.blueprint import Blueprint

_BIND = re.compile(r"--mount=type=bind,source=([^,\s]+)")
# Names for detected values in an error.
NAMES = {"APP_ENTRY_POINT": "the entry point", "PORT": "the port", "APP_PATH": "the import path"}


def check(project: Project, blueprint: Blueprint | None) -> None:
    """Refuse a written Dockerfile that no longer fits the project."""
    place = project.dockerfile
    text = place.read_text(encoding="utf-8")
    if written.MARK.search(text):
        how = "resolve them between the <<<<<<< and >>>>>>> marks"
        raise RecipeStale(dockerfile=place, drift="it holds conflicts", how=how)
    hidden = _Hidden(project)
    found = [*_missing(project, text, hidden)]
    found += _changed(project, blueprint, text, hidden) if blueprint else ()
    if found:
        how = "run `drydock init`" if blueprint else "correct it"
        raise RecipeStale(dockerfile=place, drift="; ".join(dict.fromkeys(found)), how=how)


def _missing(project: Project, text: str, hidden: _Hidden) -> Iterator[str]:
    """Yield the files that a Dockerfile names and the build context lacks."""
    for path in sources(text):
        if not (project.root / path).exists():
            yield f"{path} does not exist"
        else:
            yield from hidden.of(path)


class _Hidden:
    """The ignore rules of a project's build."""

    def __init__(self, project: Project) -> None:
        self._root, self._rules = project.root, project.ignore
        text = ignore.text(self._rules)
        self._excludes = ignore.rule(ignore.patterns(text))
        before = written.base(self._rules, text)
        self._excluded = ignore.rule(ignore.patterns(text if before is None else before))

    def of(self, path: str) -> Iterator[str]:
        """Yield an error if the rules exclude a file, or every file of a folder."""
        inside = (file.relative_to(self._root).as_posix() for file in (self._root / path).rglob("*"))
        if all(map(self._excludes, itertools.chain([next(inside, path)], inside))):
            yield f"{self._rules.name} keeps {path} out"

    def before(self, path: str) -> bool:
        """Tell whether the rules that `init` wrote exclude a file; a person may exclude others."""
        return self._excluded(path)


def _changed(project: Project, blueprint: Blueprint, text: str, hidden: _Hidden) -> Iterator[str]:
    """Yield the findings that a Dockerfile lacks, unless a person changed them there."""
    from drydock.recipe import dockerfile
    from drydock.recipe.contents import is_below

    copied = sources(text)
    # The copy of the whole folder does not bring the tests.
    narrow = [path for path in copied if path not in (".", blueprint.base)]
    out: list[str] = []
    for path in (*blueprint.entries, *blueprint.tests):
        if not any(is_below(path, one) for one in (narrow if path in blueprint.tests else copied)):
            yield f"{path} is not copied"
        if found := list(hidden.of(path)):
            out.append(path)
            yield from found
    for path in blueprint.needed:
        if hidden.before(path) and not any(is_below(path, one) for one in out):
            yield from hidden.of(path)
    base = written.base(project.dockerfile, text) or ""
    now, before = arguments(text), arguments(base)
    for name, value in arguments(dockerfile.render(blueprint)).items():
        if name in NAMES and now.get(name) == before.get(name) != value:
            yield f"{NAMES[name]} is {value}, not {now[name]}"
    module = now.get("APP_ENTRY_POINT", "").partition(":")[0]
    if not base and module != blueprint.entry_point.partition(":")[0]:
        yield f"the entry point is {blueprint.entry_point}"


def sources(text: str) -> list[str]:
    """Return the build context's paths that a Dockerfile reads, except patterns."""
    found = [word for one in instructions(text) for word in (*one.copied[:-1], *_bound(one))]
    return context_paths(found, arguments(text))


def _bound(one: Instruction) -> list[str]:
    return _BIND.findall(one.text) if one.keyword == "RUN" else []


def stage(text: str, name: str) -> bool:
    """Tell whether a stage of a Dockerfile copies anything."""
    _, _, rest = text.partition(f" AS {name}\n")
    first = next(instructions(rest), None)
    return first is not None and first.keyword == "COPY"


def differs(place: Path, texts: Mapping[str, str]) -> bool:
    """Tell whether another state of the project, or another drydock, made a written Dockerfile."""
    now = place.read_text(encoding="utf-8")
    return written.made_from(now) != written.digest(texts[place.name])
