"""Machines of benchmarks: the user's folders, the refusal without root, and the folder's end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from benchmarks import machines
from benchmarks.figures import BenchmarkFailed
from drydock.detect.project import load
from drydock.engine import Engine, find
from drydock.progress import silent
from tests.support.clone import ROOT


def test_commands_reach_the_engine_and_leave_the_users_records_alone(tmp_path: Path) -> None:
    machine = machines.Machine(Engine(find.Candidate("unix:///its.sock", "test")), tmp_path)

    assert machine.environment == {
        "DOCKER_HOST": "unix:///its.sock",
        "XDG_CACHE_HOME": f"{tmp_path}/XDG_CACHE_HOME",
        "XDG_STATE_HOME": f"{tmp_path}/XDG_STATE_HOME",
    }


def test_an_engine_without_root_is_refused_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with (
        pytest.raises(BenchmarkFailed, match=r"needs root and a dockerd on PATH; .* run this as root"),
        machines.started(tmp_path / "engine", load(ROOT), silent),
    ):
        pass

    assert not (tmp_path / "engine").exists()


def test_the_folder_ends_with_sigterm(tmp_path: Path) -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with pytest.raises(KeyboardInterrupt), machines.folder(tmp_path, silent):
            signal.raise_signal(signal.SIGTERM)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    assert [*tmp_path.iterdir()] == []
