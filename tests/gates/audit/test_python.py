"""The real pip-audit between an image's distributions and a database on a real socket."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from drydock.gates.audit import python
from drydock.gates.audit.osv import Record
from drydock.gates.expectations import CouldNotAskError, Severity
from drydock.image.components import Component
from drydock.programs import tool

FASTAPI, JINJA = Component("fastapi", "0.99.0"), Component("Jinja2", "2.10")
ADVISORY: dict[str, Any] = {
    "schema_version": "1.7.0",
    "id": "GHSA-462w-v97r-4m45",
    "aliases": ["CVE-2019-10906", "PYSEC-2019-217"],
    "summary": "Sandbox escape",
    "database_specific": {"severity": "HIGH"},
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.10.1"}]}],
        }
    ],
}


class Double:
    """A database with given records."""

    name = "double"

    def __init__(self, *records: Record, fault: str = "") -> None:
        self.records, self.fault = records, fault
        self.asked: list[tuple[str, str]] = []

    def ask(self, name: str, version: str) -> Sequence[Record]:
        self.asked.append((name, version))
        if self.fault:
            raise CouldNotAskError(self.fault)
        return self.records if name == "jinja2" else ()


@pytest.fixture(scope="module")
def client() -> Path:
    return tool("pip-audit")


def stand_in(folder: Path, report: object, code: int = 0) -> Path:
    """Write a fake client that only prints a report."""
    path = folder / "pip-audit"
    text = report if isinstance(report, str) else json.dumps(report)
    path.write_text(f"#!{sys.executable}\nimport sys\nprint({text!r})\nsys.exit({code})\n")
    path.chmod(0o755)
    return path


def test_distributions_without_a_record_pass(client: Path) -> None:
    database = Double()
    report = python.audit([FASTAPI, JINJA], database, client)
    assert (report.checks, report.findings, report.faults) == (2, (), ())
    assert sorted(database.asked) == [("fastapi", "0.99.0"), ("jinja2", "2.10")]


def test_vulnerable_release_is_found_with_severity_and_fix(client: Path) -> None:
    report = python.audit([FASTAPI, JINJA], Double(ADVISORY), client)
    (finding,) = report.findings
    assert finding.severity is Severity.HIGH
    assert finding.fixed_in == "2.10.1"
    assert {finding.check, *finding.aliases} == {ADVISORY["id"], *ADVISORY["aliases"]}
    assert finding.text == "jinja2 2.10 is vulnerable (high; fixed in 2.10.1): Sandbox escape"


@pytest.mark.parametrize(
    "change",
    [{"schema_version": "2.0.0"}, {"affected": None}, {"id": "PYSEC-1", "aliases": []}],
    ids=["newer schema", "nothing affected", "another name"],
)
def test_record_that_the_client_leaves_out_is_found_all_the_same(client: Path, change: Record) -> None:
    unusual = {key: value for key, value in (ADVISORY | dict(change)).items() if value is not None}
    report = python.audit([JINJA], Double(unusual), client)
    assert [finding.subject for finding in report.findings] == ["jinja2"]


def test_withdrawn_record_is_no_finding(client: Path) -> None:
    assert (
        python.audit([JINJA], Double(ADVISORY | {"withdrawn": "2026-01-01T00:00:00Z"}), client).findings == ()
    )


def test_same_name_twice_is_asked_about_twice(client: Path) -> None:
    database = Double()
    report = python.audit([JINJA, Component("jinja2", "3.1")], database, client)
    assert (report.checks, report.faults) == (2, ())
    assert sorted(database.asked) == [("jinja2", "2.10"), ("jinja2", "3.1")]


def test_database_that_cannot_be_asked_is_a_fault(client: Path) -> None:
    database = Double(fault="https://db could not be asked: timed out")
    report = python.audit([FASTAPI, JINJA], database, client)
    assert report.faults == ("https://db could not be asked: timed out",)
    assert (report.checks, report.findings) == (0, ())
    assert len(database.asked) == 1


def test_empty_list_of_distributions_is_a_fault(client: Path) -> None:
    assert python.audit([], Double(), client).faults == ("the image lists no Python distribution",)


def test_version_that_the_client_refuses_is_a_fault(client: Path) -> None:
    report = python.audit([Component("odd", "not a version")], Double(), client)
    assert report.checks == 0
    assert report.faults[0].startswith("pip-audit made no report: ")


def test_skipped_distribution_is_a_fault(tmp_path: Path) -> None:
    rows = {"dependencies": [{"name": "jinja2", "skip_reason": "not on the index"}]}
    report = python.audit([JINJA], Double(), stand_in(tmp_path, rows))
    assert report.faults == ("pip-audit skipped Jinja2 2.10: not on the index",)


def test_distribution_that_is_missing_from_the_report_is_a_fault(tmp_path: Path) -> None:
    report = python.audit([JINJA], Double(), stand_in(tmp_path, {"dependencies": []}))
    assert report.faults == ("pip-audit skipped Jinja2 2.10: it is not in the report",)


def test_client_that_asks_nobody_is_a_fault(tmp_path: Path) -> None:
    rows = {"dependencies": [{"name": "jinja2", "version": "2.10", "vulns": []}]}
    report = python.audit([JINJA], Double(), stand_in(tmp_path, rows))
    assert report.faults == ("the database was not asked about Jinja2 2.10",)


@pytest.mark.parametrize(
    ("output", "code", "fault"),
    [("No known vulnerabilities", 0, "pip-audit made no report"), ("", 2, "pip-audit exited with 2")],
)
def test_client_without_a_report_is_a_fault(tmp_path: Path, output: str, code: int, fault: str) -> None:
    report = python.audit([JINJA], Double(), stand_in(tmp_path, output, code))
    assert report.faults[0].startswith(fault)
