"""Projects to verify: the examples of tests/apps, and public projects on this machine."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drydock.errors import BadConfiguration
from drydock.nearest import choices
from drydock.project import Request
from tests.detect.support import APPS, DIRECTIONS, materialise
from tests.verify.relock import relock

PROJECTS = Path(__file__).with_name("projects.toml")
# Keys of projects.toml besides findings.
MORE_DIRECTIONS = ("repository", "revision", "services", "variables", "reason")


@dataclass(frozen=True)
class Case:
    """One project to verify.

    Args:
        expected: Findings by the keys of `tests.detect.support.summary`.
        member: The folder to use, relative to the project's.
        options: Resolve contradictions after a refusal; empty if there are none.
        requests: Additional to the probes of the started container.
        variables: A developer's environment, by the project's own README.
        services: Servers that it needs to start: names of `tests.verify.services`.
        clone: The git clone of a public project; None for an example.
        revision: The commit of that clone.
        reason: Part of the expected message if it does not start here; empty if it starts.
    """

    name: str
    expected: Mapping[str, Any] = field(default_factory=dict)
    member: str = "."
    options: Mapping[str, str] = field(default_factory=dict)
    requests: tuple[Request, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    services: tuple[str, ...] = ()
    clone: Path | None = None
    revision: str = ""
    reason: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether `init` must refuse it."""
        return bool(self.expected.get("conflicts") or self.expected.get("blockers"))

    def copy(self, target: Path) -> Path:
        """Copy the project to `target` in a developer's state, and return the folder to use."""
        if self.clone is None:
            materialise(self.name, target)
            if not self.is_refused or self.options:
                relock(target)
        else:
            _git("clone", "--quiet", "--shared", str(self.clone), str(target))
            _git("-C", str(target), "checkout", "--quiet", "--detach", self.revision)
        return target / self.member


def examples(names: Iterable[str] = ()) -> list[Case]:
    """Return the example projects, or those with these names.

    Raises:
        BadConfiguration: A name is unknown.
    """
    known = sorted(path.parent.name for path in APPS.glob("*/expected.toml"))
    wanted = list(names) or known
    for name in wanted:
        _check(name, known)
    return [_case(name, tomllib.loads((APPS / name / "expected.toml").read_text())) for name in wanted]


def projects(clones: Path, names: Iterable[str] = ()) -> list[Case]:
    """Return the public projects of projects.toml, or those with these names.

    Args:
        clones: The folder with a git clone of each, under its name.
        names: All if empty.

    Raises:
        BadConfiguration: A name is unknown.
    """
    table = tomllib.loads(PROJECTS.read_text())
    wanted = list(names) or list(table)
    for name in wanted:
        _check(name, list(table))
    return [_case(name, table[name], clones / name) for name in wanted]


def _case(name: str, table: Mapping[str, Any], clone: Path | None = None) -> Case:
    return Case(
        name=name,
        expected={key: value for key, value in table.items() if key not in (*DIRECTIONS, *MORE_DIRECTIONS)},
        member=table.get("project", "."),
        options=table.get("option", {}),
        requests=tuple(Request(**item) for item in table.get("ask", ())),
        variables=table.get("variables", {}),
        services=tuple(table.get("services", ())),
        clone=clone,
        revision=table.get("revision", ""),
        reason=table.get("reason", ""),
    )


def _check(name: str, known: list[str]) -> None:
    if name not in known:
        raise BadConfiguration(
            where="tests.verify", problem=f"no project {name}", how=f"use one of {choices(name, known)}"
        )


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True)
