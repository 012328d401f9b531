"""GitHub's and pre-commit's files against their schemas, offline."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from drydock import command
from tests.conftest import ROOT

CHECK = Path(sys.executable).with_name("check-jsonschema")
SCHEMAS = {
    ".github/workflows/ci.yml": "vendor.github-workflows",
    "action.yml": "vendor.github-actions",
    ".github/dependabot.yml": "vendor.dependabot",
    ".github/renovate.json": "vendor.renovate",
    ".github/ISSUE_TEMPLATE/bug.yml": "vendor.github-issue-forms",
    ".github/ISSUE_TEMPLATE/project.yml": "vendor.github-issue-forms",
    ".github/ISSUE_TEMPLATE/config.yml": "vendor.github-issue-config",
}


def check(path: Path, schema: str) -> int:
    return subprocess.run([CHECK, "--builtin-schema", schema, path], check=False).returncode


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_a_file_of_github_fits_its_schema(name: str, schema: str) -> None:
    assert check(ROOT / name, schema) == 0


def test_a_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "action.yml"
    wrong.write_text((ROOT / "action.yml").read_text().replace("runs:", "run:"))

    assert check(wrong, "vendor.github-actions") != 0


def test_renovate_finds_every_lock_of_a_tool() -> None:
    """Renovate 41 itself finds the pins of the same files (`renovate --platform=local --dry-run=extract`)."""
    asked = json.loads((ROOT / ".github/renovate.json").read_text())["pip_requirements"]
    patterns = [one.strip("/") for one in asked["managerFilePatterns"]]
    tracked = command.run(["git", "ls-files", "*.lock", "drydock/*.txt"], cwd=ROOT).stdout.split()
    pinned = {name for name in tracked if name.startswith("drydock/")}

    assert {name for name in tracked if any(re.search(one, name) for one in patterns)} == pinned
    assert {"drydock/programs/trivy.lock", "drydock/container/install/uv.txt"} <= pinned


def test_ci_runs_every_stage_of_the_script_that_needs_no_cluster() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    stages = workflow["jobs"]["stage"]["strategy"]["matrix"]["stage"]
    script = (ROOT / ".ci/run").read_text()

    assert f"set -- {' '.join(stages)} cluster" in script


def test_the_container_for_contributors_is_set_up_as_their_machine_is() -> None:
    made = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    manifest = tomllib.loads((ROOT / "pyproject.toml").read_text())
    python = re.match(r".*/python:(\d\.\d+)-", made["image"])

    assert python is not None
    assert f"Programming Language :: Python :: {python[1]}" in manifest["project"]["classifiers"]
    assert any("/docker-in-docker:" in feature for feature in made["features"])
    assert made["onCreateCommand"] in (ROOT / "CONTRIBUTING.md").read_text()


def test_the_hook_for_others_is_this_repositorys_own() -> None:
    [theirs] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    [local] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    [ours] = local["hooks"]

    assert ours["entry"] == f"./run {theirs['entry']}"
    assert ours["stages"] == theirs["stages"]
