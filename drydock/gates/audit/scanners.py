"""Ask Trivy, Grype and OSV-Scanner in addition, where they are installed and have a database."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from drydock import command, temporary
from drydock.engine import Engine
from drydock.gates.audit import osv
from drydock.gates.expectations.findings import CouldNotAskError, Finding, Report, Severity, fresh
from drydock.progress import Say

SCAN_SECONDS = 600.0


@dataclass(frozen=True)
class Scanner:
    arguments: Callable[[Path], list[str]]  # for scanning an archive of `docker save`
    read: Callable[[Mapping[str, Any]], list[Finding]]
    # The date of its database, from its report and the JSON output of `about`, more arguments of the scanner;
    # None for one that asks a service
    updated: Callable[[Mapping[str, Any], Mapping[str, Any]], str] | None = None
    about: tuple[str, ...] = ()
    found: int = 0  # its exit code where it found something


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


def _osv(report: Mapping[str, Any]) -> list[Finding]:
    return [
        _osv_finding(row["package"], [known[name] for name in group["ids"]])
        for result in report["results"]
        for row in result["packages"]
        for known in [{record["id"]: record for record in row.get("vulnerabilities") or ()}]
        for group in row.get("groups") or ()
    ]


def _osv_finding(package: Mapping[str, Any], records: Sequence[osv.Record]) -> Finding:
    """Return the finding of one vulnerability, which several databases may describe."""
    name = package.get("os_package_name") or package["name"]
    names = list(dict.fromkeys(name for record in records for name in osv.names(record)))
    summary = next((record["summary"] for record in records if record.get("summary")), "no summary")
    fixed = (
        event["fixed"]
        for record in records
        for affected in record.get("affected") or ()
        if all((affected.get("package") or {}).get(key) == package[key] for key in ("name", "ecosystem"))
        for one in affected.get("ranges") or ()
        if one.get("type") != "GIT"
        for event in one.get("events") or ()
        if "fixed" in event
    )
    text = f"{name} {package['version']} is vulnerable: {summary}"
    return Finding(names[0], name, text, osv.worst(records), next(fixed, ""), tuple(names[1:]))


SCANNERS = {
    "trivy": Scanner(
        lambda archive: f"image --scanners vuln --format json --quiet --input {archive}".split(),
        _trivy,
        lambda _, about: about["VulnerabilityDB"]["UpdatedAt"],
        ("version", "--format", "json"),
    ),
    "grype": Scanner(
        lambda archive: f"docker-archive:{archive} --output json --quiet".split(),
        _grype,
        lambda report, _: report["descriptor"]["db"]["status"]["built"],
    ),
    "osv-scanner": Scanner(
        lambda archive: f"scan image --archive --format json --verbosity error {archive}".split(),
        _osv,
        found=1,
    ),
}


def audit(
    engine: Engine, image: str, wanted: tuple[str, ...], oldest: int, now: datetime, say: Say
) -> list[Report]:
    """Ask each installed scanner; a wanted one must answer, another one's failure is only noted."""
    there = [name for name in SCANNERS if shutil.which(name)]
    absent = [f"{name} is not a known scanner" for name in wanted if name not in SCANNERS]
    absent += [f"{name} is not installed" for name in SCANNERS if name in wanted and name not in there]
    reports = [Report(fault.partition(" ")[0], faults=(fault,)) for fault in absent]
    if not there:
        return reports
    with temporary.folder("scan") as folder:
        archive = folder / "image.tar"
        with archive.open("wb") as file:
            file.writelines(engine.sdk.images.get(image).save())
        for name in there:
            say(f"asking {name}")
            try:
                reports.append(scan(name, archive, oldest, now))
            except CouldNotAskError as error:
                text = (f"{name} was not used: {error}",)
                reports.append(Report(name, faults=text) if name in wanted else Report(name, notes=text))
    return reports


def scan(name: str, archive: Path, oldest: int, now: datetime) -> Report:
    scanner = SCANNERS[name]
    done = command.run([name, *scanner.arguments(archive)], check=False, timeout=SCAN_SECONDS)
    if done.code not in (0, scanner.found):
        raise CouldNotAskError(f"it exited with {done.code}: {done.last}")
    about = command.run([name, *scanner.about], check=False).stdout if scanner.about else "{}"
    try:
        report = json.loads(done.stdout)
        findings = scanner.read(report)
        if scanner.updated is None:
            return Report(name, 1, tuple(findings))
        updated = fresh("its database", scanner.updated(report, json.loads(about)), oldest, now)
    except (ValueError, KeyError, TypeError) as error:
        raise CouldNotAskError(f"its answer cannot be read ({error!r})") from error
    return Report(name, 1, tuple(findings), facts={f"{name}_database_of": updated.isoformat()})
