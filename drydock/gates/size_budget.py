"""Weigh both images, by layer, package and file, against budgets, the base and main's last image.

The last image is the branch's newest from a clean commit that passed this gate on this machine: a refused
image must not be the measure. Without one, the branch is built (mainline.py). Without a commit, a note says
that nothing was compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from drydock.gates import budget
from drydock.gates.budget import GATE, Comparison
from drydock.gates.gate import Facts
from drydock.gates.subject import Subject
from drydock.image import content_digest
from drydock.project import TARGETS, Project
from drydock.state.history import Build, History, Judged, reading
from drydock.verdict import Verdict


def _settings(project: Project, target: str) -> Mapping[str, Any]:
    limits = {name: asdict(one) for name, one in project.budgets.items() if name.split(" ")[0] == target}
    return limits | {"compression": str(project.compression), "main": project.main_branch}


FACTS = Facts(targets=TARGETS, settings=_settings, changes="source", rank=20)


def judge(subject: Subject) -> Verdict:
    comparisons, notes = compare(subject)
    allowed = subject.project.budget(subject.name)
    return budget.judge(subject.image, allowed, subject.name, comparisons=comparisons, notes=notes)


def compare(subject: Subject) -> tuple[list[Comparison], list[str]]:
    """Return the comparisons for an image, and notes about those that could not be made."""
    comparisons: list[Comparison] = []
    notes: list[str] = []
    image, project, target = subject.image, subject.project, subject.name
    allowed, branch = project.budget(target), project.main_branch
    if limits := allowed.over_base:
        base = subject.base
        comparisons.append(Comparison("the base", base.on_disk, base.on_wire, limits))
    if limits := allowed.over_main:
        with reading(History()) as history:
            builds = history.builds(project.image, target)
            judged = history.verdicts_of(GATE, project.image, target)
        if known := last(builds, judged, branch, content_digest(image)):
            name, on_disk, on_wire, compression = remembered(*known, branch)
        elif found := subject.main:
            name, other = found
            on_disk, on_wire, compression = other.on_disk, other.on_wire, str(other.compression)
        else:
            return comparisons, [f"growth is not weighed: {branch} has no image before this one"]
        alike = compression == str(image.compression)
        comparisons.append(Comparison(name, on_disk, on_wire if alike else None, limits))
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
