from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from drydock.project.configuration import KEYS
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def run(module: str, *args: str) -> str:
    command = [sys.executable, "-m", module, *args]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def table(marker: str) -> dict[str, str]:
    """Return the rows of the table after a marker: text by the name in the first column."""
    rows = README.split(f"<!-- {marker} -->", 1)[1].split("\n\n", 1)[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", rows, re.MULTILINE))


def test_the_table_of_tasks_is_what_invoke_lists() -> None:
    listed = json.loads(run("invoke", "--list", "--list-format=json"))
    tasks = {task["name"]: task["help"] for task in listed["tasks"]}
    for group in listed["collections"]:
        tasks |= {f"{group['name']}.{task['name']}": task["help"] for task in group["tasks"]}

    assert table("tasks") == tasks


def test_the_table_of_gates_is_what_nox_lists() -> None:
    listed = json.loads(run("nox", "--list", "--json"))

    assert table("gates") == {session["session"]: session["description"] for session in listed}


def test_the_environment_is_what_the_start_script_explains() -> None:
    section = README.split("<!-- environment of drydock/container/start.py -->", 1)[1].split("\n\n", 1)[0]
    start = (ROOT / "drydock/container/start.py").read_text(encoding="utf-8").split('"""')[1]
    operators = start.split("the rest is for the operator:", 1)[1]

    columns = re.findall(r"^    ([A-Z][A-Z_, ]+?)  ", operators, re.MULTILINE)

    assert set(re.findall(r"`([A-Z_]{4,})`", section)) == set(re.findall(r"[A-Z_]+", " ".join(columns)))


def test_the_example_configuration_uses_known_keys() -> None:
    example = README.split("```toml\n", 1)[1].split("```", 1)[0]

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
