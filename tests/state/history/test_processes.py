"""The history when processes meet, die, or run out of space."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from drydock import recorder
from drydock.state.history import History
from tests.conftest import ROOT
from tests.state.history.samples import build, judged

COUNT = 40


def writer(path: Path, name: str, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.state.history.writer", str(path), name, str(COUNT), *words]
    return subprocess.Popen(command, cwd=ROOT)


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"

    running = [writer(path, name) for name in ("production", "slim", "test")]
    codes = [process.wait(60) for process in running]

    assert codes == [0, 0, 0]
    history = History(path)
    assert [len(history.builds("shop", name)) for name in ("production", "slim", "test")] == [COUNT] * 3
    assert list(tmp_path.glob(".history-*")) == []


def test_a_process_that_is_killed_in_a_transaction_leaves_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"

    code = writer(path, "production", "killed").wait(60)

    assert code == -signal.SIGKILL
    history = History(path)
    assert len(history.builds("shop")) == COUNT
    history.add_build(build(1_800_001_000.0))
    assert len(history.builds("shop")) == COUNT + 1


def test_a_stuck_writer_costs_a_warning_and_no_build(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    History(path).add_build(build(1_800_000_000.0))
    stuck = sqlite3.connect(path, isolation_level=None)
    stuck.execute("BEGIN IMMEDIATE")
    said: list[str] = []

    recorder.attempt(History(path, busy=0.05), lambda history: history.add_verdict(judged(0.0)), said.append)

    assert said == [f"warning: nothing was added to the history in {path}: database is locked"]
    stuck.close()


def test_a_full_disk_costs_a_warning_and_no_build(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    History(path).add_build(build(1_800_000_000.0))
    program = f"""
import resource, signal
from pathlib import Path
from drydock import recorder
from drydock.state.history import History
from tests.state.history.samples import build
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
kept = History(Path({str(path)!r}))
recorder.attempt(kept, lambda history: history.add_build(build(1_800_000_001.0)), print)
"""

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith(f"warning: nothing was added to the history in {path}: ")
    assert len(done.stdout.splitlines()) == 1
    assert len(History(path).builds("shop")) == 1


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    path = tmp_path / "file/history.sqlite3"
    said: list[str] = []

    recorder.attempt(History(path), lambda history: history.add_build(build(0.0)), said.append)

    assert len(said) == 1
    assert "Not a directory" in said[0] or "File exists" in said[0]


def test_a_damaged_database_costs_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    path.write_text("no database\n" * 100)
    said: list[str] = []

    recorder.attempt(History(path), lambda history: history.add_build(build(0.0)), said.append)

    assert said == [f"warning: nothing was added to the history in {path}: file is not a database"]
