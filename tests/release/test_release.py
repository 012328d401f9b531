"""Releases to a real registry: their results, steps that are not repeated, and refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drydock import release
from drydock.errors import DrydockError
from drydock.publish import cosign
from drydock.publish.errors import KeyUnusable, NoIdentity, PushDenied
from drydock.release import Work
from drydock.release.errors import ReleaseRunning, VersionTaken
from tests.support.registry import Accident, Registry, registry, road
from tests.support.releases import NAMES, NEW, OLD, Attempt, arrived, followed, is_whole, prepared, released
from tests.support.ship import Ship

pytestmark = [pytest.mark.live, pytest.mark.acceptance, pytest.mark.usefixtures("own_state")]


@pytest.fixture
def running() -> Iterator[Registry]:
    with registry() as started:
        yield started


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
    (ship.root / "Dockerfile").write_text("# drydock's\nFROM scratch AS production\nCOPY . /\n")
    prepared(ship, OLD)

    with pytest.raises(VersionTaken, match=r"1\.4\.2 is released already: it is sha256:"):
        Attempt(ship, running.address, OLD, key).run()

    assert set(followed(running, ship).values()) == {digest}


def test_what_another_machine_released_is_refused_as_well(ship: Ship, running: Registry, key: Path) -> None:
    digest = arrived(ship, running.address, OLD)
    ship.commit(OLD)

    with pytest.raises(VersionTaken):
        Attempt(ship, running.address, OLD, key).run()

    assert set(followed(running, ship).values()) == {digest}


def test_a_fix_of_an_older_series_leads_no_tag_back(ship: Ship, running: Registry, key: Path) -> None:
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
    # The image has no tests, so container_tests cannot check it.
    with road(running) as way:
        attempt = Attempt(ship, way.address, OLD, key)
        with pytest.raises(DrydockError):
            attempt.run()

        assert [one for one in way.requests if one[0] not in ("GET", "HEAD")] == []
    assert attempt.said[-1] == f"stopped at gates; `drydock release {OLD}` continues there"


def test_the_plan_says_what_is_done_and_does_nothing(ship: Ship, running: Registry, key: Path) -> None:
    with road(running) as way:
        foreseen = release.foresee(Attempt(ship, way.address, OLD, key).work)

        assert [outcome.step for outcome in foreseen] == NAMES
        assert not any(outcome.held for outcome in foreseen)
        assert way.requests == []
    released(ship, running.address, OLD, key)

    assert all(outcome.held for outcome in release.foresee(Attempt(ship, running.address, OLD, key).work))


def test_the_plan_and_the_real_run_agree_on_what_is_done(ship: Ship, running: Registry, key: Path) -> None:
    prepared(ship, OLD)
    with road(running, Accident("PUT", "/manifests/sha-", 403, times=9)) as way:
        # Stopped at the push, so some steps are done and others are not.
        first = Attempt(ship, way.address, OLD, key)
        with pytest.raises(PushDenied):
            first.run()
        way.accidents.clear()
        # Lose the bills of materials, but not the steps before them.
        for file in first.work.journal.folder.glob("*dx.json"):
            file.unlink()

        foreseen = release.foresee(Attempt(ship, way.address, OLD, key).work)
        outcomes = Attempt(ship, way.address, OLD, key).run()

    decided = {one.step: one.held for one in foreseen if one.held is not None}
    assert decided == {"build": True, "gates": True, "tag": True, "sbom": False, "push": False}
    assert {one.step: one.held for one in outcomes if one.step in decided} == decided


def test_a_plan_with_a_key_that_cannot_be_opened_says_so(
    ship: Ship, running: Registry, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "wrong")
    with pytest.raises(KeyUnusable, match="cannot be used: "):
        release.foresee(Attempt(ship, running.address, OLD, key).work)


def test_a_plan_with_a_missing_key_says_so(ship: Ship, running: Registry, tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="there is no such file"):
        release.foresee(Attempt(ship, running.address, OLD, tmp_path / "missing.key").work)


@pytest.mark.parametrize("way", [release.foresee, lambda work: list(release.carry_out(work))])
def test_a_release_without_key_and_identity_stops_before_its_first_step(
    way: Callable[[Work], object], ship: Ship, running: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in cosign.IDENTITIES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cosign, "IDENTITY_FILES", ())
    attempt = Attempt(ship, running.address, OLD, "")

    with pytest.raises(NoIdentity, match="nothing says who signs: no key, no identity of a CI job, and no"):
        way(attempt.work)

    assert attempt.said == []


def test_two_processes_cannot_release_the_same(ship: Ship, running: Registry, key: Path) -> None:
    prepared(ship, OLD)
    first = Attempt(ship, running.address, OLD, key)

    with (
        first.work.journal.locked(),
        pytest.raises(ReleaseRunning, match="another process is running `drydock release"),
    ):
        Attempt(ship, running.address, OLD, key).run()


def test_a_key_that_cannot_be_opened_stops_before_the_build(
    ship: Ship, running: Registry, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "wrong")
    attempt = Attempt(ship, running.address, OLD, key)

    with pytest.raises(KeyUnusable, match="cannot be used: "):
        attempt.run()

    assert ship.engine.sdk.images.list(name=ship.name) == []
