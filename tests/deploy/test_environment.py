"""docs/reference/environment.md says what the application and the start script read."""

from __future__ import annotations

import re
from pathlib import Path

from drydock.gates.kubernetes import EXPECTATIONS
from drydock.gates.kubernetes.finding import read
from drydock.report import environment
from tests.conftest import ROOT, write_files

START = (ROOT / "drydock/container/start.py").read_text()
SETTING = {
    "name": "A_URL",
    "default": None,
    "description": "Where | it is.",
    "example": "x://y",
    "secret": True,
}


def test_the_page_is_written_where_it_is(tmp_path: Path) -> None:
    assert environment.place(tmp_path) == tmp_path / "docs/environment.md"

    write_files(tmp_path, {"docs/reference/environment.md": ""})

    assert environment.place(tmp_path) == tmp_path / "docs/reference/environment.md"


def test_a_secret_is_shown_with_its_file_variable() -> None:
    text = environment.page([SETTING], [])
    assert "| `A_URL`, `A_URL_FILE` |  | Where \\| it is. Example: `x://y` |" in text


def test_defaults_are_shown_as_they_are_written() -> None:
    rows = [{"name": "B", "default": True, "description": "Yes.", "example": True, "secret": False}]
    assert "| `B` | `true` | Yes. |" in environment.page(rows, [])


def test_the_start_scripts_variables_are_read_from_its_own_help() -> None:
    found = dict(environment.start_script(START))
    assert found["PORT, HOST"].startswith("where to listen")
    assert "TLS_CERT_FILE, TLS_KEY_FILE" in found


def test_the_gate_knows_every_variable_of_the_start_script() -> None:
    named = {name.strip() for names, _ in environment.start_script(START) for name in names.split(",")}
    # PYTHONSAFEPATH is what it tells its own workers.
    asked = set(re.findall(r"environ(?:\.get\(|\[)\"([A-Z_]+)\"", START)) - {"PYTHONSAFEPATH"}
    known = set(read(ROOT / EXPECTATIONS).start_script)
    assert named <= known
    assert {name for name in asked if not name.startswith("APP_")} <= known
