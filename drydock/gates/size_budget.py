"""Weigh both images, by layer, package and file, against budgets, the base and main's last image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from drydock.gates import budget, growth
from drydock.gates.gate import Facts
from drydock.gates.subject import Subject
from drydock.project import TARGETS, Project
from drydock.verdict import Verdict


def _settings(project: Project, target: str) -> Mapping[str, Any]:
    limits = {name: asdict(one) for name, one in project.budgets.items() if name.split(" ")[0] == target}
    return limits | {"compression": str(project.compression), "main": project.main_branch}


FACTS = Facts(targets=TARGETS, settings=_settings, changes="source", rank=20)


def judge(subject: Subject) -> Verdict:
    """Compare both sizes of an image with its budget, its base and the main branch's last image."""
    image, allowed = subject.image, subject.project.budget(subject.name)
    comparisons, notes = growth.compare(
        image,
        allowed,
        subject.project,
        subject.name,
        base=lambda: subject.base,
        mainline=lambda: subject.main,
    )
    return budget.judge(image, allowed, subject.name, comparisons=comparisons, notes=notes)
