"""Write a project's Dockerfile, .dockerignore, manifests and configuration from what was found in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from drydock import detect, project
from drydock.detect import Findings
from drydock.detect.errors import Undecided
from drydock.progress import Patience, unseen
from drydock.recipe import (
    amending,
    configuration,
    dockerfile,
    expectations,
    ignorefile,
    manifests,
    packaged,
    resolve,
    writing,
)
from drydock.recipe.blueprint import BUILD_LOCK, Blueprint, draw
from drydock.recipe.errors import FilesDiffer
from drydock.recipe.notes import notes
from drydock.recipe.writing import Change
from drydock.spelling import spelled

# So many names fit in the line of an error.
SHOWN = 5

__all__ = ["Blueprint", "Change", "Outcome", "init", "plan", "render"]


@dataclass(frozen=True)
class Outcome:
    """What `init` writes, or would write.

    Args:
        root: The folder that gets the files: the project's, or the workspace above it that holds the lock.
        changes: The files that differ from what is there.
        notes: What a person should know, one line each.
        unresolved: Lock files that a dry run leaves unmade.
    """

    root: Path
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    unresolved: tuple[str, ...] = ()

    @property
    def overwritten(self) -> tuple[Change, ...]:
        """The changes that only --force makes."""
        return tuple(change for change in self.changes if change.overwrites)


def init(
    folder: Path,
    options: Mapping[str, str],
    *,
    dry_run: bool = False,
    force: bool = False,
    lock: bool = True,
    patience: Patience = unseen,
) -> Outcome:
    """Write everything that a project needs to become an image, or nothing.

    Args:
        folder: The project.
        options: Options of ``[tool.drydock]`` in single words, which win over what is found.
        dry_run: Only say what would be written.
        force: Overwrite files that differ.
        lock: Lock dependencies that have no lock.
        patience: Gives signs of life while the package index is asked.

    Raises:
        Undecided: Its files contradict themselves, or cannot become an image; carries every reason.
        FilesDiffer: Files are there already and differ; carries the difference.
        NotLocked: Its dependencies cannot be resolved.
    """
    found = decided(folder, options)
    blueprint = plan(found)
    made: dict[str, str] = {}
    unresolved: tuple[str, ...] = ()
    if lock and resolve.is_needed(blueprint):
        if not dry_run and "python" not in {**project.table(found.root), **options}:
            with patience("asking the package index for which Pythons there are wheels"):
                blueprint = resolve.fitted(blueprint)
        locked = resolve.planned(blueprint)
        if dry_run:
            unresolved = (locked.lock, locked.test_lock)
        else:
            with patience("locking the dependencies, and what the tests need"):
                made = resolve.resolve(blueprint)
            hashed = resolve.is_hashed(made[locked.lock])
            locked = replace(locked, dependencies=replace(locked.dependencies, hashed=hashed))
        blueprint = locked
    if lock and blueprint.installed and not blueprint.build_locked:
        if dry_run:
            unresolved += (BUILD_LOCK,)
        else:
            with patience("locking what the project's own build needs"):
                made |= resolve.build_tools(blueprint)
        blueprint = replace(blueprint, build_locked=dry_run or BUILD_LOCK in made)
    place, text, adds = _configuration(blueprint, options)
    wanted = {**render(blueprint), **made, **({place: text} if place else {})}
    changes = writing.changes(found.root, wanted, additions=[*([place] if adds else []), *made])
    outcome = Outcome(found.root, changes, tuple(notes(found, blueprint)), unresolved)
    if dry_run:
        return outcome
    if outcome.overwritten and not force:
        names = [change.path for change in outcome.overwritten]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise FilesDiffer(
            root=found.root,
            names=", ".join(names[:SHOWN]) + more,
            evidence="".join(change.difference for change in outcome.overwritten),
        )
    writing.write(found.root, changes)
    return outcome


def decided(folder: Path, options: Mapping[str, str]) -> Findings:
    """Return what was found in a project where nothing stands in the way of an image.

    Raises:
        Undecided: Something does; carries every reason.
    """
    found = detect.detect(folder, project.configured(folder) | dict(options))
    if reasons := [one.text for one in found.conflicts] + [one.text for one in found.blockers]:
        raise Undecided(path=folder, count=len(reasons), evidence=spelled("\n".join(reasons)))
    return found


def plan(findings: Findings) -> Blueprint:
    """Return the blueprint of a project as its files are now."""
    table = project.table(findings.root)
    source = findings.root / (findings.source.value if findings.source else ".")
    metadata = project.metadata(source)
    name = project.image_name(str(metadata.get("name") or source.name))
    return draw(findings, table, name, _maintainer(metadata))


def render(blueprint: Blueprint) -> dict[str, str]:
    """Return every file that is made of a blueprint, its configuration apart: text by path."""
    text = dockerfile.render(packaged.dockerfile(), blueprint)
    helpers = packaged.helpers(text)
    judged = expectations.render(blueprint)
    return {
        "Dockerfile": text,
        ".dockerignore": ignorefile.render(blueprint, helpers),
        **helpers,
        **manifests.render(blueprint),
        # What a project expects of its image is its own decision, once it stands there.
        **({} if (blueprint.root / expectations.PLACE).is_file() else {expectations.PLACE: judged}),
    }


def _configuration(blueprint: Blueprint, options: Mapping[str, str]) -> tuple[str, str, bool]:
    """Return the configuration's file, its new text, and whether nothing of the old one is lost.

    What somebody has written stays as it is, but for options that are given now.
    """
    manifest = blueprint.root / "pyproject.toml"
    if old_table := project.table(blueprint.root):
        if not options:
            return "", "", False
        own = blueprint.root / project.FILE
        place = own if own.is_file() else manifest
        text = place.read_text(encoding="utf-8")
        amended = amending.amend(text, "" if own.is_file() else "tool.drydock", options, place)
        return place.name, amended, not set(options) & set(old_table)
    table = "tool.drydock" if manifest.is_file() else ""
    rendered = configuration.render(blueprint, f"[{table}]" if table else "")
    old = f"{manifest.read_text(encoding='utf-8').rstrip()}\n\n" if table else ""
    # What detection alone reads was given all the same, and decides the next time too.
    others = {key: word for key, word in options.items() if key not in configuration.values(blueprint)}
    place = manifest if table else blueprint.root / project.FILE
    return place.name, amending.amend(old + rendered, table, others, place), True


def _maintainer(metadata: Mapping[str, object]) -> str:
    people = metadata.get("authors")
    first = people[0] if isinstance(people, list) and people else ""
    if isinstance(first, Mapping):  # Poetry's older form is a text
        return str(first.get("name") or first.get("email") or "")
    return str(first)
