"""Releases of a small project, and the states that a registry may show at any moment."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from drydock import release
from drydock.gates import proof
from drydock.publish import attach, push, tags
from drydock.publish.reference import parse
from drydock.release import Outcome, Work
from drydock.release.plan import RELEASE
from drydock.verdict import Verdict
from tests.support.pushes import push_all
from tests.support.registry import Registry
from tests.support.ship import PASSED, Ship, pass_gates

NAMES = list(RELEASE)
OLD, NEW = "1.4.2", "1.5.0"


class Attempt:
    """A release of one version, as a new process would begin it."""

    def __init__(self, ship: Ship, address: str, version: str, key: Path | str) -> None:
        self.said: list[str] = []
        self.verdicts: list[tuple[Verdict, bool]] = []
        workspace = ship.workspace()
        plan = release.to_release(
            version, workspace.project, workspace.source, address, "production", key=str(key)
        )
        self.work = Work(
            workspace,
            plan,
            self.said.append,
            judged=lambda verdict, known: self.verdicts.append((verdict, known)),
            shown=lambda: nullcontext(lambda _: None),
            waits=(),
        )

    def run(self) -> list[Outcome]:
        """Take every step."""
        return list(release.carry_out(self.work))


def prepared(ship: Ship, version: str) -> None:
    """Commit a version and pass its gates."""
    ship.commit(version)
    pass_gates(ship.workspace(), *PASSED)


def released(ship: Ship, address: str, version: str, key: Path) -> str:
    """Release a version and return its digest."""
    prepared(ship, version)
    attempt = Attempt(ship, address, version, key)
    attempt.run()
    return attempt.work.entry.digest


def arrived(ship: Ship, address: str, version: str) -> str:
    """Push a version under all its tags, as the earlier state, and return its digest."""
    ship.commit(version)
    workspace = ship.workspace()
    workspace.built("production")
    names = tags.names(workspace.project, workspace.source, registry=address)
    return push_all(ship.engine, ship.workspace().project.reference("production"), names).digest


def followed(running: Registry, ship: Ship) -> dict[str, str]:
    """Return each tag's digest, except those of single commits and signatures, which users do not follow."""
    return {
        tag: digest
        for tag, digest in running.tags(ship.name).items()
        if not tag.startswith(("sha-", "sha256-"))
    }


def is_whole(ship: Ship, running: Registry, digest: str, key: Path) -> None:
    """Assert that an image and its three documents are signed."""
    target = parse(f"{running.address}/{ship.name}").with_digest(digest)
    assert len(attach.verify(ship.engine, target, key=str(key.with_suffix(".pub")))) == 3


def is_tested(ship: Ship, running: Registry, digest: str) -> None:
    """Assert that the registry's image of this digest has passed its gates."""
    workspace = ship.workspace()
    image = workspace.measured("production")
    target = parse(f"{running.address}/{ship.name}")
    with push.registry(ship.engine, target) as client:
        manifest = client.manifest(target.repository, digest)
    assert manifest is not None
    assert image.id in (manifest.config, manifest.digest)
    assert proof.missing(workspace.project, image, "production") == []


def is_old_or_whole(ship: Ship, running: Registry, before: dict[str, str], key: Path) -> None:
    """Assert that every tag is unchanged or names the new image: tested, with its documents, and signed."""
    now = followed(running, ship)
    assert before.keys() <= now.keys()
    for digest in {digest for tag, digest in now.items() if digest != before.get(tag)}:
        is_whole(ship, running, digest, key)
        is_tested(ship, running, digest)


def is_new(ship: Ship, running: Registry, old: str, new: str, key: Path) -> None:
    """Assert that a release is complete."""
    moved = dict.fromkeys(("1.5.0", "1.5", "1", "latest"), new)
    assert followed(running, ship) == {"1.4.2": old, "1.4": old} | moved
    is_whole(ship, running, new, key)
