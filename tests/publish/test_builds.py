from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from drydock.publish import builds
from drydock.state import DAY

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
