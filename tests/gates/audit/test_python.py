"""The look-up of an image's distributions in a database of known vulnerabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drydock.gates.audit import python
from drydock.gates.audit.osv import PYPI, Ecosystem, Record
from drydock.gates.expectations.findings import CouldNotAskError, Severity
from drydock.image.components import Component

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

    def ask(self, name: str, version: str, kind: Ecosystem = PYPI) -> Sequence[Record]:  # noqa: ARG002
        self.asked.append((name, version))
        if self.fault:
            raise CouldNotAskError(self.fault)
        return self.records if name == "jinja2" else ()


def test_distributions_without_a_record_pass() -> None:
    database = Double()
    report = python.audit([FASTAPI, JINJA], database)
    assert (report.checks, report.findings, report.faults) == (2, (), ())
    assert database.asked == [("fastapi", "0.99.0"), ("jinja2", "2.10")]


def test_vulnerable_release_is_found_with_severity_and_fix() -> None:
    (finding,) = python.audit([FASTAPI, JINJA], Double(ADVISORY)).findings
    assert finding.severity is Severity.HIGH
    assert finding.fixed_in == "2.10.1"
    assert {finding.check, *finding.aliases} == {ADVISORY["id"], *ADVISORY["aliases"]}
    assert finding.text == "Jinja2 2.10 is vulnerable (high; fixed in 2.10.1): Sandbox escape"


def test_fix_is_the_next_release_of_several_branches() -> None:
    branches = [
        {"introduced": "0"},
        {"fixed": "2.9.5"},
        {"introduced": "3"},
        {"fixed": "3.1"},
        {"fixed": "2.11"},
    ]
    (affected,) = ADVISORY["affected"]
    record = ADVISORY | {"affected": [{**affected, "ranges": [{"type": "ECOSYSTEM", "events": branches}]}]}
    (finding,) = python.audit([JINJA], Double(record)).findings
    assert finding.fixed_in == "2.11"
    assert "fixed in 2.11, 3.1" in finding.text


def test_vulnerability_of_several_databases_is_one_finding_with_the_stated_severity() -> None:
    unrated = {"id": "PYSEC-2019-217", "aliases": ["CVE-2019-10906"], "details": "The sandbox\nleaks."}
    (finding,) = python.audit([JINJA], Double(unrated, ADVISORY)).findings
    assert finding.severity is Severity.HIGH
    assert {finding.check, *finding.aliases} == {ADVISORY["id"], *ADVISORY["aliases"]}


def test_record_of_a_newer_schema_without_affected_releases_is_found() -> None:
    unusual = {"schema_version": "2.0.0", "id": "PYSEC-1"}
    (finding,) = python.audit([JINJA], Double(unusual)).findings
    assert finding.text == "Jinja2 2.10 is vulnerable (unknown; no fixed version is known): no summary"


def test_withdrawn_record_is_no_finding() -> None:
    withdrawn = ADVISORY | {"withdrawn": "2026-01-01T00:00:00Z"}
    assert python.audit([JINJA], Double(withdrawn)).findings == ()


def test_same_name_twice_is_asked_about_twice() -> None:
    database = Double()
    report = python.audit([JINJA, Component("jinja2", "3.1")], database)
    assert (report.checks, report.faults) == (2, ())
    assert database.asked == [("jinja2", "2.10"), ("jinja2", "3.1")]


def test_database_that_cannot_be_asked_is_a_fault() -> None:
    database = Double(fault="https://db could not be asked: timed out")
    report = python.audit([FASTAPI, JINJA], database)
    assert report.faults == ("https://db could not be asked: timed out",)
    assert (report.checks, report.findings) == (0, ())
    assert len(database.asked) == 1


def test_empty_list_of_distributions_is_a_fault() -> None:
    assert python.audit([], Double()).faults == ("the image lists no Python distribution",)


def test_version_that_no_database_can_know_is_a_fault() -> None:
    database = Double()
    report = python.audit([Component("odd", "not a version"), FASTAPI], database)
    assert len(report.faults) == 1
    assert "odd not a version" in report.faults[0]
    assert database.asked == [("fastapi", "0.99.0")]
