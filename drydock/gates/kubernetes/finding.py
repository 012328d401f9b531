"""What a project expects of its manifests: ``deploy/kubernetes/gate.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from drydock import errors
from drydock.gates.expectations import Finding, Ignore


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
    ignores: tuple[Ignore, ...] = ()


KEYS = {"kubernetes", "settings", "start-script", "samples", "ignore"}


def read(path: Path) -> Expectations:
    """Read the expectations; the defaults where there is no such file.

    Raises:
        errors.BadConfiguration: A key is unknown, or an ignore has no reason.
    """
    if not path.is_file():
        return Expectations()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise errors.BadConfiguration(where=path, problem=f"no valid TOML: {error}", how="mend it") from error
    if unknown := set(table) - KEYS:
        raise errors.BadConfiguration(
            where=path, problem=f"unknown key {min(unknown)}", how=f"use one of {', '.join(sorted(KEYS))}"
        )
    for row in table.get("ignore", []):
        if not row.get("reason") or not set(row) <= {"check", "reason", "overlay", "object"}:
            raise errors.BadConfiguration(
                where=path,
                problem=f"{row!r} is no ignore",
                how="give it check and reason, and overlay or object",
            )
    return Expectations(
        kubernetes=tuple(table.get("kubernetes", Expectations.kubernetes)),
        settings=str(table.get("settings", "")),
        start_script=tuple(table.get("start-script", ())),
        samples=table.get("samples", {}),
        ignores=tuple(ignore(row) for row in table.get("ignore", [])),
    )


def ignore(row: Mapping[str, str]) -> Ignore:
    """Return an ``[[ignore]]`` of a check everywhere, on one overlay or on one object; it does not expire."""
    where = on(row.get("overlay") or "*", row.get("object") or "*")
    return Ignore(row["check"], row["reason"], date.max, where)


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
