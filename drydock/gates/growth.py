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
from drydock.project import Budget, Project


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
        if found := last(builds, judged, project.main_branch, content_digest(image)):
            build, one = found
            weighed = one.verdict.measurements
            # Sizes on the wire compare among layers that are compressed in the same way.
            same = weighed.get("compression") == str(image.compression)
            comparisons.append(
                Comparison(
                    f"{project.main_branch} of {datetime.fromtimestamp(build.at, UTC):%Y-%m-%d}",
                    weighed["on_disk"],
                    weighed["on_wire"] if same else None,
                    limits.on_disk,
                    limits.on_wire,
                )
            )
        else:
            branch = project.main_branch
            notes.append(
                f"no earlier image of {branch} has passed on this machine: growth is not weighed yet"
            )
    return comparisons, notes


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
