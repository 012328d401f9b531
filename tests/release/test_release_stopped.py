"""Releases to a real registry that stops at every step, and by processes that are killed there."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drydock import release
from drydock.engine import Engine
from drydock.errors import DrydockError
from drydock.release import Outcome
from tests.conftest import ROOT
from tests.support.registry import CUT, LOST, Accident, Registry, registry, road
from tests.support.releases import (
    NAMES,
    NEW,
    OLD,
    Attempt,
    arrived,
    followed,
    is_new,
    is_old_or_whole,
    prepared,
)
from tests.support.ship import Ship
from tests.support.stoppable import Stoppable, killed_process, stopped_container

pytestmark = [
    pytest.mark.live,
    pytest.mark.acceptance,
    pytest.mark.usefixtures("own_state"),
    pytest.mark.timeout(300),
]

# A release's writing requests by kind, in their order.
MOMENTS = {
    "the first blob": ("POST", r"/blobs/uploads/"),
    "the image": ("PUT", r"/manifests/sha-"),
    "a document": ("PUT", r"/manifests/sha256:"),
    "a signature": ("PUT", r"/manifests/sha256-\w+\.sig"),
    "the version's tag": ("PUT", r"/manifests/1\.5\.0"),
    "the series' tag": ("PUT", r"/manifests/1\.5$"),
    "latest": ("PUT", r"/manifests/latest"),
}


@pytest.fixture(params=["a process killed", "a container stopped"])
def stoppable(request: pytest.FixtureRequest, engine: Engine, python_image: str) -> Iterator[Stoppable]:
    kind = (
        killed_process() if request.param == "a process killed" else stopped_container(engine, python_image)
    )
    with kind as made:
        yield made


@pytest.fixture
def running() -> Iterator[Registry]:
    with registry() as started:
        yield started


def test_a_registry_that_is_stopped_before_each_step_keeps_the_old_state_and_repeats_nothing(
    ship: Ship, stoppable: Stoppable, key: Path
) -> None:
    running = stoppable.registry
    old = arrived(ship, running.address, OLD)
    before = followed(running, ship)
    prepared(ship, NEW)
    done: set[str] = set()
    for step in NAMES:
        outcomes = stopped_before(step, Attempt(ship, running.address, NEW, key), stoppable)
        assert {outcome.step for outcome in outcomes if outcome.held} >= done
        assert followed(running, ship) == before
        done |= {outcome.step for outcome in outcomes}
        stoppable.start()

    resumed = Attempt(ship, running.address, NEW, key)
    assert [outcome.step for outcome in resumed.run() if not outcome.held] == ["move"]
    assert resumed.verdicts == []
    is_new(ship, running, old, resumed.work.entry.digest, key)


def stopped_before(step: str, attempt: Attempt, stoppable: Stoppable) -> list[Outcome]:
    """Begin a release, stop the registry before one of its steps, and return the steps that were done."""
    outcomes: list[Outcome] = []
    with pytest.raises(DrydockError):
        outcomes.extend(steps(attempt, step, stoppable))
    return outcomes


def steps(attempt: Attempt, step: str, stoppable: Stoppable) -> Iterator[Outcome]:
    """Yield a release's steps; the registry stops before one of them."""
    going = release.carry_out(attempt.work)
    for name in NAMES:
        if name == step:
            stoppable.stop()
        yield next(going)


@pytest.mark.parametrize("answer", [CUT, LOST], ids=["before it is done", "before the answer"])
def test_a_registry_that_is_killed_at_each_write_has_the_old_state_or_the_new_one(
    answer: int, ship: Ship, key: Path
) -> None:
    with killed_process() as stoppable, road(running := stoppable.registry) as way:
        old = arrived(ship, way.address, OLD)
        before = followed(running, ship)
        prepared(ship, NEW)
        way.requests.clear()
        for moment, (method, path) in MOMENTS.items():
            accident = Accident(method, path, answer, then=stoppable.stop)
            way.accidents[:] = [accident]
            with pytest.raises(DrydockError):
                Attempt(ship, way.address, NEW, key).run()
            assert accident.times <= 0, f"{moment} was never sent"
            stoppable.start()
            is_old_or_whole(ship, running, before, key)
        resumed = Attempt(ship, way.address, NEW, key)
        outcomes = resumed.run()
        moves = {tag: way.count("PUT", rf"/manifests/{tag}$") for tag in ("1.5.0", "1.5", "1", "latest")}

        # Requests that the registry has completed are not repeated, even if their answer was lost.
        twice = {"1.5.0", "1.5", "latest"} if answer == CUT else set()
        assert moves == {tag: 1 + (tag in twice) for tag in moves}
        assert [outcome.step for outcome in outcomes if not outcome.held] == (
            ["move"] if answer == CUT else []
        )
        assert resumed.verdicts == []
        is_new(ship, running, old, resumed.work.entry.digest, key)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["power loss", "Ctrl-C"])
def test_a_process_that_ends_at_every_step_leaves_the_old_state_or_the_new_one(
    number: signal.Signals, ship: Ship, running: Registry, key: Path
) -> None:
    old = arrived(ship, running.address, OLD)
    before = followed(running, ship)
    prepared(ship, NEW)
    for step in NAMES:
        assert end_at(step, number, ship, running, key) != 0
        is_old_or_whole(ship, running, before, key)

    resumed = Attempt(ship, running.address, NEW, key)
    outcomes = resumed.run()

    assert {outcome.step for outcome in outcomes if outcome.held} >= set(NAMES[: NAMES.index("move")])
    assert resumed.verdicts == []
    is_new(ship, running, old, resumed.work.entry.digest, key)


def end_at(step: str, number: signal.Signals, ship: Ship, running: Registry, key: Path) -> int:
    """Start `invoke release`, end it when it reports a step, and return its exit code."""
    args = [sys.executable, "-m", "invoke", "--search-root", str(ROOT), "release", NEW]
    args += ["--project", str(ship.root), "--registry", running.address, "--key", str(key)]
    with subprocess.Popen(args, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith(f"{step} "):
                process.send_signal(number)
                break
        else:
            pytest.fail(f"it never came to {step}: {''.join(said)}")
        process.stderr.read()
        return process.wait()
