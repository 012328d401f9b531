"""The documentation as a site: `nox -s docs`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.site import slug, within
from tests.conftest import ROOT
from tests.documents.test_links import anchors


def build(root: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a tree."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    return subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_site_has_each_page_and_loads_nothing_from_elsewhere(tree: Path) -> None:
    done = build(tree)
    site = tree / ".drydock/site"
    pages = [path.relative_to(tree / "docs").with_suffix(".html") for path in (tree / "docs").rglob("*.md")]

    assert done.returncode == 0, done.stderr
    assert [page for page in pages if page.name != "README.html" and not (site / page).is_file()] == []
    assert (site / "index.html").is_file()
    assert [path for path in site.rglob("*.html") if 'src="http' in path.read_text(encoding="utf-8")] == []


def test_broken_links_and_a_lost_page_fail_the_build(tree: Path) -> None:
    with (tree / "docs/start/tutorial.md").open("a", encoding="utf-8") as file:
        file.write("\n[1](../reference/gone.md) [2](../reference/gates.md#no-such-gate)\n")
    (tree / "docs/how-to/new.md").write_text("# A page that the navigation lacks\n")

    done = build(tree)
    said = done.stdout + done.stderr

    assert done.returncode == 1
    assert [name for name in ("gone.md", "no-such-gate", "how-to/new.md") if name not in said] == []


def test_anchors_are_those_of_github() -> None:
    for heading in ("Exit codes and errors", "`[tool.drydock]`", "container_tests", "What's a C++ file?"):
        assert {slug(heading, "-")} == anchors(f"# {heading}\n")


def test_only_links_that_leave_the_documents_lose_their_address() -> None:
    text = "[a](../../run) [b](../start/tutorial.md#x) [c](https://x/y) [d](#here) [e](../../../x.md#y)"

    assert within(text, "how-to") == "a [b](../start/tutorial.md#x) [c](https://x/y) [d](#here) e"
