"""Compare an image's sizes with its base's and with those of the main branch's last image.

The last image is the branch's newest from a clean commit that passed the size gate on this machine. A refused
image must not be the measure. Without a last image, the branch is built (mainline.py). Without a commit, a
note says that nothing was compared.
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
    """Return the comparisons for an image, and notes about those that could not be made."""
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
    """Return name, size on disk, size on the wire and compression of the branch's last image."""
    weighed = judged.verdict.measurements
    name = f"{branch} of {datetime.fromtimestamp(build.at, UTC):%Y-%m-%d}"
    return name, weighed["on_disk"], weighed["on_wire"], weighed.get("compression", "")


def last(
    builds: Sequence[Build], judged: Sequence[Judged], branch: str, content: str
) -> tuple[Build, Judged] | None:
    """Return the last other image of a branch that passed, with its verdict; None without one."""
    passed: dict[str, Judged] = {}
    for one in judged:
        if one.verdict.passed:
            passed.setdefault(one.content, one)
    for build in builds:
        committed = build.origin.branch == branch and not build.origin.dirty
        if committed and build.image and build.image.content in passed and build.image.content != content:
            return build, passed[build.image.content]
    return None
