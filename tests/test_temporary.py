"""Temporary folders: each is removed at its end, or by the next one after a kill."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drydock import temporary

HOLD = """
import sys, time, pathlib
from drydock import temporary
with temporary.folder("image", pathlib.Path(sys.argv[1])) as folder:
    (folder / "layer").write_text("much")
    print(folder, flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(parent: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Run a process that holds a folder; yield both, and kill it at the end."""
    with subprocess.Popen([sys.executable, "-c", HOLD, parent], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


@pytest.fixture(autouse=True)
def already_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary, "YOUNG_SECONDS", -1)


def test_a_folder_is_gone_after_its_use(tmp_path: Path) -> None:
    with temporary.folder("image", tmp_path) as folder:
        (folder / "layer").write_text("much")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_killed_process_is_removed_by_the_next_use(tmp_path: Path) -> None:
    with holder(tmp_path) as (process, left):
        process.kill()
        process.wait()
        assert (left / "layer").exists()
        with temporary.folder("build", tmp_path) as folder:
            assert list(tmp_path.iterdir()) == [folder]


def test_the_folder_of_a_running_process_and_every_other_folder_stay(tmp_path: Path) -> None:
    others = {tmp_path / "drydock-registry-1", tmp_path / "another"}
    for other in others:
        other.mkdir()
    with holder(tmp_path) as (_, held), temporary.folder("build", tmp_path) as folder:
        assert set(tmp_path.iterdir()) == {held, folder, *others}
        assert (held / "layer").exists()


def test_a_folder_without_a_lock_stays_while_it_is_young(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporary, "YOUNG_SECONDS", 60)
    (tmp_path / f"{temporary.PREFIX}image-1").mkdir()
    with temporary.folder("build", tmp_path):
        assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_with_a_file_system_mounted_below_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = [Path(line.split(" ")[1]) for line in Path("/proc/self/mounts").read_text().splitlines()]
    assert temporary._mounted(next(mount for mount in mounts if mount.parent != Path("/")).parent)
    left = tmp_path / f"{temporary.PREFIX}base-1"
    left.mkdir()
    monkeypatch.setattr(temporary, "_mounted", lambda path: path == left)
    with temporary.folder("build", tmp_path):
        assert left.exists()
