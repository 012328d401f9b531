from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from drydock.image.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store with room for a thousand bytes."""
    return Store(tmp_path / "store", 1000)


def files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "store").iterdir())


def test_what_was_written_is_found(store: Store, tmp_path: Path) -> None:
    store.write("a", b"content")
    assert store.read("a") == b"content"
    assert store.path("a") == tmp_path / "store/a"
    assert store.read("b") is None


def test_a_file_without_a_name_is_removed(store: Store, tmp_path: Path) -> None:
    with contextlib.suppress(KeyboardInterrupt), store.making() as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert files(tmp_path) == []


def test_all_files_together_stay_below_the_size(store: Store, tmp_path: Path) -> None:
    for number in range(5):
        store.write(str(number), b"x" * 300)
        os.utime(tmp_path / f"store/{number}", (number, number))
    assert files(tmp_path) == ["2", "3", "4"]


def test_few_writes_into_a_large_store_look_at_all_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = Store(tmp_path / "store", 100_000)
    looks: list[int] = []
    usual = large._prune
    monkeypatch.setattr(large, "_prune", lambda: looks.append(1) or usual())
    for number in range(1100):
        large.write(str(number), b"x" * 100)
    assert 20 < len(looks) < 400
    assert 90_000 < sum(path.stat().st_size for path in (tmp_path / "store").iterdir()) < 115_000


def test_what_a_killed_process_left_goes_when_its_turn_comes(store: Store, tmp_path: Path) -> None:
    writer = multiprocessing.get_context("fork").Process(target=_die_while_writing, args=(store,))
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    (left,) = files(tmp_path)
    assert left.startswith(".")
    os.utime(tmp_path / "store" / left, (1, 1))
    store.write("a", b"x" * 500)
    assert files(tmp_path) == ["a"]


def _die_while_writing(store: Store) -> None:
    with store.making() as file:
        file.write(b"x" * 600)
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def test_writers_of_one_name_leave_one_whole_file(store: Store, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [
        context.Process(target=_write_often, args=(store, character)) for character in (b"a", b"b", b"c")
    ]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        seen.add(store.read("shared"))
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    seen.add(store.read("shared"))
    assert seen <= {None, b"a" * 400, b"b" * 400, b"c" * 400}
    assert files(tmp_path) == ["shared"]


def _write_often(store: Store, character: bytes) -> None:
    for _ in range(200):
        store.write("shared", character * 400)


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file/store", 1000)
    store.write("a", b"content")
    assert store.read("a") is None
