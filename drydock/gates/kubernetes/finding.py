"""What a project expects of its manifests: ``deploy/kubernetes/gate.toml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from drydock import toml
from drydock.gates.expectations import Finding, Ignore


@dataclass(frozen=True)
class Accepted:
    """An ``[[ignore]]``: a check that is accepted everywhere, on one overlay or on one object.

    Args:
        check: The check's name.
        reason: Why.
        overlay: Where; everywhere when empty.
        object: On which object; on every one when empty.
    """

    check: str
    reason: str
    overlay: str = "*"
    object: str = "*"

    @property
    def ignore(self) -> Ignore:
        """The ignore, which does not expire."""
        return Ignore(self.check, self.reason, date.max, on(self.overlay or "*", self.object or "*"))


@dataclass(frozen=True)
class Expectations:
    """What is asked of the manifests.

    Args:
        kubernetes: Versions whose schemas must accept them.
        settings: The class that reads the application's settings, as ``package.module:Class``.
        start_script: Variables that the image reads besides.
        samples: Values for Secrets that the manifests leave out, by Secret and key.
        accepted: The findings that are accepted.
    """

    kubernetes: tuple[str, ...] = ("1.25", "1.29", "1.33", "1.37")
    settings: str = ""
    start_script: tuple[str, ...] = ()
    samples: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    accepted: tuple[Accepted, ...] = field(default=(), metadata={"key": "ignore"})


def read(path: Path) -> Expectations:
    """Read the expectations; the defaults where there is no such file.

    Raises:
        BadConfiguration: A key is unknown or of the wrong type, or an ignore has no reason.
    """
    expectations = toml.make(Expectations, toml.read(path), path)
    for number, row in enumerate(expectations.accepted):
        if not row.reason.strip():
            raise toml.bad(path, f"ignore[{number}].reason", "empty", "say why it is accepted")
    return expectations


def on(overlay: str, title: str) -> str:
    """Return the subject of a finding.

    Args:
        overlay: The overlay that was rendered.
        title: ``kind/name`` in lower case; empty where the check names none.
    """
    return f"{overlay}/{title}"


def stale(unused: Iterable[Ignore]) -> list[Finding]:
    """Return a finding for each ignore that covers nothing any more."""
    return [Finding(one.check, one.subject, "this ignore covers nothing; remove it") for one in unused]
