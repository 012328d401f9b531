"""By how much an image may exceed others: its base, and the last image of the main branch.

That is the newest one of a committed state of the branch which the size gate let pass on this machine: an
image that was refused is no measure for the next. Where there is none yet, nothing can be compared, and the
verdict says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from drydock.gates.budget import GATE, Comparison
from drydock.history import Build, History, Judged, reading
from drydock.image import Image, content_digest
from drydock.project import Budget, Growth, Project


def compare(
    image: Image, allowed: Budget, project: Project, target: str, base: Callable[[], Image]
) -> tuple[list[Comparison], list[str]]:
    """Return what an image is compared with, and what is to be said where that is nothing.

    Args:
        image: The image.
        allowed: Its budget; what it does not limit is not looked at.
        project: The image's project.
        target: Its target.
        base: Reads the base image.

    Raises:
        errors.HistoryUnreadable: There may be an image of the main branch, and it cannot be looked up.
    """
    comparisons, notes = [], []
    if limits := allowed.over_base:
        below = base()
        comparisons.append(
            Comparison("the base", below.on_disk, below.on_wire, limits.on_disk, limits.on_wire)
        )
    if limits := allowed.over_main:
        with reading(History()) as history:
            builds = history.builds(project.image, target)
            judged = history.verdicts_of(GATE, project.image, target)
        found = last(builds, judged, project.main_branch, content_digest(image))
        if found is None:
            notes.append(f"growth is not weighed: no image of {project.main_branch} has passed here yet")
        else:
            comparison = over_main(*found, project.main_branch, str(image.compression), limits)
            comparisons.append(comparison)
            if comparison.on_wire is None and limits.on_wire is not None:
                notes.append(f"growth on the wire is not weighed: {comparison.name} is compressed otherwise")
    return comparisons, notes


def over_main(build: Build, judged: Judged, branch: str, compression: str, limits: Growth) -> Comparison:
    """Return what is compared with the main branch's last image.

    Args:
        build: That image's build.
        judged: What the size gate said when it passed.
        branch: The main branch.
        compression: How layers are compressed now: sizes on the wire compare only among equal ones.
        limits: By how much that image may be exceeded.
    """
    weighed = judged.verdict.measurements
    name = f"{branch} of {datetime.fromtimestamp(build.at, UTC):%Y-%m-%d}"
    on_wire = weighed["on_wire"] if weighed.get("compression") == compression else None
    return Comparison(name, weighed["on_disk"], on_wire, limits.on_disk, limits.on_wire)


def last(
    builds: Sequence[Build], judged: Sequence[Judged], branch: str, content: str
) -> tuple[Build, Judged] | None:
    """Return the last image of a branch, and what the size gate said when it passed; None where none did.

    Args:
        builds: A target's builds, the newest first.
        judged: What the size gate said about that target, the newest first.
        branch: The branch.
        content: Content digest of the image that is compared: on the branch itself, with the one before it.
    """
    passed: dict[str, Judged] = {}
    for one in judged:
        if one.verdict.passed:
            passed.setdefault(one.content, one)
    for build in builds:
        committed = build.origin.branch == branch and not build.origin.dirty
        if committed and build.image and build.image.content in passed and build.image.content != content:
            return build, passed[build.image.content]
    return None
