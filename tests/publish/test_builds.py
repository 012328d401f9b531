from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from drydock.detect.project import load
from drydock.publish import builds
from drydock.publish.builds import open_workspace
from drydock.state import DAY
from tests.support.repository import commit, git
from tests.support.ship import Ship

IMAGE = "sha256:" + "ab" * 32
MADE = {"buildDefinition": {"internalParameters": {}}, "runDetails": {"builder": {"id": "urn:one"}}}
OTHER = MADE | {"runDetails": {"builder": {"id": "urn:other"}}}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "drydock/builds"


def test_what_was_known_of_a_build_is_found_by_its_image() -> None:
    builds.keep(IMAGE, MADE)

    assert builds.known(IMAGE)
    assert builds.find(IMAGE) == MADE


def test_an_image_of_another_machine_is_not_known() -> None:
    assert not builds.known(IMAGE)
    assert builds.find(IMAGE) is None


def test_the_build_that_made_the_image_counts_and_not_a_cached_one_after_it() -> None:
    builds.keep(IMAGE, MADE)
    builds.keep(IMAGE, OTHER)

    assert builds.find(IMAGE) == MADE


def test_an_edited_record_is_not_believed(state: Path) -> None:
    builds.keep(IMAGE, MADE)
    (path,) = state.glob("*.json")
    path.write_text(path.read_text().replace("urn:one", "urn:two"))

    assert builds.find(IMAGE) is None


def test_old_records_go(state: Path) -> None:
    builds.keep(IMAGE, MADE)
    (state.parent / "tidied/builds").unlink()  # as on another day
    (path,) = state.glob("*.json")
    old = time.time() - 91 * DAY
    os.utime(path, (old, old))

    builds.keep("sha256:" + "cd" * 32, OTHER)

    assert not builds.known(IMAGE)


def test_a_folder_that_cannot_be_written_fails_no_build(state: Path) -> None:
    state.parent.parent.mkdir(exist_ok=True)
    state.parent.write_text("a file where the folder should be")

    builds.keep(IMAGE, MADE)

    assert not builds.known(IMAGE)


def place(root: Path, branch: str = "main") -> builds.Place:
    root.mkdir(exist_ok=True)
    return builds.Place(str(root), branch, "0123456789abcdef")


def test_another_clones_reference_is_named(tmp_path: Path) -> None:
    first, second = place(tmp_path / "first", "topic"), place(tmp_path / "second")
    assert builds.settle("shop:dev", first, "sha256:1") is None
    assert builds.settle("shop:dev", first, "sha256:2") is None
    assert builds.settle("shop:dev-slim", second, "sha256:3") is None

    assert builds.settle("shop:dev", second, "sha256:3") == first
    assert builds.settle("shop:dev", second, "sha256:4") is None
    assert str(first) == f"{tmp_path / 'first'} (topic) 0123456789ab"


def test_equal_images_of_two_clones_replace_nothing(tmp_path: Path) -> None:
    builds.settle("shop:dev", place(tmp_path / "first"), "sha256:1")

    assert builds.settle("shop:dev", place(tmp_path / "second"), "sha256:1") is None


def test_a_clone_that_is_gone_misses_nothing(tmp_path: Path) -> None:
    builds.settle("shop:dev", place(tmp_path / "first"), "sha256:1")
    (tmp_path / "first").rmdir()

    assert builds.settle("shop:dev", place(tmp_path / "second"), "sha256:2") is None


@pytest.mark.live
@pytest.mark.usefixtures("state")
def test_a_build_says_whose_it_replaces(ship: Ship, tmp_path: Path) -> None:
    """Two clones of one project build on one engine."""
    other = tmp_path / "other clone"
    git(tmp_path, "clone", "--quiet", str(ship.root), str(other))
    commit(other, "another application\n", "requirements.lock")

    ship.workspace().built("production")
    said: list[str] = []
    open_workspace(ship.engine, load(other), said.append).built("production")
    again: list[str] = []
    open_workspace(ship.engine, load(other), again.append).built("production")

    (line,) = (one for one in said if "replaces" in one)
    assert line.startswith(f"{ship.name}:dev replaces the build of {ship.root} (")
    assert not any("replaces" in one for one in again)
