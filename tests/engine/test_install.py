"""Setting up an engine when apt or the daemon refuses: fake programs take their places."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from drydock.engine import Engine, find, install
from drydock.engine.errors import EngineInstallFailed, EngineStartFailed
from tests.support.bbolt import database


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder first on PATH, and a machine without systemd and without an engine."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(install, "under_systemd", lambda: False)
    monkeypatch.setattr(install, "STATE", tmp_path / "state")
    monkeypatch.setattr(install, "PID_FILE", tmp_path / "state" / "dockerd.pid")
    monkeypatch.setattr(install, "LOG", tmp_path / "dockerd.log")
    monkeypatch.setattr(install, "SETTINGS", tmp_path / "daemon.json")
    monkeypatch.setattr(install, "DATA", tmp_path / "data")
    monkeypatch.setattr(find, "answers", lambda _: "silent")
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_what_apt_refuses_is_the_reason(programs: Path) -> None:
    program(programs, "apt-get", "echo 'E: Could not get lock /var/lib/apt/lists/lock'; exit 100")

    with pytest.raises(EngineInstallFailed, match="failed: E: Could not get lock"):
        install.install(lambda _: None)


def test_without_a_debian_mirror_there_is_no_newer_release(tmp_path: Path) -> None:
    with pytest.raises(EngineInstallFailed, match="no Debian mirror is configured"):
        install.newer_release_options(tmp_path, [], "bookworm")


def test_a_daemon_that_dies_is_reported_with_its_log(programs: Path) -> None:
    program(programs, "dockerd", "echo 'failed to start daemon: no overlay'; exit 1")

    with pytest.raises(EngineStartFailed, match=r"dockerd exited with 1; read .*dockerd\.log") as caught:
        install.start(lambda _: None)

    assert "no overlay" in caught.value.evidence


def test_only_the_daemon_that_was_started_is_stopped(programs: Path) -> None:
    shutil.copy(shutil.which("sleep") or "sleep", programs / "dockerd")
    daemon = subprocess.Popen([programs / "dockerd", "60"])
    other = subprocess.Popen(["sleep", "60"])
    install.PID_FILE.parent.mkdir()
    try:
        install.PID_FILE.write_text(f"{daemon.pid}\n")
        assert install.stop(lambda _: None)
        assert daemon.wait(5) == -15
        assert not install.stop(lambda _: None)

        # A dead daemon's process id may belong to another program by now.
        install.PID_FILE.write_text(f"{other.pid}\n")
        assert not install.stop(lambda _: None)
        assert other.poll() is None
    finally:
        for process in (daemon, other):
            process.kill()
            process.wait()


def test_records_are_compacted_before_the_daemon_starts(programs: Path) -> None:
    place = programs / "elsewhere"
    install.SETTINGS.write_text(json.dumps({"data-root": str(place)}))
    (place / "buildkit").mkdir(parents=True)
    path = database(place / "buildkit/metadata_v2.db", free=20_000)
    (place / "buildkit/other.db").write_text("of another format")
    program(programs, "dockerd", f"stat --format=%s {path}; exit 1")
    said: list[str] = []

    with pytest.raises(EngineStartFailed) as caught:
        install.start(said.append)

    assert said[0] == f"compacted {path}: 82 MB of removed records"
    assert int(caught.value.evidence) < 100_000
    assert (place / "buildkit/other.db").read_text() == "of another format"


STACK = "\n".join(f"goroutine {number} [select]:" for number in range(5000))
CRASHED = f"""\
time="T" level=info msg="Starting up"
panic: of an earlier day
time="T" level=info msg="Starting up"
time="T" level=info msg="Loading containers: start."
fatal error: concurrent map writes

goroutine 23 [running]:
{STACK}
"""


@pytest.mark.parametrize(
    ("log", "first", "lines"),
    [
        (CRASHED, "fatal error: concurrent map writes", 15),
        # The kernel ended it.
        (CRASHED.partition("fatal")[0], 'time="T" level=info msg="Loading containers: start."', 1),
    ],
)
def test_a_daemon_that_ended_by_itself_leaves_its_last_words(
    programs: Path, log: str, first: str, lines: int
) -> None:
    engine = Engine(find.DEFAULT)
    install.LOG.write_text(log)

    assert engine.gone().evidence == ""  # nothing that drydock started

    ended = subprocess.Popen(["true"])
    ended.wait()
    install.PID_FILE.parent.mkdir()
    install.PID_FILE.write_text(f"{ended.pid}\n")

    said = engine.gone("ERROR: EOF").evidence.splitlines()

    assert said[:2] == ["ERROR: EOF", first]
    assert len(said) == 1 + lines


def test_another_daemons_log_is_not_told(programs: Path) -> None:
    install.LOG.write_text(CRASHED)
    install.PID_FILE.parent.mkdir()
    install.PID_FILE.write_text("999999999\n")

    assert Engine(find.Candidate("tcp://other:2376", "test")).gone().evidence == ""
