"""Errors that only tasks raise, as users see them."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from drydock.detect.errors import Undecided
from drydock.engine import Engine
from drydock.project import Project
from drydock.publish.errors import IllegalReference, KeyUnusable, LabelsDiffer
from drydock.release.errors import NotOnRegistry
from tests.conftest import ROOT, MakeProject
from tests.support.registry import Registry

pytestmark = pytest.mark.live


def invoke(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "invoke", *args]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


@pytest.fixture
def unlabelled(engine: Engine, make_project: MakeProject) -> Iterator[Project]:
    """A project with an image that was built without drydock."""
    name = f"drydock-test-{uuid.uuid4().hex[:12]}"
    project = make_project(
        {"pyproject.toml": f'[project]\nname = "{name}"\nversion = "1.4.2"\n', "Dockerfile": "FROM scratch\n"}
    )
    (project.root / "Dockerfile").write_text("# drydock's\nFROM scratch\nCOPY pyproject.toml /\n")
    engine.sdk.images.build(path=str(project.root), tag=project.reference("production"), rm=True)
    yield project
    engine.sdk.images.remove(project.reference("production"))


def test_labels_that_are_missing_are_counted(unlabelled: Project) -> None:
    done = invoke("label", "--project", str(unlabelled.root))

    assert done.returncode == LabelsDiffer.exit_code
    assert re.search(r"are missing or wrong \(\d+\); write them with `invoke label --apply`", done.stderr)


def test_what_was_never_pushed_cannot_be_signed(
    unlabelled: Project, plain: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", "a job's")
    where = f"{plain.address}/acme"
    sign = ("sign", "--project", str(unlabelled.root), "--registry", where)
    done = invoke(*sign)

    assert done.returncode == NotOnRegistry.exit_code
    assert "is not on its registry; push it with `invoke push`" in done.stderr

    keyless = invoke(*sign, "--key", "missing.key")
    assert keyless.returncode == KeyUnusable.exit_code
    assert "the key missing.key cannot be used: there is no such file" in keyless.stderr


def test_what_cannot_be_decided_is_counted() -> None:
    done = invoke("explain", "--project", "tests/apps/entry_several")

    assert done.returncode == Undecided.exit_code
    assert "1 of the facts about tests/apps/entry_several cannot be decided from its files" in done.stderr


def test_an_illegal_name_is_refused_before_anything_else_is_said(unlabelled: Project) -> None:
    done = invoke("label", "--project", str(unlabelled.root), "--image=localhost:70000/shop:1")

    assert done.returncode == IllegalReference.exit_code
    assert "70000 is not a port (1 to 65535)" in done.stderr
    assert "resolving" not in done.stderr
