from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from drydock.gates.gate import registry
from drydock.project.configuration import KEYS
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_contributing_lists_the_sessions_of_this_repository() -> None:
    command = [sys.executable, "-m", "nox", "--list"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    sessions = dict(re.findall(r"^[*-] (\w+) -> (.*)$", listed, re.MULTILINE))
    rows = CONTRIBUTING.split("<!-- sessions -->", 1)[1].split("\n\n", 1)[0]

    assert dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", rows, re.MULTILINE)) == {
        name: purpose for name, purpose in sessions.items() if name not in registry()
    }


def test_the_readme_fits_two_screens() -> None:
    assert len(README.splitlines()) <= 80


def test_each_cell_of_ours_names_its_command() -> None:
    rows = README.split("## How it compares", 1)[1].split("\n| you write", 1)[1].split("\n\n", 1)[0]
    ours = [row.split("|")[2] for row in f"| you write{rows}".splitlines()]

    assert len(ours) >= 10
    assert [cell for cell in ours if not re.search(r"`(drydock|python -m) [^`]+`", cell)] == []


def test_the_example_configuration_uses_known_keys() -> None:
    page = (ROOT / "docs/reference/configuration.md").read_text(encoding="utf-8")
    example = page.split("## An example", 1)[1].split("```toml\n", 1)[1].split("```", 1)[0]

    assert set(tomllib.loads(example)["tool"]["drydock"]) <= set(KEYS)


def test_every_local_link_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_named_file_exists() -> None:
    named = re.findall(r"`((?:drydock|backend|image|tests|docs)/[\w./-]+)`", README)

    assert [name for name in named if not Path(ROOT / name).exists()] == []


def test_ci_and_readme_use_one_test_command() -> None:
    assert "./run nox" in (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "$ ./run nox" in README
