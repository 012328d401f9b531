from __future__ import annotations

from pathlib import Path

import pytest

from drydock.hook import contents, digest
from tests.support.repository import begin, commit


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = begin(tmp_path / "repository")
    commit(root, "first")
    return root


def test_contents_are_those_of_the_commit(repository: Path) -> None:
    before = contents(repository, "HEAD")
    (repository / "file").write_text("not committed")

    assert contents(repository, "HEAD") == before
    assert list(before) == ["file"]

    commit(repository, "second")
    assert contents(repository, "HEAD") != before


FILES = {"app/main.py": "100644 blob 1", "app/deep/er.py": "100644 blob 2", "README.md": "100644 blob 3"}


def test_digest_follows_what_the_patterns_select() -> None:
    before = digest(FILES, ["app/*"])

    assert digest(FILES | {"README.md": "100644 blob 4"}, ["app/*"]) == before
    assert digest(FILES | {"app/deep/er.py": "100644 blob 4"}, ["app/*"]) != before
    assert digest(FILES | {"app/new.py": "100644 blob 1"}, ["app/*"]) != before
    assert digest({path: text for path, text in FILES.items() if path != "app/main.py"}, ["app/*"]) != before


def test_digest_notices_a_mode() -> None:
    assert digest(FILES | {"app/main.py": "100755 blob 1"}, ["app/*"]) != digest(FILES, ["app/*"])


def test_digest_is_another_for_another_target() -> None:
    assert digest(FILES, ["app/*"], "slim") != digest(FILES, ["app/*"], "production")


def test_digest_of_nothing_is_empty() -> None:
    assert digest(FILES, ["deploy/*"]) == ""
