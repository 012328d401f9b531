"""`.ci/run` with fake programs for `./run` and for the cluster next to the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT, write_files

RUN = """#!/bin/sh
echo "run $*" >> "$LOG"
case "$*" in
    nox) exit "$GATES" ;;
    "nox -s acceptance")
        [ -z "$CRASH" ] || [ "$(cat "$ENGINE_PID_FILE")" = 1 ] || { echo 1 > "$ENGINE_PID_FILE"; exit 4; }
        exit "$ACCEPTANCE" ;;
    "nox -s official_layout") exit "$LAYOUT" ;;
    "nox -s cluster_tests") echo "on $KUBECONFIG by $DRYDOCK_CLUSTER_LOAD" >> "$LOG"; exit "$CLUSTER" ;;
    python*) echo /opt/kubectl ;;
esac
"""
UP = """#!/bin/sh
echo "up with $KUBECTL" >> "$LOG"
echo /tmp/kubeconfig
exit "$UP"
"""
DF = """#!/bin/sh
echo "Filesystem 1024-blocks Used Available Capacity Mounted on"
if [ -f "$LOG" ]; then kilobytes={trimmed}; else kilobytes={free}; fi
echo "/dev/vda 9 9 $kilobytes 9% /"
"""
DOCKER = """#!/bin/sh
echo "docker $*" >> "$LOG"
"""
DOWN = """#!/bin/sh
echo down >> "$LOG"
"""


@dataclass(frozen=True)
class Ran:
    """The script's exit code and the commands that it called."""

    code: int
    called: list[str]


Script = Callable[..., Ran]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Return a function that runs the script in a new checkout."""

    def run(
        *,
        beside: bool = True,
        kubeconfig: str = "",
        gates: int = 0,
        acceptance: int = 0,
        layout: int = 0,
        cluster: int = 0,
        up: int = 0,
        free: int = 20,
        trimmed: int = 20,
        crash: bool = False,
        stages: tuple[str, ...] = (),
    ) -> Ran:
        files = {
            "main/run": RUN,
            "bin/df": DF.format(free=free * 1_000_000, trimmed=trimmed * 1_000_000),
            "bin/docker": DOCKER,
        }
        if beside:
            files |= {"shared/cluster/up": UP, "shared/cluster/down": DOWN}
        write_files(tmp_path, files)
        for name in files:
            (tmp_path / name).chmod(0o755)
        shutil.copytree(ROOT / ".ci", tmp_path / "main/.ci")
        log = tmp_path / "log"
        codes = {"GATES": gates, "ACCEPTANCE": acceptance, "LAYOUT": layout, "CLUSTER": cluster}
        codes["UP"] = up
        environment = {
            "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
            "LOG": str(log),
            "KUBECONFIG": kubeconfig,
        }
        environment |= {name: str(code) for name, code in codes.items()}
        pid, said = tmp_path / "pid", tmp_path / "engine.log"
        pid.write_text(f"{os.getpid()}\n")
        said.write_text("level=info\nfatal error: concurrent map writes\ngoroutine 1:\n")
        environment |= {"ENGINE_PID_FILE": str(pid), "ENGINE_LOG": str(said), "CRASH": "1" if crash else ""}
        done = subprocess.run(
            [tmp_path / "main/.ci/run", *stages], env=environment, check=False, capture_output=True, text=True
        )
        assert ("fatal error: concurrent map writes" in done.stderr) == crash
        return Ran(done.returncode, log.read_text().replace(str(tmp_path), "").splitlines())

    return run


FIND = "run python -c from drydock.deploy import kubectl; print(kubectl.find())"
ON = "on /tmp/kubeconfig by /main/../shared/cluster/load"
SET_UP = "run true"
GATES = [SET_UP, "run nox", "run nox -s acceptance", "run nox -s official_layout"]
WITH_CLUSTER = [*GATES, FIND, "up with /opt/kubectl", "run nox -s cluster_tests", ON, "down"]


def test_gates_run_first_and_the_cluster_is_taken_down_at_the_end(script: Script) -> None:
    assert script() == Ran(0, WITH_CLUSTER)


def test_a_checkout_without_a_cluster_beside_it_runs_the_gates_alone(script: Script) -> None:
    assert script(beside=False) == Ran(0, GATES)


def test_a_cluster_that_the_environment_names_is_used_and_left_alone(script: Script) -> None:
    assert script(kubeconfig="/home/kube") == Ran(
        0, [*GATES, "run nox -s cluster_tests", "on /home/kube by "]
    )


@pytest.mark.parametrize(
    ("gates", "acceptance", "layout", "cluster", "code"),
    [(1, 0, 0, 0, 1), (0, 2, 0, 0, 2), (0, 0, 4, 0, 4), (0, 0, 0, 3, 3), (2, 0, 0, 3, 3)],
)
def test_any_failure_is_the_scripts_failure(
    script: Script, gates: int, acceptance: int, layout: int, cluster: int, code: int
) -> None:
    assert script(gates=gates, acceptance=acceptance, layout=layout, cluster=cluster) == Ran(
        code, WITH_CLUSTER
    )


def test_a_cluster_that_does_not_come_up_is_a_failure_and_is_cleaned_away(script: Script) -> None:
    assert script(up=1) == Ran(1, [*WITH_CLUSTER[:6], "down"])


def test_named_stages_run_alone(script: Script) -> None:
    assert script(stages=("official_layout", "nox")) == Ran(0, [SET_UP, GATES[3], GATES[1]])


def test_an_unknown_stage_is_refused(script: Script) -> None:
    with pytest.raises(FileNotFoundError):  # it called nothing
        script(stages=("nox", "acceptanse"))


TRIM = ["run drydock engine.start", "docker buildx prune --force --keep-storage 5gb"]


def test_a_disk_that_would_fill_up_is_refused(script: Script) -> None:
    assert script(free=9, trimmed=9) == Ran(2, TRIM)


def test_the_build_cache_is_trimmed_where_that_makes_room(script: Script) -> None:
    assert script(free=9, stages=("nox",)) == Ran(0, [*TRIM, *GATES[:2]])


def test_a_disk_with_room_enough_is_used(script: Script) -> None:
    assert script(free=10, stages=("nox",)) == Ran(0, GATES[:2])


@pytest.mark.parametrize("acceptance", [0, 2])
def test_a_stage_whose_engine_ended_is_run_once_more(script: Script, acceptance: int) -> None:
    ran = script(crash=True, acceptance=acceptance, stages=("nox", "acceptance"))

    assert ran == Ran(acceptance, [*GATES[:3], GATES[2]])
