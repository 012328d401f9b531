"""The files of a project's recipe: rendered from findings, and written by `init`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from drydock import detect
from drydock.detect import Findings
from drydock.detect.errors import Undecided
from drydock.errors import BadConfiguration
from drydock.nearest import choices
from drydock.progress import Patience, unseen
from drydock.project import configuration
from drydock.recipe import (
    ci,
    compose,
    dockerfile,
    expectations,
    ignorefile,
    manifests,
    packaged,
    resolution,
    resolve,
    writing,
    written,
)
from drydock.recipe.blueprint import Blueprint, draw
from drydock.recipe.errors import FilesDiffer, FolderNotLocked, MergeConflicts
from drydock.recipe.notes import notes
from drydock.recipe.writing import Change
from drydock.spelling import spelled

TASKS = {
    "tasks.py": "from drydock.tasks import namespace as namespace\n",
    "noxfile.py": "from drydock import sessions as sessions\n",
}


class Extra(NamedTuple):
    """The files of `--with NAME`."""

    places: Callable[[Path], Iterable[str]]  # where they are in a project
    render: Callable[[Blueprint], Mapping[str, str]]  # text by path


def _ci(job: ci.Job) -> Extra:
    return Extra(lambda root: [job.place(root)], lambda blueprint: job.render(blueprint.root))


EXTRAS = {
    "compose": Extra(lambda root: [compose.place(root)], compose.render),
    "expectations": Extra(lambda _: [expectations.PLACE], expectations.render),
    "github": _ci(ci.GITHUB),
    "gitlab": _ci(ci.GITLAB),
    "hook": _ci(ci.HOOK),
    "kubernetes": Extra(manifests.places, manifests.render),
    "tasks": Extra(lambda _: TASKS, lambda _: TASKS),
}


@dataclass(frozen=True)
class Outcome:
    """The files that `init` writes, or would write."""

    root: Path  # gets the files: the project's folder, or the workspace above it that holds the lock
    changes: tuple[Change, ...]  # the files that differ from the present ones
    notes: tuple[str, ...]  # for a person, one line each
    unresolved: tuple[str, ...] = ()  # lock files that a dry run does not make


def init(
    folder: Path,
    options: Mapping[str, str],
    *,
    extras: Sequence[str] = (),
    vendor: bool = False,
    dry_run: bool = False,
    force: bool = False,
    lock: bool = True,
    patience: Patience = unseen,
) -> Outcome:
    """Write a project's recipe, merged into the files of an earlier `init`.

    Args:
        extras: Names in `EXTRAS`.
        vendor: Also write the scripts of the build.
        force: Overwrite edits.
    """
    given = configuration.options(options)
    for name in extras:
        if name not in EXTRAS:
            how = f"use one of {choices(name, EXTRAS)}"
            raise BadConfiguration(where=f"--with {name}", problem="is not known", how=how)
    found = decided(folder, configuration.words(given))
    table = {**configuration.table(found.root), **given}
    blueprint = plan(found, given)
    declaration = blueprint.dependencies
    if declaration.local and not (lock or declaration.locked or declaration.by_text):
        raise FolderNotLocked(root=found.root, names=", ".join(declaration.local))
    locks: Mapping[str, str] = {}
    unresolved: tuple[str, ...] = ()
    if lock and dry_run:
        blueprint, unresolved = resolution.expected(blueprint)
    elif lock:
        blueprint, locks = resolution.completed(blueprint, patience, fit="python" not in table)
        blueprint = replace(blueprint, resolved=frozenset())
    vendor = vendor or f"\nCOPY {dockerfile.VENDORED}/ /\n" in written.text(found.root)
    wanted = render(blueprint, vendor=vendor)
    for name, extra in EXTRAS.items():
        # An extra that was once requested is kept up to date.
        if name in extras or any(written.is_ours(found.root / path) for path in extra.places(found.root)):
            wanted |= extra.render(blueprint)
    changes = [_change(found.root, path, text, force=force) for path, text in wanted.items()]
    plain = {**locks, **configuration.amended(found.root, given)}
    changes += writing.changes(found.root, plain)
    kept = tuple(change for change in changes if change.old != change.new)
    outcome = Outcome(found.root, kept, tuple(notes(found, blueprint)), unresolved)
    if dry_run:
        return outcome
    if lost := [change for change in kept if change.lost]:
        evidence = "".join(change.difference for change in lost)
        raise FilesDiffer(root=found.root, names=_names(lost), evidence=evidence)
    for text in wanted.values():
        written.keep(text)
    writing.write_down(found.root, kept)
    if conflicts := [change for change in changes if written.MARK.search(change.new)]:
        evidence = "".join(change.difference for change in conflicts)
        raise MergeConflicts(root=found.root, names=_names(conflicts), evidence=evidence)
    return outcome


def _names(changes: Sequence[Change]) -> str:
    return ", ".join(change.path for change in changes)


def _change(root: Path, path: str, text: str, *, force: bool) -> Change:
    """Return the change that updates a file of `init` and keeps a person's edits."""
    place = root / path
    if not place.is_file():
        return Change(path, None, written.stamped(text))
    now = place.read_text(encoding="utf-8", errors="replace")
    new = written.stamped(text)
    if force or written.digest(now) == written.digest(text):
        # An equal text under another version's header stays.
        return Change(path, now, now if written.made_from(now) == written.digest(text) else new)
    if written.made_from(now) == written.digest(text):
        return Change(path, now, now)
    base = written.base(place, now)
    if base is None:
        return Change(path, now, new, lost=True)
    return Change(path, now, written.merge(now, base, text))


def decided(folder: Path, options: Mapping[str, str]) -> Findings:
    """Return the findings of a project without conflicts and blockers."""
    found = detect.detect(folder, configuration.configured(folder) | dict(options))
    if reasons := [one.text for one in found.conflicts] + [one.text for one in found.blockers]:
        raise Undecided(path=folder, count=len(reasons), evidence=spelled("\n".join(reasons)))
    return found


def plan(findings: Findings, options: Mapping[str, Any] | None = None) -> Blueprint:
    """Return the blueprint of a project from its present files and some options."""
    table = {**configuration.table(findings.root), **(options or {})}
    source = findings.root / (findings.source.value if findings.source else ".")
    metadata = configuration.metadata(source)
    name = configuration.image_name(str(metadata.get("name") or source.name))
    blueprint = draw(findings, table, name, _maintainer(metadata))
    before = written.python(findings.root)
    others = (*blueprint.python_also, blueprint.python_last)
    if "python" in table or not before or before not in others or not blueprint.lock.endswith(resolve.LOCK):
        return blueprint
    # The wheels decided it when the lock was made; the lock does not name it.
    return replace(blueprint, python=before, python_also=blueprint.python_also[others.index(before) + 1 :])


def render(blueprint: Blueprint, *, vendor: bool = False) -> dict[str, str]:
    """Return the files of `init`: text by path; files of another origin keep their names."""
    place, rules = written.places(blueprint.root)
    text = dockerfile.render(blueprint, vendor=vendor)
    scripts = packaged.helpers(text, dockerfile.VENDORED) if vendor else {}
    ignored = ignorefile.render(blueprint, scripts=dockerfile.VENDORED if vendor else "")
    return {place: text, rules: ignored, **scripts}


def _maintainer(metadata: Mapping[str, object]) -> str:
    people = metadata.get("authors")
    first = people[0] if isinstance(people, list) and people else ""
    if isinstance(first, Mapping):  # in Poetry's older form it is a text
        return str(first.get("name") or first.get("email") or "")
    return str(first)
