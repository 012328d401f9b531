from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from drydock import release
from drydock.engine import Engine
from drydock.engine.errors import ImageMissing
from drydock.gates import gate as gates
from drydock.gates import proof
from drydock.image import content_digest
from drydock.publish import provenance
from drydock.publish.errors import RegistryUnreachable
from drydock.publish.push import Pushed
from drydock.publish.vex import OPENVEX
from drydock.release.errors import NoRegistry, ReceiptsMissing, StaleImage
from drydock.state.receipts import Receipts
from drydock.verdict import Outcome, Verdict
from drydock.workspace import Workspace
from tests.conftest import write_files
from tests.support.registry import CUT, Accident, Registry, registry, road
from tests.support.ship import PASSED, Ship, pass_gates, ship_project

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("own_state")]


@pytest.fixture
def running() -> Iterator[Registry]:
    with registry() as started:
        yield started


@pytest.fixture
def ship(engine: Engine, python_image: str, tmp_path: Path) -> Iterator[Ship]:
    with ship_project(engine, tmp_path / "project", python_image) as made:
        yield made


@pytest.fixture
def workspace(ship: Ship) -> Workspace:
    return ship.workspace()


def carried_out(workspace: Workspace, plan: release.Plan) -> release.Work:
    silent = nullcontext(lambda _: None)
    work = release.Work(workspace, plan, lambda _: None, shown=lambda: silent, waits=())
    list(release.carry_out(work))
    return work


def uploads(workspace: Workspace, where: str, force: str = "") -> list[Pushed]:
    plan = release.to_push(workspace.project, workspace.source, where, "production", force=force)
    return carried_out(workspace, plan).uploads


def send(workspace: Workspace, where: str, force: str = "") -> list[str]:
    return [one.reference.rsplit(":", 1)[1] for one in uploads(workspace, where, force)]


def sign(workspace: Workspace, where: str, key: Path) -> release.Work:
    plan = release.to_sign(workspace.project, workspace.source, where, "production", key=str(key))
    return carried_out(workspace, plan)


def test_an_image_with_every_receipt_is_pushed_under_all_its_tags(
    workspace: Workspace, running: Registry
) -> None:
    pass_gates(workspace, *PASSED)

    tags = send(workspace, running.address)

    assert tags[-1] == "latest"
    assert {"1.4.2", "1.4", "1"} < set(tags)
    assert set(running.tags(workspace.project.image)) == set(tags)


def test_what_is_pushed_is_not_pushed_again(workspace: Workspace, running: Registry) -> None:
    pass_gates(workspace, *PASSED)
    with road(running) as way:
        first = uploads(workspace, way.address)
        writes = [one for one in way.requests if one[0] not in ("GET", "HEAD")]

        again = uploads(workspace, way.address)

        assert [one for one in way.requests if one[0] not in ("GET", "HEAD")] == writes
    assert first[0].uploaded > 0
    assert [(one.reference, one.digest, one.uploaded) for one in again] == [
        (one.reference, one.digest, 0) for one in first
    ]


def test_a_push_that_was_stopped_goes_on_with_the_tags(workspace: Workspace, running: Registry) -> None:
    pass_gates(workspace, *PASSED)
    with road(running) as way:
        way.accidents.append(Accident("PUT", r"/manifests/1\.4\.2$", CUT))
        with pytest.raises(RegistryUnreachable):
            send(workspace, way.address)
        assert not any(tag.startswith(("1", "latest")) for tag in running.tags(workspace.project.image))
        sent = way.bytes

        assert set(send(workspace, way.address)) == set(running.tags(workspace.project.image))
        assert way.bytes - sent < 5_000


def test_what_is_signed_is_not_signed_again(workspace: Workspace, running: Registry, key: Path) -> None:
    pass_gates(workspace, *PASSED)
    send(workspace, running.address)
    first = sign(workspace, running.address, key)
    before = running.tags(workspace.project.image)

    again = sign(workspace, running.address, key)

    assert again.entry == first.entry
    assert running.tags(workspace.project.image) == before


def test_an_image_without_a_receipt_is_not_pushed(workspace: Workspace, running: Registry) -> None:
    pass_gates(workspace, *(name for name in PASSED if name != "size_budget"))

    with pytest.raises(
        ReceiptsMissing, match=r"size_budget \(never run for this image\); run `drydock gate size_budget`"
    ):
        send(workspace, running.address)

    assert running.tags(workspace.project.image) == {}


def test_several_missing_receipts_are_one_command(workspace: Workspace, running: Registry) -> None:
    pass_gates(workspace, *(name for name in PASSED if name not in ("size_budget", "smoke")))

    with pytest.raises(ReceiptsMissing, match=r"run `drydock gate size_budget,smoke`"):
        send(workspace, running.address)


def test_an_image_of_an_earlier_commit_is_not_pushed_as_this_ones(ship: Ship, running: Registry) -> None:
    earlier = ship.workspace()
    pass_gates(earlier, *PASSED)
    ship.commit("1.4.3")

    with pytest.raises(StaleImage) as caught:
        send(ship.workspace(), running.address)

    first, second = earlier.source.revision, ship.workspace().source.revision
    assert f"was built from {first}, and the project is at {second}; build it again" in str(caught.value)
    assert running.tags(ship.name) == {}


def test_an_image_with_a_known_vulnerability_is_not_pushed(workspace: Workspace, running: Registry) -> None:
    pass_gates(workspace, *PASSED)
    image = workspace.measured("production")
    audit = proof.defined(gates.registry()["audit"], workspace.project, "production")
    verdict = Verdict("audit", Outcome.FAILED, "jinja2 2.10 is vulnerable")
    Receipts().write(audit, verdict, content=content_digest(image), image=image.id, tools={})

    with pytest.raises(ReceiptsMissing, match=r"audit \(failed: jinja2 2\.10 is vulnerable\)"):
        send(workspace, running.address)

    assert running.tags(workspace.project.image) == {}


def test_a_reason_replaces_the_receipts_and_is_written_down(workspace: Workspace, running: Registry) -> None:
    content = content_digest(workspace.measured("production"))

    assert "latest" in send(workspace, running.address, force="the gates' machine is away")

    waiver = Receipts().waiver(content)
    assert waiver is not None
    assert waiver.reason == "the gates' machine is away"
    assert len(waiver.missing) == len(PASSED)


def test_a_reason_counts_for_one_push_only(workspace: Workspace, running: Registry) -> None:
    workspace.built("production")
    send(workspace, running.address, force="the gates' machine is away")

    with pytest.raises(ReceiptsMissing):
        send(workspace, running.address)


def test_a_push_with_every_receipt_settles_an_earlier_reason(workspace: Workspace, running: Registry) -> None:
    content = content_digest(workspace.measured("production"))
    send(workspace, running.address, force="the gates' machine is away")
    pass_gates(workspace, *PASSED)

    send(workspace, running.address)

    assert Receipts().waiver(content) is None


def test_the_reason_of_a_push_stands_in_the_provenance_unasked(
    workspace: Workspace, running: Registry, key: Path
) -> None:
    workspace.built("production")
    send(workspace, running.address, force="the gates' machine is away")

    sign(workspace, running.address, key)

    public = str(key.with_suffix(".pub"))
    _, found = release.verify(workspace, running.address, key=public, identity=None, say=lambda _: None)
    (stated,) = [one.predicate for one in found if one.kind == provenance.PREDICATE_TYPE]
    forced = stated["buildDefinition"]["internalParameters"]["forced"]
    assert forced["reason"] == "the gates' machine is away"
    assert "smoke (never run for this image)" in forced["missing"]


def test_vulnerabilities_that_audit_accepted_are_stated_beside_the_image(
    workspace: Workspace, running: Registry, key: Path
) -> None:
    pass_gates(workspace, *PASSED)
    send(workspace, running.address)
    audited(workspace, "templates are ours")
    sign(workspace, running.address, key)
    assert len(stated(workspace, running, key)) == 1
    sign(workspace, running.address, key)
    assert len(stated(workspace, running, key)) == 1

    audited(workspace, "no template comes from a user")
    sign(workspace, running.address, key)

    former, latter = stated(workspace, running, key)
    assert former["statements"][0]["action_statement"] == "accepted until 2027-01-31: templates are ours"
    (product,) = latter["statements"][0]["products"]
    assert product["@id"].startswith(f"pkg:oci/{workspace.project.image}@sha256%3A")


def audited(workspace: Workspace, reason: str) -> None:
    """Write a receipt of `audit` that accepts a vulnerability."""
    image = workspace.measured("production")
    definition = proof.defined(gates.registry()["audit"], workspace.project, "production")
    finding = {"check": "CVE-2019-10906", "aliases": [], "subject": "jinja2", "justification": ""}
    accepted = [finding | {"reason": reason, "until": "2027-01-31"}]
    verdict = Verdict("audit", Outcome.PASSED, "well", measurements={"accepted": accepted})
    Receipts().write(definition, verdict, content=content_digest(image), image=image.id, tools={})


def stated(workspace: Workspace, running: Registry, key: Path) -> list[dict[str, Any]]:
    """Return the verified VEX documents, by time."""
    public = str(key.with_suffix(".pub"))
    _, found = release.verify(workspace, running.address, key=public, identity=None, say=lambda _: None)
    documents = [one.predicate for one in found if one.kind == OPENVEX]
    return sorted(documents, key=lambda one: "user" in json.dumps(one))


def test_accepted_vulnerabilities_without_a_receipt_of_today_are_noticed(
    ship: Ship, running: Registry, key: Path
) -> None:
    ignore = '[[audit.ignore]]\ncheck = "CVE-1"\nreason = "no"\nuntil = 2027-01-31\n'
    write_files(ship.root, {"image/expectations.toml": ignore})
    ship.commit("1.4.2")
    workspace = ship.workspace()
    said: list[str] = []
    pass_gates(workspace, *PASSED)
    send(workspace, running.address)
    plan = release.to_sign(workspace.project, workspace.source, running.address, "production", key=str(key))

    list(release.carry_out(release.Work(workspace, plan, said.append, shown=nullcontext, waits=())))

    assert "no VEX document: the image has no receipt of `drydock gate audit` from today" in said


def test_what_was_pushed_elsewhere_without_receipts_is_not_signed(
    workspace: Workspace, running: Registry, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.built("production")
    send(workspace, running.address, force="the gates' machine is away")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine's"))

    with pytest.raises(ReceiptsMissing):
        sign(workspace, running.address, key)


def test_a_project_without_a_registry_is_told_how_to_name_one(workspace: Workspace) -> None:
    with pytest.raises(NoRegistry, match="no registry is named; give one with --registry"):
        send(workspace, "")


def test_an_image_that_was_not_built_is_missing(workspace: Workspace, running: Registry) -> None:
    with pytest.raises(ImageMissing, match="is not on this engine; build it with `drydock build`"):
        send(workspace, running.address)
