"""Trivy and Grype, in addition, where they are installed and their databases can be had."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drydock import command
from drydock.engine import Engine
from drydock.gates.expectations import CouldNotAskError, Finding, Report, Severity
from drydock.progress import Say

SCAN_SECONDS = 600.0


@dataclass(frozen=True)
class Scanner:
    """A scanner: how to ask it, and how to read its answer."""

    name: str
    arguments: Callable[[Path], list[str]]  # for scanning an archive of `docker save`
    read: Callable[[Mapping[str, Any]], list[Finding]]  # makes findings of its report
    # Returns when its database was made, from its report and its version's
    updated: Callable[[Mapping[str, Any], Mapping[str, Any]], str]
    about: tuple[str, ...] = ()  # arguments that make it tell about its database; empty where its report does


def _trivy(report: Mapping[str, Any]) -> list[Finding]:
    return [
        Finding(
            row["VulnerabilityID"],
            row["PkgName"],
            f"{row['PkgName']} {row['InstalledVersion']} is vulnerable: {row.get('Title', 'no title')}",
            Severity.named(row.get("Severity", "")),
            row.get("FixedVersion", ""),
        )
        for result in report["Results"]
        for row in result.get("Vulnerabilities") or ()
    ]


def _grype(report: Mapping[str, Any]) -> list[Finding]:
    return [
        Finding(
            row["vulnerability"]["id"],
            row["artifact"]["name"],
            f"{row['artifact']['name']} {row['artifact']['version']} is vulnerable",
            Severity.named(row["vulnerability"].get("severity", "")),
            next(iter(row["vulnerability"].get("fix", {}).get("versions") or ()), ""),
            tuple(one["id"] for one in row.get("relatedVulnerabilities") or ()),
        )
        for row in report["matches"]
    ]


SCANNERS = (
    Scanner(
        "trivy",
        lambda archive: [
            "image",
            "--scanners",
            "vuln",
            "--format",
            "json",
            "--quiet",
            "--input",
            str(archive),
        ],
        _trivy,
        lambda _, about: about["VulnerabilityDB"]["UpdatedAt"],
        ("version", "--format", "json"),
    ),
    Scanner(
        "grype",
        lambda archive: [f"docker-archive:{archive}", "--output", "json", "--quiet"],
        _grype,
        lambda report, _: report["descriptor"]["db"]["status"]["built"],
    ),
)


def audit(
    engine: Engine, image: str, wanted: tuple[str, ...], oldest: int, now: datetime, say: Say
) -> list[Report]:
    """Ask each scanner that is installed."""
    reports = [
        Report(name, faults=(f"{name} is no scanner that is known here",))
        for name in wanted
        if name not in {scanner.name for scanner in SCANNERS}
    ]
    there = [scanner for scanner in SCANNERS if shutil.which(scanner.name)]
    for scanner in SCANNERS:
        if scanner in there:
            continue
        if scanner.name in wanted:
            reports.append(Report(scanner.name, faults=(f"{scanner.name} is not installed",)))
    if not there:
        return reports
    with tempfile.TemporaryDirectory(prefix="drydock-scan-") as folder:
        archive = Path(folder) / "image.tar"
        with archive.open("wb") as file:
            for chunk in engine.sdk.images.get(image).save():
                file.write(chunk)
        for scanner in there:
            say(f"asking {scanner.name}")
            try:
                reports.append(scan(scanner, archive, oldest, now))
            except CouldNotAskError as error:
                text = f"{scanner.name} was not used: {error}"
                must = scanner.name in wanted
                reports.append(
                    Report(scanner.name, faults=(text,) if must else (), notes=() if must else (text,))
                )
    return reports


def scan(scanner: Scanner, archive: Path, oldest: int, now: datetime) -> Report:
    """Scan an archive."""
    done = command.run([scanner.name, *scanner.arguments(archive)], check=False, timeout=SCAN_SECONDS)
    if done.code != 0:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise CouldNotAskError(f"it exited with {done.code}: {last}")
    about = command.run([scanner.name, *scanner.about], check=False).stdout if scanner.about else "{}"
    try:
        report = json.loads(done.stdout)
        findings = scanner.read(report)
        updated = datetime.fromisoformat(scanner.updated(report, json.loads(about)))
    except (ValueError, KeyError, TypeError) as error:
        raise CouldNotAskError(f"its answer cannot be read ({error!r})") from error
    age = now - (updated if updated.tzinfo else updated.replace(tzinfo=UTC))
    if age.days > oldest:
        raise CouldNotAskError(f"its database is {age.days} days old, more than {oldest}")
    facts = {f"{scanner.name}_database_of": updated.isoformat()}
    return Report(scanner.name, 1, tuple(findings), facts=facts)
