"""The tutorial's files and findings are what a reader gets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, write_files
from tests.support.repository import git

PAGE = (ROOT / "docs/start/tutorial.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`([\w.]+)`(?:, in the folder `(\w+)`)?:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = {f"{folder}/{name}".lstrip("/"): text for name, folder, text in FILE.findall(PAGE)}


def test_the_findings_are_those_that_the_tutorial_shows(tmp_path: Path) -> None:
    shop = write_files(tmp_path / "hello-shop", FILES)
    git(shop, "init", "--quiet")
    (shown,) = re.findall(r"^```console\n\$ drydock explain\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

    command = [sys.executable, "-m", "drydock.cli", "explain"]
    done = subprocess.run(command, cwd=shop, check=True, capture_output=True, text=True)

    assert set(FILES) == {"main.py", "pyproject.toml", "tests/test_main.py"}
    assert done.stdout == shown


def test_the_files_are_committed_as_the_tutorial_says(tmp_path: Path) -> None:
    shop = write_files(tmp_path / "hello-shop", FILES)
    (typed,) = re.findall(r"^```sh\n(git init\n.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

    # A user's own git has a name and an address; a test's has none.
    person = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["sh", "-e", "-c", typed], cwd=shop, check=True, env={**os.environ, **person})

    assert set(git(shop, "ls-files").splitlines()) == set(FILES)
    assert git(shop, "status", "--porcelain") == ""


def test_names_in_the_tutorial_follow_from_its_project() -> None:
    assert 'name = "hello-shop"' in FILES["pyproject.toml"]
    assert "kind load docker-image hello-shop:dev" in PAGE
    assert "--namespace=hello-shop port-forward service/hello-shop" in PAGE
