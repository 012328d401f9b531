"""Verdicts as SARIF 2.1.0, which code scanning shows beside the source."""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import drydock
from drydock.gates.gate import registry
from drydock.verdict import Outcome, Verdict

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
# A place within a finding, such as `Dockerfile:12`, or a file alone.
_PLACE = re.compile(r"(?<!\S)(?P<path>[\w.@/-]+?)(?::(?P<line>\d+))?(?=[:,]?(?:\s|$))")
# A finding without a place is about the image: it gets the first existing file of these, which describe it.
_ABOUT_THE_IMAGE = ("Dockerfile", "drydock.Dockerfile", "pyproject.toml", "requirements.txt")


def document(rows: Sequence[tuple[Verdict, str]], project: Path, top: Path) -> str:
    """Return the findings of verdicts that did not pass; each row has a verdict and its target.

    Places are relative to `top`, the repository's folder.
    """
    rules = [
        {"id": gate.name, "name": gate.name, "shortDescription": {"text": gate.summary}}
        for gate in registry().values()
    ]
    blind = [verdict for verdict, _ in rows if verdict.outcome is Outcome.COULD_NOT_CHECK]
    faults = [{"level": "error", "message": {"text": f"{one.gate}: {one.summary}"}} for one in blind]
    run = {
        "tool": {"driver": {"name": "drydock", "version": drydock.version(), "rules": rules}},
        "invocations": [{"executionSuccessful": not blind, "toolExecutionNotifications": faults}],
        "results": [
            _result(verdict, target, finding, project, top)
            for verdict, target in rows
            if not verdict.passed
            for finding in verdict.details or (verdict.summary,)
        ],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _result(verdict: Verdict, target: str, finding: str, project: Path, top: Path) -> dict[str, Any]:
    unknown = "could not check: " if verdict.outcome is Outcome.COULD_NOT_CHECK else ""
    path, line = _place(finding, project)
    region = {"region": {"startLine": line}} if line else {}
    uri = os.path.relpath(path.resolve(), top.resolve())
    identity = hashlib.sha256(f"{verdict.gate} {target} {finding}".encode()).hexdigest()
    return {
        "ruleId": verdict.gate,
        "level": "error",
        "message": {"text": f"{unknown}{finding} ({target})"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, **region}}],
        "partialFingerprints": {"drydock/v1": identity},
    }


def _place(finding: str, project: Path) -> tuple[Path, int]:
    """Return the file and line that a finding names; line 0 without one."""
    for found in _PLACE.finditer(finding):
        if (project / found["path"]).is_file() and not found["path"].startswith("/"):
            return project / found["path"], int(found["line"] or 0)
    about = (project / name for name in _ABOUT_THE_IMAGE)
    return next((path for path in about if path.is_file()), project), 0
