"""Generated requests for every operation of the container's own OpenAPI document."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from drydock import command
from tests.support.systems import Account, Systems

LEAST_CASES = 2000
EXAMPLES = 82
# A commit gets the same requests in every run.
SEED = 20261121
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
SECONDS = 280.0


def test_every_operation_answers_generated_requests_as_its_document_says(
    neighbourhood: Systems, ada: Account, tmp_path: Path
) -> None:
    environment = neighbourhood.environment(neighbourhood.postgres.create_database("generated"))
    neighbourhood.model.will()
    # A generated user would only get 403. Schemathesis takes ids of tasks from earlier answers.
    (tmp_path / "schemathesis.toml").write_text(f'[parameters]\n"path.user_id" = "{ada.user.id}"\n')
    with neighbourhood.app(environment) as app:
        done = command.run(
            [
                *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{app.url}/openapi.json"),
                *("--header", f"Authorization: Bearer {ada.token}"),
                *("--checks", ",".join(CHECKS)),
                *("--max-examples", str(EXAMPLES), "--seed", str(SEED)),
                *("--generation-database", "none"),
                *("--report", "json", "--report-json-path", "report.json"),
            ],
            cwd=tmp_path,
            check=False,
            timeout=SECONDS,
        )
    if done.code != 0:
        pytest.fail(done.stdout + done.stderr, pytrace=False)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["operations"]["tested"] == report["operations"]["total"] >= 11
    assert report["test_cases"]["generated"] >= LEAST_CASES
    (accepted,) = neighbourhood.postgres.run("SELECT count(*) FROM tasks", database="generated")
    assert accepted[0] > 0, "no generated request ever made a task"
