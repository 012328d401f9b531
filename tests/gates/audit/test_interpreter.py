"""The audit looks CPython itself up, and never reports an unfinished check as done."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drydock.gates.audit import osv, python
from drydock.gates.expectations.findings import Severity
from drydock.image.components import Component
from drydock.image.packages import Source

NOW = datetime(2026, 11, 21, tzinfo=UTC)
OLD = Component("CPython", "3.13.1", type=Source.INTERPRETER)
GIT: dict[str, Any] = {
    "id": "PSF-2025-1",
    "aliases": ["CVE-2025-0938"],
    "modified": "2026-11-20T00:00:00Z",
    "summary": "urlparse accepts brackets",
    "affected": [
        {
            "ranges": [{"type": "GIT", "repo": "https://github.com/python/cpython", "events": []}],
            "versions": ["v3.13.0", "v3.13.1"],
        }
    ],
}
BITNAMI: dict[str, Any] = {
    "id": "BIT-python-2025-0938",
    "aliases": ["CVE-2025-0938"],
    "modified": "2026-11-20T00:00:00Z",
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:L/A:N"}],
    "affected": [
        {
            "package": {"name": "python", "ecosystem": "Bitnami"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "3.13.0"}, {"fixed": "3.13.2"}]}],
        }
    ],
}
NAMESAKE: dict[str, Any] = {
    "id": "PYSEC-1",
    "modified": "2026-11-20T00:00:00Z",
    "affected": [{"package": {"name": "python", "ecosystem": "PyPI"}, "versions": ["3.13.1"]}],
}


def export(folder: Path, *records: dict[str, Any]) -> osv.Export:
    for record in records:
        (folder / f"{record['id']}.json").write_text(json.dumps(record))
    return osv.Export(folder, 7, NOW)


def test_vulnerable_release_is_one_finding_whatever_ecosystems_know_it(tmp_path: Path) -> None:
    report = python.interpreters([OLD], export(tmp_path, GIT, BITNAMI, NAMESAKE))
    (finding,) = report.findings
    assert "CVE-2025-0938" in finding.aliases
    assert finding.severity is Severity.MEDIUM
    assert (report.checks, report.faults) == (1, ())


@pytest.mark.parametrize("version", ["3.13.2", "3.12.9"])
def test_release_that_is_not_affected_passes(version: str, tmp_path: Path) -> None:
    one = Component("CPython", version, type=Source.INTERPRETER)
    report = python.interpreters([one], export(tmp_path, GIT, BITNAMI))
    assert (report.checks, report.findings, report.faults) == (1, (), ())


def test_release_that_the_image_does_not_tell_is_a_fault(tmp_path: Path) -> None:
    report = python.interpreters(
        [Component("CPython", "3.13", type=Source.INTERPRETER)], export(tmp_path, GIT)
    )
    assert len(report.faults) == 1


def test_export_that_lacks_cpython_is_a_fault(tmp_path: Path) -> None:
    assert python.interpreters([OLD], export(tmp_path, NAMESAKE)).faults == (
        f"{tmp_path} has no record of CPython",
    )


def test_interpreter_that_debian_packaged_is_looked_up_there(tmp_path: Path) -> None:
    one = Component("CPython", "3.13.1", type=Source.INTERPRETER, by_debian=True)
    report = python.interpreters([one], export(tmp_path, NAMESAKE))
    assert (report.checks, report.findings, report.faults) == (0, (), ())
