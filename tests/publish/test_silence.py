"""Progress while a registry is slow: movement on a terminal, elsewhere an occasional line."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.registry import LATE, Accident, Registry, Road, registry, road
from tests.support.releases import OLD, arrived, prepared
from tests.support.ship import Ship
from tests.support.terminal import watch

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("own_state")]

# Longer than the delay of the first sign, even on a busy machine.
THINKS_SECONDS = 4.0
SIGN = re.compile(r"^… \d+ s · (.*)$", re.MULTILINE)


@pytest.fixture
def running() -> Iterator[Registry]:
    with registry() as started:
        yield started


@pytest.fixture
def way(running: Registry) -> Iterator[Road]:
    with road(running) as made:
        yield made


def invoke(ship: Ship, way: Road, task: str, *options: str) -> list[str]:
    """Return the command of a task on the project and the registry."""
    where = ["--project", str(ship.root), "--registry", way.address]
    return [sys.executable, "-m", "invoke", "--search-root", str(ROOT), task, *where, *options]


def signs(command: list[str]) -> list[str]:
    """Run a command without a terminal and return its lines of progress."""
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return SIGN.findall(done.stderr)


def thinking(method: str, path: str) -> Accident:
    return Accident(method, path, LATE, then=lambda: time.sleep(THINKS_SECONDS))


def test_a_registry_that_thinks_about_the_last_bytes_of_a_layer_is_waited_for_with_words(
    ship: Ship, way: Road
) -> None:
    prepared(ship, OLD)
    way.accidents.append(thinking("PUT", r"/blobs/uploads/.*digest="))

    # On a busy machine, other steps may also take long enough for a line.
    said = signs(invoke(ship, way, "push"))

    assert [one for one in said if re.fullmatch(r"\w{12}  (\d+ bytes) of \1, waiting for the registry", one)]


def test_on_a_terminal_the_seconds_of_the_wait_go_on(ship: Ship, way: Road) -> None:
    prepared(ship, OLD)
    way.accidents.append(thinking("PUT", r"/blobs/uploads/.*digest="))

    seen = watch(invoke(ship, way, "push"), columns=100, cwd=ROOT)

    assert seen.code == 0, seen.text
    assert len(set(re.findall(r"(\d+) s · waiting for the registry", seen.text))) >= THINKS_SECONDS - 1


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("task", "method", "path", "said"),
    [
        ("sign", "PUT", r"/manifests/sha256-\w+\.sig", "sign"),
        ("verify", "GET", r"/manifests/sha256-\w+$", "verifying the pushed image"),
    ],
)
def test_a_registry_that_thinks_about_a_signature_is_waited_for_with_words(
    task: str, method: str, path: str, said: str, ship: Ship, way: Road, key: Path
) -> None:
    prepared(ship, OLD)
    arrived(ship, way.address, OLD)
    if task == "verify":
        subprocess.run(invoke(ship, way, "sign", f"--key={key}", "--quiet"), cwd=ROOT, check=True)
        key = key.with_suffix(".pub")
    way.accidents.append(thinking(method, path))

    assert said in signs(invoke(ship, way, task, f"--key={key}"))


@pytest.mark.acceptance
def test_a_release_says_at_which_step_it_waits(ship: Ship, way: Road, key: Path) -> None:
    prepared(ship, OLD)
    way.accidents.append(thinking("PUT", r"/manifests/1\.4\.2"))

    assert "move" in signs([*invoke(ship, way, "release", f"--key={key}"), OLD])
