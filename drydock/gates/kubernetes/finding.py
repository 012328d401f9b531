"""What a check of the manifests finds, and what is known and accepted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drydock import toml


@dataclass(frozen=True)
class Finding:
    """One fault.

    Args:
        check: The check's name.
        overlay: The overlay that was rendered.
        object: ``kind/name`` in lower case; empty where the check names none.
        text: What is wrong.
    """

    check: str
    overlay: str
    object: str
    text: str

    def __str__(self) -> str:
        where = f"{self.overlay} {self.object}".strip()
        return f"{where}: {self.text} ({self.check})"


@dataclass(frozen=True)
class Ignore:
    """A finding that is accepted.

    Args:
        check: The check's name.
        reason: Why.
        overlay: Where; everywhere when empty.
        object: On which object; on every one when empty.
    """

    check: str
    reason: str
    overlay: str = ""
    object: str = ""

    def covers(self, finding: Finding) -> bool:
        """Tell whether a finding is meant."""
        return (
            self.check == finding.check
            and self.overlay in ("", finding.overlay)
            and self.object in ("", finding.object)
        )


@dataclass(frozen=True)
class Expectations:
    """What is asked of the manifests.

    Args:
        kubernetes: Versions whose schemas must accept them.
        settings: The class that reads the application's settings, as ``package.module:Class``.
        start_script: Variables that the image reads besides.
        samples: Values for Secrets that the manifests leave out, by Secret and key.
        ignores: What is accepted.
    """

    kubernetes: tuple[str, ...] = ("1.25", "1.29", "1.33", "1.37")
    settings: str = ""
    start_script: tuple[str, ...] = ()
    samples: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ignores: tuple[Ignore, ...] = field(default=(), metadata={"key": "ignore"})


def read(path: Path) -> Expectations:
    """Read the expectations; the defaults where there is no such file.

    Raises:
        errors.BadConfiguration: A key is unknown or of the wrong type, or an ignore has no reason.
    """
    expectations = toml.make(Expectations, toml.read(path), path)
    for number, ignore in enumerate(expectations.ignores):
        if not ignore.reason.strip():
            raise toml.bad(path, f"ignore[{number}].reason", "empty", "say why it is accepted")
    return expectations


def judge(found: Iterable[Finding], ignores: Iterable[Ignore]) -> tuple[list[Finding], list[Finding]]:
    """Return the findings that count, and those of ignores that cover nothing any more."""
    listed, known = list(found), list(ignores)
    counting = [one for one in listed if not any(ignore.covers(one) for ignore in known)]
    stale = [
        Finding(ignore.check, ignore.overlay, ignore.object, "this ignore covers nothing; remove it")
        for ignore in known
        if not any(ignore.covers(one) for one in listed)
    ]
    return counting, stale
