"""By how much an image may exceed others: its base, and the last image of the main branch.

That is the newest one of a committed state of the branch which the size gate let pass on this machine: an
image that was refused is no measure for the next. Where there is none yet, the branch is built (mainline.py);
where it has no commit either, nothing can be compared, and the verdict says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from drydock.gates.budget import GATE, Comparison
from drydock.image import Image, content_digest
from drydock.project import Budget, Project
from drydock.state.history import Build, History, Judged, reading


def compare(
    image: Image,
    allowed: Budget,
    project: Project,
    target: str,
    base: Callable[[], Image],
    mainline: Callable[[], tuple[str, Image] | None],
) -> tuple[list[Comparison], list[str]]:
    """Return what an image is compared with, and what is to be said where that is nothing."""
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
        known = last(builds, judged, project.main_branch, content_digest(image))
        if known:
            name, on_disk, on_wire, compression = remembered(*known, project.main_branch)
        elif found := mainline():
            name, other = found
            on_disk, on_wire, compression = other.on_disk, other.on_wire, str(other.compression)
        else:
            notes.append(f"growth is not weighed: {project.main_branch} has no image before this one")
            return comparisons, notes
        alike = compression == str(image.compression)
        weighed = on_wire if alike else None
        comparisons.append(Comparison(name, on_disk, weighed, limits.on_disk, limits.on_wire))
        if not alike and limits.on_wire is not None:
            notes.append(f"growth on the wire is not weighed: {name} is compressed otherwise")
    return comparisons, notes


def remembered(build: Build, judged: Judged, branch: str) -> tuple[str, int, int, str]:
    """Return name, both sizes and compression of the main branch's last image, as the size gate passed it."""
    weighed = judged.verdict.measurements
    name = f"{branch} of {datetime.fromtimestamp(build.at, UTC):%Y-%m-%d}"
    return name, weighed["on_disk"], weighed["on_wire"], weighed.get("compression", "")


def last(
    builds: Sequence[Build], judged: Sequence[Judged], branch: str, content: str
) -> tuple[Build, Judged] | None:
    """Return the last image of a branch, and what the size gate said when it passed; None where none did."""
    passed: dict[str, Judged] = {}
    for one in judged:
        if one.verdict.passed:
            passed.setdefault(one.content, one)
    for build in builds:
        committed = build.origin.branch == branch and not build.origin.dirty
        if committed and build.image and build.image.content in passed and build.image.content != content:
            return build, passed[build.image.content]
    return None
