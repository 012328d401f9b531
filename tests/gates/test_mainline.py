from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from drydock.build.errors import BuildFailed
from drydock.detect.errors import Undecided
from drydock.detect.project import load
from drydock.errors import Interrupted
from drydock.gates import mainline
from drydock.gates.errors import CouldNotCheck
from drydock.project import Project
from drydock.project.errors import UnknownTarget
from tests.support.repository import begin, commit, git

NOW = "[project]\nname = 'shop'\n"


class Building:
    """A workspace that records its requests, and raises a fault if given."""

    asked: ClassVar[list[tuple[str, str, str]]] = []
    fault: Exception | None = None

    def __init__(self, project: Project, channel: str = "dev") -> None:
        self.project, self.channel = project, channel

    def say(self, line: str) -> None:
        """Discard the line."""

    def of(self, project: Project, channel: str) -> Building:
        """Return a workspace for another state of the project."""
        return Building(project, channel)

    def measured(self, target: str) -> str:
        """Return a text in place of an image."""
        if self.fault:
            raise self.fault
        if not (code := self.project.root / "app/main.py").is_file():
            raise Undecided(path=self.project.root, count=1)
        text = code.read_text()
        self.asked.append((self.channel, target, text))
        return "an image"


@pytest.fixture
def building(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Building:
    """A project in a repository, with a commit that the main branch lacks."""
    root = begin(tmp_path / "repository") / "shop"
    for path, text in {"pyproject.toml": NOW, "Dockerfile": "FROM scratch\n", "app/main.py": "one"}.items():
        commit(root.parent, text, f"shop/{path}")
    git(root.parent, "switch", "--quiet", "--create", "feature")
    commit(root.parent, "two", "shop/app/main.py")
    monkeypatch.setattr(Building, "asked", [])
    return Building(load(root))


def test_the_main_branch_is_built_under_a_name_of_its_own(building: Building) -> None:
    name, image = mainline.image(building, "slim") or ("", None)  # type: ignore[arg-type]

    assert name.startswith("main of 20")
    assert image == "an image"
    assert building.asked == [("mainline", "slim", "one")]
    assert (building.project.root / "app/main.py").read_text() == "two"
    assert len(git(building.project.root, "worktree", "list").splitlines()) == 1


def test_a_commit_without_an_application_has_no_image(building: Building) -> None:
    root = building.project.root
    git(root, "switch", "--quiet", "main")
    git(root, "rm", "--quiet", "app/main.py")
    git(root, "commit", "--quiet", "--message=none")
    git(root, "switch", "--quiet", "feature")

    assert mainline.image(building, "production") is None  # type: ignore[arg-type]


def test_a_commit_without_the_target_has_no_image(
    building: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Building, "fault", UnknownTarget(target="slim", known="app"))

    assert mainline.image(building, "slim") is None  # type: ignore[arg-type]


def test_a_main_branch_that_does_not_build_is_no_pass(
    building: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = BuildFailed(step="RUN uv", reason="no such package", evidence="last lines")
    monkeypatch.setattr(Building, "fault", fault)

    with pytest.raises(CouldNotCheck) as caught:
        mainline.image(building, "slim")  # type: ignore[arg-type]

    assert "which growth is measured by, does not build: build step 'RUN uv' failed" in str(caught.value)
    assert "leave over-main out of [tool.drydock.budgets] until then" in str(caught.value)
    assert caught.value.evidence == "last lines"


def test_an_engine_that_is_gone_is_not_the_main_branchs_fault(
    building: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Building, "fault", Interrupted(during="the build"))

    with pytest.raises(Interrupted):
        mainline.image(building, "slim")  # type: ignore[arg-type]


def test_tests_and_documents_are_no_ingredients(building: Building) -> None:
    root = building.project.root
    patterns = mainline.ingredients(building.project)
    for path in ("tests/test_main.py", "README.md", "docs/page.md"):
        commit(root, "new", path)

    assert git(root, "log", "-1", "--format=%s", "HEAD", "--", *patterns) == "two"
    commit(root, "three", "app/main.py")
    assert git(root, "log", "-1", "--format=%s", "HEAD", "--", *patterns) == "three"


@pytest.mark.parametrize("name", ["drydock.Dockerfile", "drydock.Dockerfile.dockerignore"])
def test_a_dockerfile_beside_the_projects_own_is_an_ingredient(building: Building, name: str) -> None:
    root = building.project.root
    patterns = mainline.ingredients(replace(building.project, source=root / "app"))
    commit(root, "four", name)

    assert git(root, "log", "-1", "--format=%s", "HEAD", "--", *patterns) == "four"
