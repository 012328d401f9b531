"""A project's expectations of its manifests: ``deploy/kubernetes/gate.toml``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from drydock import toml
from drydock.gates.expectations.findings import Finding, Ignore


@dataclass(frozen=True)
class Accepted:
    """An ``[[ignore]]``: a check that is accepted everywhere, on one overlay or on one object."""

    check: str
    reason: str
    overlay: str = "*"  # all overlays when empty
    object: str = "*"  # all objects when empty

    @property
    def ignore(self) -> Ignore:
        """The ignore, which does not expire."""
        return Ignore(self.check, self.reason, date.max, on(self.overlay or "*", self.object or "*"))


@dataclass(frozen=True)
class Expectations:
    kubernetes: tuple[str, ...] = ("1.25", "1.29", "1.33", "1.37")  # versions whose schemas must accept them
    settings: str = ""  # the class that reads the application's settings, as ``package.module:Class``
    start_script: tuple[str, ...] = ()  # further variables that the image reads
    # Values for Secrets that the manifests leave out, by Secret and key
    samples: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    accepted: tuple[Accepted, ...] = field(default=(), metadata={"key": "ignore"})


def read(path: Path) -> Expectations:
    """Read the expectations; without a file, the defaults."""
    expectations = toml.make(Expectations, toml.read(path), path)
    for number, row in enumerate(expectations.accepted):
        if not row.reason.strip():
            raise toml.bad(path, f"ignore[{number}].reason", "empty", "say why it is accepted")
    return expectations


def on(overlay: str, title: str) -> str:
    """Return the subject of a finding."""
    return f"{overlay}/{title}"


def stale(unused: Iterable[Ignore]) -> list[Finding]:
    """Return a finding for each ignore that covers nothing."""
    return [Finding(one.check, one.subject, "this ignore covers nothing; remove it") for one in unused]
