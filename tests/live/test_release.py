"""Releases to a real registry that stops, and by processes that are killed, at every step."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from drydock import errors, release
from drydock.engine import Engine
from drydock.gates import runner
from drydock.gates.verdict import Verdict
from drydock.publish import push, seal
from drydock.publish.push import Permissions
from drydock.publish.reference import parse
from drydock.release import Outcome, Work
from drydock.release.steps import STEPS
from tests.conftest import ROOT
from tests.support.registry import CUT, Accident, Registry, registry, road
from tests.support.ship import PASSED, Ship, pass_gates, ship_project

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("own_state")]

NAMES = [step.name for step in STEPS]
OLD, NEW = "1.4.2", "1.5.0"


@pytest.fixture
def ship(engine: Engine, python_image: str, tmp_path: Path) -> Iterator[Ship]:
    with ship_project(engine, tmp_path / "project", python_image) as made:
        yield made


@pytest.fixture
def running() -> Iterator[Registry]:
    with registry() as started:
        yield started


class Attempt:
    """A release of a project's version, as a process of its own would begin it."""

    def __init__(self, ship: Ship, address: str, version: str, key: Path) -> None:
        self.said: list[str] = []
        self.verdicts: list[tuple[Verdict, bool]] = []
        pipeline = ship.pipeline()
        plan = release.decide(version, pipeline.project, pipeline.source, address, "production", str(key))
        self.work = Work(
            pipeline,
            plan,
            Permissions(),
            self.said.append,
            judged=lambda verdict, known: self.verdicts.append((verdict, known)),
            shown=lambda: nullcontext(lambda _: None),
            waits=(),
        )

    def run(self) -> list[Outcome]:
        return list(release.release(self.work))


def prepared(ship: Ship, version: str) -> None:
    """Commit a version and pass its gates."""
    ship.commit(version)
    pass_gates(ship.pipeline(), *PASSED)


def released(ship: Ship, address: str, version: str, key: Path) -> str:
    """Release a version and return its digest."""
    prepared(ship, version)
    attempt = Attempt(ship, address, version, key)
    attempt.run()
    return attempt.work.entry.digest


def arrived(ship: Ship, address: str, version: str) -> str:
    """Push a version under all its tags, as what was there before, and return its digest."""
    ship.commit(version)
    pipeline = ship.pipeline()
    pipeline.built("production")
    names = pipeline.names(registry=address)
    return push.push_all(ship.engine, ship.pipeline().project.reference("production"), names)[0].digest


def is_whole(ship: Ship, running: Registry, digest: str, key: Path) -> None:
    """Assert that an image has three documents, and that it and they are signed."""
    target = parse(f"{running.address}/{ship.name}").with_digest(digest)
    assert len(seal.verify(ship.engine, target, key=str(key.with_suffix(".pub")))) == 3


def followed(running: Registry, ship: Ship) -> dict[str, str]:
    """Return what each tag names, but for those of single commits and of signatures, which nobody follows."""
    return {
        tag: digest
        for tag, digest in running.tags(ship.name).items()
        if not tag.startswith(("sha-", "sha256-"))
    }


def test_a_release_ends_with_its_tags_on_a_signed_image(ship: Ship, running: Registry, key: Path) -> None:
    digest = released(ship, running.address, OLD, key)

    assert followed(running, ship) == dict.fromkeys(("1.4.2", "1.4", "1", "latest"), digest)
    is_whole(ship, running, digest, key)
    local = ship.engine.sdk.images.get(f"{ship.name}:1.4.2")
    assert {"1.4.2", "latest"} <= {tag.partition(":")[2] for tag in local.tags}


def test_a_release_that_is_done_is_not_done_again(ship: Ship, running: Registry, key: Path) -> None:
    with road(running) as way:
        released(ship, way.address, OLD, key)
        writes = [one for one in way.requests if one[0] not in ("GET", "HEAD")]

        again = Attempt(ship, way.address, OLD, key)
        outcomes = again.run()

        assert [outcome.step for outcome in outcomes if not outcome.held] == []
        assert [one for one in way.requests if one[0] not in ("GET", "HEAD")] == writes
    assert again.verdicts == []


def test_other_content_under_a_released_version_is_refused(ship: Ship, running: Registry, key: Path) -> None:
    digest = released(ship, running.address, OLD, key)
    (ship.root / "Dockerfile").write_text("FROM scratch AS production\nCOPY . /\n")
    prepared(ship, OLD)

    with pytest.raises(errors.VersionTaken, match=r"1\.4\.2 is released already: it is sha256:"):
        Attempt(ship, running.address, OLD, key).run()

    assert set(followed(running, ship).values()) == {digest}


def test_what_another_machine_released_is_refused_as_well(ship: Ship, running: Registry, key: Path) -> None:
    digest = arrived(ship, running.address, OLD)
    ship.commit(OLD)

    with pytest.raises(errors.VersionTaken):
        Attempt(ship, running.address, OLD, key).run()

    assert set(followed(running, ship).values()) == {digest}


def test_a_fix_of_an_older_series_leads_nobody_back(ship: Ship, running: Registry, key: Path) -> None:
    newer = arrived(ship, running.address, NEW)

    older = released(ship, running.address, "1.4.3", key)

    assert followed(running, ship) == {
        "1.4.3": older,
        "1.4": older,
        "1.5.0": newer,
        "1.5": newer,
        "1": newer,
        "latest": newer,
    }


def test_a_gate_that_refuses_stops_before_anything_leaves(ship: Ship, running: Registry, key: Path) -> None:
    # The image has no tests: container_tests cannot look.
    with road(running) as way:
        attempt = Attempt(ship, way.address, OLD, key)
        with pytest.raises(errors.DrydockError):
            attempt.run()

        assert [one for one in way.requests if one[0] not in ("GET", "HEAD")] == []
    assert attempt.said[-1] == f"stopped at gates; `invoke release {OLD}` goes on there"


def test_the_plan_says_what_is_done_and_does_nothing(ship: Ship, running: Registry, key: Path) -> None:
    with road(running) as way:
        foreseen = release.foresee(Attempt(ship, way.address, OLD, key).work)

        assert [outcome.step for outcome in foreseen] == NAMES
        assert not any(outcome.held for outcome in foreseen)
        assert way.requests == []
    released(ship, running.address, OLD, key)

    assert all(outcome.held for outcome in release.foresee(Attempt(ship, running.address, OLD, key).work))


def test_two_processes_cannot_release_the_same(ship: Ship, running: Registry, key: Path) -> None:
    prepared(ship, OLD)
    first = Attempt(ship, running.address, OLD, key)

    with (
        first.work.journal.locked(),
        pytest.raises(errors.ReleaseRunning, match="another process is at the release"),
    ):
        Attempt(ship, running.address, OLD, key).run()


def test_a_key_that_cannot_be_opened_stops_before_the_build(
    ship: Ship, running: Registry, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "wrong")
    attempt = Attempt(ship, running.address, OLD, key)

    with pytest.raises(errors.KeyUnusable, match="cannot be opened: "):
        attempt.run()

    assert ship.engine.sdk.images.list(name=ship.name) == []


# --- a registry that stops ----------------------------------------------------------------------------------

# The first request of each kind that a release makes once it has begun to write, in this order.
MOMENTS = {
    "the first blob": ("POST", r"/blobs/uploads/"),
    "the image": ("PUT", r"/manifests/sha-"),
    "a document": ("PUT", r"/manifests/sha256:"),
    "a signature": ("PUT", r"/manifests/sha256-\w+\.sig"),
    "the version's tag": ("PUT", r"/manifests/1\.5\.0"),
    "the series' tag": ("PUT", r"/manifests/1\.5$"),
    "latest": ("PUT", r"/manifests/latest"),
}


class Stop(Accident):
    """The registry stops at the first request of a kind, and answers nothing from then on."""

    stopped = False

    def befalls(self, method: str, path: str) -> bool:
        """Tell whether a request is not answered."""
        self.stopped = self.stopped or super().befalls(method, path)
        return self.stopped


def test_a_registry_that_stops_again_and_again_has_the_old_state_or_the_new_one(
    ship: Ship, running: Registry, key: Path
) -> None:
    with road(running) as way:
        old = arrived(ship, way.address, OLD)
        before = followed(running, ship)
        prepared(ship, NEW)
        for moment, (method, path) in MOMENTS.items():
            stop = Stop(method, path, CUT)
            way.accidents[:] = [stop]
            with pytest.raises(errors.DrydockError):
                Attempt(ship, way.address, NEW, key).run()
            assert stop.stopped, f"{moment} was never sent"
            is_old_or_whole(ship, running, before, key)
        way.accidents.clear()
        resumed = Attempt(ship, way.address, NEW, key)
        outcomes = resumed.run()

    assert [outcome.step for outcome in outcomes if not outcome.held] == ["move"]
    assert resumed.verdicts == []
    is_new(ship, running, old, resumed.work.entry.digest, key)


def is_old_or_whole(ship: Ship, running: Registry, before: dict[str, str], key: Path) -> None:
    """Assert that every tag names what it did, or the new image: tested, with its documents, and signed."""
    now = followed(running, ship)
    assert before.keys() <= now.keys()
    for digest in {digest for tag, digest in now.items() if digest != before.get(tag)}:
        is_whole(ship, running, digest, key)
        is_tested(ship, running, digest)


def is_tested(ship: Ship, running: Registry, digest: str) -> None:
    """Assert that what the registry has under a digest is the image that has passed its gates."""
    pipeline = ship.pipeline()
    image = pipeline.measured("production")
    target = parse(f"{running.address}/{ship.name}")
    with push.registry(ship.engine, target) as client:
        manifest = client.manifest(target.repository, digest)
    assert manifest is not None
    assert image.id in (manifest.config, manifest.digest)
    assert runner.missing(pipeline.project, image, "production") == []


def is_new(ship: Ship, running: Registry, old: str, new: str, key: Path) -> None:
    """Assert that a release has come to its end."""
    moved = dict.fromkeys(("1.5.0", "1.5", "1", "latest"), new)
    assert followed(running, ship) == {"1.4.2": old, "1.4": old} | moved
    is_whole(ship, running, new, key)


# --- a process that is killed -------------------------------------------------------------------------------


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
    """Start `invoke release` and end it as soon as it says that it is at a step; return its exit code."""
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
