"""Findings of `invoke doctor` about an engine, each with an engine, CLI or disk in that state."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drydock.doctor import engine as looks
from drydock.doctor.finding import Severity, ok
from drydock.engine.compaction import compact
from tests.conftest import ROOT, write_files
from tests.support.bbolt import database
from tests.support.engine import telling


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str | None) -> None:
    """Put a fake docker CLI, or none, on PATH."""
    folder.mkdir()
    if script is not None:
        (folder / "docker").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize(
    ("version", "severity", "words"),
    [
        ({}, Severity.OK, "28.5.1 at unix://"),
        ({"Version": "20.10.24"}, Severity.FAILURE, "20.10.24"),
        ({"Version": "5.4.0", "Components": [{"Name": "Podman Engine"}]}, Severity.OK, "Podman 5.4.0"),
        ({"Version": "4.3.1", "Components": [{"Name": "Podman Engine"}]}, Severity.FAILURE, "Podman 4.3.1"),
    ],
)
def test_the_engines_kind_and_age(
    tmp_path: Path, version: dict[str, Any], severity: Severity, words: str
) -> None:
    with telling(tmp_path, version=version) as engine:
        found = looks.version(engine)

    assert (found.severity, words in found.fact) == (severity, True)


def test_the_builder_of_an_engine_that_is_too_old_does_not_end_the_examination(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BUILDX_BUILDER", raising=False)
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path))
    with telling(tmp_path, version={"Version": "20.10.24"}) as engine:
        found = looks.builder(engine)

    assert (found.severity, "too old" in found.fact) == (Severity.UNKNOWN, True)


@pytest.mark.parametrize(
    ("script", "severity", "words"),
    [
        (None, Severity.FAILURE, "there is no docker CLI on PATH"),
        (
            "echo \"docker: 'buildx' is not a docker command.\" >&2; exit 1",
            Severity.FAILURE,
            "no such plugin",
        ),
        ("echo github.com/docker/buildx v0.9.1 ed00243", Severity.FAILURE, "v0.9.1"),
        ("echo github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3", Severity.OK, "0.13.1"),
    ],
)
def test_buildx_missing_or_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, severity: Severity, words: str
) -> None:
    program(tmp_path / "bin", monkeypatch, script)
    with telling(tmp_path) as engine:
        found = looks.buildx(engine)

    assert (found.severity, words in found.fact) == (severity, True)
    assert bool(found.advice) is (severity is not Severity.OK)


@pytest.mark.parametrize(
    ("script", "severity", "words"),
    [
        (None, Severity.UNKNOWN, "no docker CLI"),
        ("echo 'ERROR: no builder \"team\" found' >&2; exit 1", Severity.FAILURE, 'no builder "team" found'),
        ("echo 'Driver: kubernetes'", Severity.OK, "team (kubernetes driver): it is handed the base"),
    ],
)
def test_the_selected_builder_and_its_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, severity: Severity, words: str
) -> None:
    program(tmp_path / "bin", monkeypatch, script)
    monkeypatch.setenv("BUILDX_BUILDER", "team")
    with telling(tmp_path) as engine:
        found = looks.builder(engine)

    assert (found.severity, words in found.fact) == (severity, True)


def test_docker_host_that_wins_over_a_selected_context_is_told(tmp_path: Path) -> None:
    meta = {"Name": "away", "Endpoints": {"docker": {"Host": "tcp://10.0.0.1:2376"}}}
    write_files(
        tmp_path,
        {"config.json": '{"currentContext": "away"}', "contexts/meta/a/meta.json": json.dumps(meta)},
    )
    chosen = {"DOCKER_CONFIG": str(tmp_path)}

    clash = looks.context(chosen | {"DOCKER_HOST": "unix:///var/run/docker.sock"})

    assert clash.severity is Severity.WARNING
    assert clash.fact == "DOCKER_HOST unix:///var/run/docker.sock wins over docker context away"
    assert looks.context(chosen).fact == "docker context away"


@pytest.mark.parametrize(
    ("info", "severity", "words"),
    [
        (
            {"Driver": "overlay2", "DriverStatus": [["Supports d_type", "true"]]},
            Severity.OK,
            "overlay2, its own",
        ),
        (
            {"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]},
            Severity.OK,
            "overlayfs, containerd's image store",
        ),
        ({"Driver": "vfs"}, Severity.WARNING, "copies every layer whole"),
        ({"Driver": "overlay2", "DriverStatus": [["Supports d_type", "false"]]}, Severity.FAILURE, "d_type"),
    ],
)
def test_the_storage_driver_and_the_image_store(info: dict[str, Any], severity: Severity, words: str) -> None:
    found = looks.storage(info)

    assert (found.severity, words in found.fact) == (severity, True)


@pytest.mark.parametrize(("size", "severity"), [("100m", "failure"), ("2g", "warning"), ("8g", "ok")])
def test_a_small_disk_is_told(tmp_path: Path, size: str, severity: str) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    look = "import pathlib, sys; from drydock.doctor import engine"
    look += "; print(engine.room('disk', pathlib.Path(sys.argv[1]), 'free some').severity)"
    mounted = f'mount -t tmpfs -o size={size} none "$1" && exec "$2" -c "$3" "$1"'

    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh", folder, sys.executable, look],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout.strip() == severity


def test_a_disk_without_inodes_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    look = "import pathlib, sys; from drydock.doctor import engine"
    look += "; print(engine.room('disk', pathlib.Path(sys.argv[1]), 'free some').fact)"
    mounted = 'mount -t tmpfs -o size=8g,nr_inodes=100 none "$1" && exec "$2" -c "$3" "$1"'

    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh", folder, sys.executable, look],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout.strip().endswith("but only 99 inodes")


def test_an_engine_elsewhere_has_a_disk_that_is_not_seen(tmp_path: Path) -> None:
    with telling(tmp_path) as engine:
        found = looks.disk(engine, {"DockerRootDir": "/nowhere/docker"})

    assert (found.severity, found.fact) == (Severity.UNKNOWN, "/nowhere/docker is not on this machine")


@pytest.mark.parametrize(
    ("seconds", "severity", "words"),
    [
        (1, Severity.OK, "differs by 1 s"),
        (-3600, Severity.WARNING, "behind"),
        (90, Severity.WARNING, "ahead of"),
    ],
)
def test_a_clock_that_differs_is_told(tmp_path: Path, seconds: int, severity: Severity, words: str) -> None:
    theirs = datetime.now(UTC) + timedelta(seconds=seconds)
    told = theirs.isoformat().replace("+00:00", "123Z")  # with nanoseconds, as engines write it
    with telling(tmp_path, info={"SystemTime": told}) as engine:
        found = looks.clock(engine.sdk.info())

    assert (found.severity, words in found.fact) == (severity, True)


def test_an_engine_that_tells_no_time_is_not_judged() -> None:
    assert looks.clock({}).severity is Severity.UNKNOWN


def test_many_free_pages_of_build_records_slow_builds_down(tmp_path: Path) -> None:
    folder = tmp_path / "buildkit"
    folder.mkdir()
    few, many = (
        database(folder / f"{name}.db", free) for name, free in (("cache", 100), ("metadata", 70_000))
    )

    found = looks.records({"DockerRootDir": str(tmp_path)})

    assert found.severity is Severity.WARNING
    assert found.fact == f"287 MB of removed records in {folder} slow every build down"
    assert "`drydock engine.start`" in found.advice
    for path in (few, many):
        compact(path, least=0)
    none = ok("build records", f"0 MB of removed records in {folder}")
    assert looks.records({"DockerRootDir": str(tmp_path)}) == none


def test_build_records_that_cannot_be_read_are_not_seen(tmp_path: Path) -> None:
    assert looks.records({"DockerRootDir": str(tmp_path)}).severity is Severity.UNKNOWN
    (tmp_path / "buildkit").mkdir()
    (tmp_path / "buildkit/cache.db").write_text("another format")

    found = looks.records({"DockerRootDir": str(tmp_path)})

    assert found.severity is Severity.UNKNOWN
    assert "cannot be read" in found.fact
