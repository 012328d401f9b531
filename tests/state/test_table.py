"""The table of stored files, in the test's own folders."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from drydock import state
from drydock.image.cache import user_cache
from drydock.programs import home
from drydock.publish import builds, upload
from drydock.state.history import Build, History, Origin
from drydock.state.receipts import Gate, Receipts
from drydock.verdict import Outcome, Verdict

CONTENT = "sha256:" + "a" * 64


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def fill() -> None:
    """Store one file in each place."""
    verdict = Verdict("smoke", Outcome.PASSED, "started")
    Receipts().write(Gate("smoke", "sha256:1"), verdict, content=CONTENT, image="sha256:2", tools={})
    builds.keep("sha256:2", {})
    builds.settle("todo:dev", builds.Place("/todo", "main", "0123"), "sha256:2")
    upload.note("registry.example", CONTENT, "todo")
    user_cache.__wrapped__()._facts.write("layer", b"{}")
    user_cache.__wrapped__()._blobs.write("blob", b"{}")
    History(state.folder("history.sqlite3")).add_build(
        Build(time.time(), Origin("todo", "production"), "", 1.0)
    )
    for path in (
        state.folder("releases") / "todo/1.4.2-0123/journal.json",
        state.cache("cosign-trixie-x86_64") / "usr/bin/cosign",
        home("hadolint") / ".complete",
        state.cache("licences") / "libc6_2.36",
        state.folder("touched") / "0123.json",
        state.folder("closures") / "0123.json",
        state.folder("remarks") / "0123",
        state.folder("written") / "0123456789abcdef",
        state.cache("recipes") / "0123/Dockerfile",
        state.cache("resolutions") / "0123.json",
        state.cache("templates") / "0123.cache",
    ):
        path.parent.mkdir(parents=True)
        path.touch()


def kept(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_the_table_knows_every_file_that_is_kept(tmp_path: Path) -> None:
    fill()

    rows = [path for row in state.TABLE.values() for path in row.paths()]

    assert {name for name, row in state.TABLE.items() if not list(row.paths())} == set()
    assert not [path for path in kept(tmp_path) if not any(path.is_relative_to(row) for row in rows)]


@pytest.mark.parametrize("name", [name for name, row in state.TABLE.items() if row.days < 1000])
def test_what_is_too_old_goes_and_the_rest_stays(tmp_path: Path, name: str) -> None:
    fill()
    places = [place for place in state.TABLE[name].paths() if place.exists()]
    old = {path for place in places for path in (kept(place) or {place})}
    for path in old:
        past = time.time() - (state.TABLE[name].days + 1) * state.DAY
        os.utime(path, (past, past))
    before = kept(tmp_path)

    assert state.prune(name) == len(old)

    assert kept(tmp_path) == before - old


def test_what_cannot_be_made_again_outlives_its_caches(tmp_path: Path) -> None:
    fill()

    removed = list(state.remove_caches())

    assert removed
    assert kept(tmp_path / "cache") == set()
    assert {path.name for path in kept(tmp_path / "state")} >= {"key", "smoke.json", "journal.json"}


def test_a_use_is_noted_once_a_day(tmp_path: Path) -> None:
    """Podman's cache misses when a file of a build context has another time."""
    fresh, old = tmp_path / "fresh", tmp_path / "old"
    for path, age in ((fresh, 60.0), (old, 2 * state.DAY)):
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    before = fresh.stat().st_mtime

    for path in (fresh, old):
        state.use(path)

    assert fresh.stat().st_mtime == before
    assert time.time() - old.stat().st_mtime < 60


def test_a_row_is_tidied_once_a_day() -> None:
    for number in range(2):
        path = state.folder("remarks") / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (1, 1))
        state.tidy("remarks")
    assert [path.name for path in state.folder("remarks").iterdir()] == ["1"]

    os.utime(state.folder("tidied") / "remarks", (time.time() - 2 * state.DAY,) * 2)
    state.tidy("remarks")

    assert not state.folder("remarks").exists()
