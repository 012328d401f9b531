"""Tools' output becomes findings, missing answers do not pass, and ignores need a reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from drydock.deploy.render import render
from drydock.detect.project import load
from drydock.errors import BadConfiguration
from drydock.gates import kubernetes as gate
from drydock.gates import tools as scanners
from drydock.gates.expectations.findings import CouldNotAskError, Finding, sift
from drydock.gates.kubernetes import finding, tools
from drydock.gates.kubernetes.finding import Accepted, Expectations
from tests.conftest import ROOT

FOUND = Finding("CKV_K8S_43", "local/deployment/todo", "Image should use digest")
TODAY = date(2026, 11, 28)


@pytest.mark.parametrize(
    ("ignores", "counting", "stale"),
    [
        ([], [FOUND], 0),
        ([{}], [], 0),
        ([{"overlay": "local"}], [], 0),
        ([{"object": "deployment/todo"}], [], 0),
        ([{"overlay": "production"}], [FOUND], 1),
        ([{"overlay": "loca"}], [FOUND], 1),
        ([{"object": "job/todo"}], [FOUND], 1),
        ([{"check": "CKV_K8S_14"}], [FOUND], 1),
    ],
)
def test_an_ignore_covers_its_check_and_place_and_nothing_else(
    ignores: Sequence[dict[str, str]], counting: Sequence[Finding], stale: int
) -> None:
    rows = [Accepted(**({"check": "CKV_K8S_43", "reason": "why"} | row)) for row in ignores]
    sifted = sift([FOUND], [row.ignore for row in rows], TODAY)
    assert list(sifted.open) == counting
    texts = [one.text for one in finding.stale(sifted.unused)]
    assert texts == ["this ignore covers nothing; remove it"] * stale


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('kubernets = ["1.37"]', "kubernets: unknown key"),
        ('[[ignore]]\ncheck = "A"', r"ignore\[0\].reason: missing"),
        ('[[ignore]]\ncheck = "A"\nreason = "b"\nwhere = "c"', r"ignore\[0\].where: unknown key"),
        ("kubernetes = [", "not valid TOML"),
    ],
)
def test_a_wrong_expectation_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(text)
    with pytest.raises(BadConfiguration, match=problem):
        finding.read(path)


def test_a_schemas_warning_is_a_finding() -> None:
    output = (
        "INFO a.yaml passed for resource job/a against version 1.37\nWARN a.yaml: no schema for thing/b\n"
    )
    found = list(tools.schema_findings(output, 0, "local", "1.37"))
    assert [(one.check, one.text) for one in found] == [("schema-1.37", "WARN a.yaml: no schema for thing/b")]


@pytest.mark.parametrize(("output", "code"), [("", 0), ("", 2), ("INFO a.yaml passed", 1)])
def test_a_silent_validator_is_no_pass(output: str, code: int) -> None:
    with pytest.raises(CouldNotAskError):
        list(tools.schema_findings(output, code, "local", "1.37"))


@pytest.mark.parametrize("report", ["Traceback", [], {"passed": 0, "failed": 0}, {"results": {}}])
def test_a_checkov_that_checked_nothing_is_no_pass(report: object) -> None:
    with pytest.raises(CouldNotAskError):
        scanners.checkov_report(report)


def test_a_checkov_that_cannot_parse_is_no_pass() -> None:
    report = {
        "results": {"failed_checks": [], "parsing_errors": ["a.yaml"]},
        "summary": {"parsing_errors": 1},
    }
    with pytest.raises(CouldNotAskError, match=r"cannot parse \['a.yaml'\]"):
        scanners.checkov_report(report)


@pytest.mark.parametrize("report", [[], {}, {"Results": [{"Type": "dockerfile"}]}, "FATAL"])
def test_a_trivy_that_saw_no_manifest_is_no_pass(report: object) -> None:
    with pytest.raises(CouldNotAskError):
        scanners.trivy_report(report, "kubernetes")


@pytest.mark.parametrize(
    ("message", "where"),
    [
        ("Container 'api' of Deployment 'todo' should set", "deployment/todo"),
        ("ConfigMap 'todo-1' in 'x' namespace stores", "configmap/todo-1"),
        ("Container api in job todo (namespace: x) uses an image", "job/todo"),
        ("something else", ""),
    ],
)
def test_a_trivy_finding_names_its_object(message: str, where: str) -> None:
    (found,) = tools.trivy_findings([{"ID": "KSV-0001", "Message": message}], "local")
    assert found.subject == f"local/{where}"


FAULTS = [
    ("replicas: 1", "replicas: one", "schema-1.25"),
    ("enableServiceLinks: false", "enableServiceLink: false", "schema-1.37"),
    ("apiVersion: apps/v1", "apiVersion: apps/v1beta2", "schema-1.29"),
    ("kind: ServiceAccount", "kind: ServiceAcount", "schema-1.33"),
    ("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "CKV_K8S_20"),
    ("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "KSV-0001"),
    ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "CKV_K8S_22"),
]


@pytest.fixture(scope="module")
def rendered() -> str:
    return render(load(ROOT), "local")


def test_the_tools_find_what_is_wrong_in_a_manifest(rendered: str) -> None:
    broken = rendered
    for right, wrong, _ in FAULTS:
        assert right in rendered
        # The last one is in an object whose kind the scanners still recognize.
        before, _, after = broken.rpartition(right)
        broken = before + wrong + after
    found = {one.check for one in gate.scan(broken, "local", Expectations(), lambda _: None)}
    assert {check for _, _, check in FAULTS} <= found
