"""The whole audit: components of an image, findings that count, and other scanners beside ours."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drydock.gates import audit as gate
from drydock.gates.audit import scanners
from drydock.gates.expectations.findings import CouldNotAskError, Finding, Report, Severity, decide
from drydock.gates.expectations.model import Audit
from drydock.image import Anatomy, Config, Image, Kind, Layer, components
from drydock.image.record import Record
from drydock.verdict import Outcome
from tests.conftest import FakeProgram

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SITE = "/opt/venv/lib/python3.13/site-packages"


def anatomy(texts: dict[str, str], *others: str) -> Anatomy:
    files = [[path, Kind.FILE, 1, 0o644, 0, 0, 0, "", "x"] for path in (*texts, *others)]
    import zlib

    body = zlib.compress(json.dumps({"files": files, "texts": texts}).encode())
    layer = Layer("sha256:1", "", 0, 0, Record("sha256:1", 0, body))
    return Anatomy(Image("x", "sha256:9", Config.of({}, {}), (layer,)))


DISTRIBUTION = {
    f"{SITE}/jinja2-2.10.dist-info/METADATA": "Name: Jinja2\nVersion: 2.10\n",
    f"{SITE}/jinja2-2.10.dist-info/RECORD": "jinja2/__init__.py,,\n",
}
DEBIAN = {
    "/etc/os-release": 'ID=debian\nVERSION_CODENAME="trixie"\n',
    "/var/lib/dpkg/status": (
        "Package: zlib1g\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n"
    ),
    "/var/lib/dpkg/info/zlib1g:amd64.list": "/usr/lib/libz.so.1\n",
}


def test_distributions_and_packages_are_listed_with_their_release() -> None:
    found = components.find(anatomy(DISTRIBUTION | DEBIAN, "/usr/lib/libz.so.1"))
    assert [one.label for one in found.python] == ["Jinja2 2.10"]
    assert [(one.label, one.architecture) for one in found.debian] == [("zlib1g 1", "amd64")]
    assert found.release["VERSION_CODENAME"] == "trixie"
    assert (found.nameless, found.unowned) == ((), ())


def test_distribution_without_a_record_is_listed_all_the_same() -> None:
    metadata = f"{SITE}/jinja2-2.10.dist-info/METADATA"
    assert [one.name for one in components.find(anatomy({metadata: DISTRIBUTION[metadata]})).python] == [
        "Jinja2"
    ]


def test_distribution_without_a_name_could_not_be_looked_up() -> None:
    found = components.find(
        anatomy({f"{SITE}/x-1.dist-info/METADATA": "Summary: x\n"}, f"{SITE}/old.egg-info/PKG-INFO")
    )
    faults = [fault for report in gate.unknown(found, Audit()) for fault in report.faults]
    assert [fault.split()[0] for fault in faults] == [
        f"{SITE}/old.egg-info/PKG-INFO",
        f"{SITE}/x-1.dist-info/METADATA",
    ]


def test_program_of_no_package_could_not_be_looked_up_until_it_is_declared() -> None:
    found = components.find(anatomy(DEBIAN, "/usr/lib/libz.so.1", "/usr/local/bin/uwsgi", "/app/x.py"))
    assert found.unowned == ("/usr/local/bin/uwsgi",)
    (report,) = gate.unknown(found, Audit())
    assert report.faults[0].startswith("no package names /usr/local/bin/uwsgi: no database has them")
    (report,) = gate.unknown(found, Audit(unchecked={"/usr/local/*": "built from source"}))
    assert (report.faults, report.notes) == ((), ("not looked up: /usr/local/* (built from source)",))


def test_records_of_the_short_form_leave_usr_local_to_nobody() -> None:
    short = {
        "/etc/os-release": "ID=debian\n",
        "/var/lib/dpkg/status.d/zlib1g": "Package: zlib1g\nVersion: 1\nArchitecture: amd64\n",
    }
    found = components.find(anatomy(short, "/usr/lib/libz.so.1", "/usr/local/lib/libpython3.13.so.1.0"))
    assert [one.name for one in found.debian] == ["zlib1g"]
    assert found.unowned == ("/usr/local/lib/libpython3.13.so.1.0",)


FINDINGS = (
    Finding("CVE-1", "a", "is vulnerable", Severity.LOW, "2.0"),
    Finding("CVE-2", "b", "is vulnerable", Severity.HIGH),
    Finding("CVE-3", "c", "is vulnerable", Severity.UNKNOWN, "3.0"),
)


@pytest.mark.parametrize(
    ("settings", "counted"),
    [
        (Audit(), ["CVE-3", "CVE-2", "CVE-1"]),
        (Audit(severity="high"), ["CVE-3", "CVE-2"]),
        (Audit(severity="critical"), ["CVE-3"]),
        (Audit(fixable_only=True), ["CVE-3", "CVE-1"]),
        (Audit(severity="high", fixable_only=True), ["CVE-3"]),
    ],
)
def test_threshold_and_fixable_only_decide_what_counts(settings: Audit, counted: list[str]) -> None:
    report = gate.weighed(Report("x", 3, FINDINGS), settings)
    assert [finding.check for finding in report.findings] == counted
    assert len(report.notes) == 3 - len(counted)


def test_vulnerable_and_could_not_check_are_different_verdicts() -> None:
    vulnerable = decide("audit", "production", [Report("python", 3, FINDINGS)])
    unknown = decide("audit", "production", [Report("python", 3), Report("debian", faults=("no mirror",))])
    assert (vulnerable.outcome, unknown.outcome) == (Outcome.FAILED, Outcome.COULD_NOT_CHECK)


TRIVY = {
    "Results": [
        {
            "Vulnerabilities": [
                {"VulnerabilityID": "CVE-9", "PkgName": "zlib1g", "InstalledVersion": "1", "Severity": "HIGH"}
            ]
        }
    ]
}
GRYPE = {
    "matches": [
        {
            "vulnerability": {"id": "GHSA-9", "severity": "High", "fix": {"versions": ["2"]}},
            "artifact": {"name": "jinja2", "version": "1"},
            "relatedVulnerabilities": [{"id": "CVE-9"}],
        }
    ],
    "descriptor": {"db": {"status": {"built": "2026-11-20T00:00:00Z"}}},
}
# As OSV-Scanner 2 writes it: records in the OSV schema, grouped by vulnerability.
OSV = {
    "results": [
        {
            "source": {"path": "/var/lib/dpkg/status", "type": "os"},
            "packages": [
                {
                    "package": {
                        "name": "zlib",
                        "os_package_name": "zlib1g",
                        "version": "1",
                        "ecosystem": "Debian:13",
                    },
                    "vulnerabilities": [
                        {
                            "id": "DEBIAN-CVE-9",
                            "aliases": ["CVE-9"],
                            "affected": [
                                {
                                    "package": {"name": "zlib", "ecosystem": f"Debian:{release}"},
                                    "ranges": [
                                        {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fix}]}
                                    ],
                                }
                                for release, fix in ((12, "0.9"), (13, "1.1"))
                            ],
                        },
                        {"id": "CVE-9", "summary": "Overflow", "database_specific": {"severity": "HIGH"}},
                    ],
                    "groups": [{"ids": ["DEBIAN-CVE-9", "CVE-9"], "aliases": ["CVE-9"], "max_severity": ""}],
                }
            ],
        }
    ]
}
UPDATED = {"VulnerabilityDB": {"UpdatedAt": "2026-11-20T00:00:00Z"}}


def install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, report: object, about: object, code: int = 0
):
    """Put a fake scanner on PATH."""
    path = folder / name
    path.write_text(
        f"#!{sys.executable}\nimport sys, json\n"
        f"print(json.dumps({about!r} if sys.argv[1] == 'version' else {report!r}))\nsys.exit({code})\n"
    )
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize(("name", "report"), [("trivy", TRIVY), ("grype", GRYPE)])
def test_scanner_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, report: object) -> None:
    install(tmp_path, monkeypatch, name, report, UPDATED)
    (finding,) = scanners.scan(name, tmp_path / "image.tar", 7, NOW).findings
    assert finding.severity is Severity.HIGH
    assert "CVE-9" in (finding.check, *finding.aliases)


@pytest.mark.parametrize(
    ("report", "about", "code", "fault"),
    [
        (TRIVY, UPDATED, 1, "it exited with 1"),
        ({}, UPDATED, 0, "its answer cannot be read"),
        (TRIVY, {}, 0, "its answer cannot be read"),
        (TRIVY, {"VulnerabilityDB": {"UpdatedAt": "2026-10-01T00:00:00Z"}}, 0, "its database is 51 days old"),
    ],
)
def test_scanner_that_did_not_scan_is_no_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: object, about: object, code: int, fault: str
) -> None:
    install(tmp_path, monkeypatch, "trivy", report, about, code)
    with pytest.raises(CouldNotAskError, match=fault):
        scanners.scan("trivy", tmp_path / "image.tar", 7, NOW)


def test_osv_scanner_ends_with_1_where_it_found_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "osv-scanner", OSV, UPDATED, 1)

    (finding,) = scanners.scan("osv-scanner", tmp_path / "image.tar", 7, NOW).findings

    assert (finding.check, finding.aliases) == ("DEBIAN-CVE-9", ("CVE-9",))
    assert (finding.subject, finding.severity, finding.fixed_in) == ("zlib1g", Severity.HIGH, "1.1")
    assert finding.text == "zlib1g 1 is vulnerable: Overflow"


def test_osv_scanner_asks_about_the_archive_alone(fake_program: FakeProgram, tmp_path: Path) -> None:
    fake_program("osv-scanner", f"""echo "$@" > {tmp_path}/asked; echo '{{"results": []}}'""")

    assert scanners.scan("osv-scanner", tmp_path / "image.tar", 7, NOW).findings == ()

    asked = (tmp_path / "asked").read_text().split()
    command = ["scan", "image", "--archive", "--format", "json", "--verbosity", "error"]
    assert asked == [*command, f"{tmp_path}/image.tar"]


# 127: any error, as version 1 has no images; 128: no package in the image; 129: no answer from osv.dev.
@pytest.mark.parametrize("code", [127, 128, 129])
def test_osv_scanner_that_did_not_scan_is_no_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    install(tmp_path, monkeypatch, "osv-scanner", {"results": []}, UPDATED, code)
    with pytest.raises(CouldNotAskError, match=f"it exited with {code}"):
        scanners.scan("osv-scanner", tmp_path / "image.tar", 7, NOW)


def test_scanner_that_is_demanded_and_absent_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    reports = scanners.audit(None, "x", ("trivy", "clair"), 7, NOW, lambda _: None)  # type: ignore[arg-type]
    assert [report.faults for report in reports] == [
        ("clair is not a known scanner",),
        ("trivy is not installed",),
    ]
    assert scanners.audit(None, "x", (), 7, NOW, lambda _: None) == []  # type: ignore[arg-type]
