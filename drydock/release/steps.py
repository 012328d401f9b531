"""The steps of a release: what each does, and how it finds out that it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from drydock import errors
from drydock.gates import proof
from drydock.gates.run import refusal
from drydock.image import configuration_digest
from drydock.progress import Patience, Say, unseen
from drydock.publish import provenance, seal, tag, tags
from drydock.publish import push as pushing
from drydock.publish.local import find
from drydock.publish.push import Permissions, Tell
from drydock.publish.reference import Reference
from drydock.publish.referrers import attached
from drydock.publish.registry import Manifest, Registry
from drydock.publish.retry import WAITS
from drydock.release import ship
from drydock.release.journal import Entry, Journal
from drydock.release.plan import Plan
from drydock.verdict import Verdict
from drydock.workspace import Workspace


@dataclass
class Work:
    """A release on its way.

    Args:
        pipeline: Knows engine and project.
        plan: What is to be done.
        permissions: What may be pushed although it should not be.
        say: Takes one line of progress at a time.
        judged: Takes each gate's verdict, and whether it comes from a receipt.
        shown: Makes what gives the push's progress a place.
        patience: Makes what gives signs of life while a step shows no progress of its own.
        waits: Seconds before each further attempt after a network fault.
        journal: Where it is written down.
        entry: What is known now.
    """

    pipeline: Workspace
    plan: Plan
    permissions: Permissions
    say: Say
    judged: Callable[[Verdict, bool], None]
    shown: Callable[[], AbstractContextManager[Tell]]
    patience: Patience = unseen
    waits: Sequence[float] = WAITS
    journal: Journal = field(init=False)
    entry: Entry = field(init=False)

    def __post_init__(self) -> None:
        self.journal = Journal(self.plan)
        self.entry = self.journal.read()

    def know(self, **changes: object) -> None:
        """Write down what is known now."""
        self.entry = replace(self.entry, **changes)  # type: ignore[arg-type]
        self.journal.write(self.entry)

    @property
    def pushed(self) -> Reference:
        """The image on its registry, by its digest."""
        return self.plan.pushed.with_digest(self.entry.digest)

    def registry(self) -> Registry:
        """Return a client for the registry."""
        return pushing.registry(self.pipeline.engine, self.plan.pushed, waits=self.waits)

    def is_ours(self, manifest: Manifest) -> bool:
        """Tell whether a manifest on the registry is this release's image."""
        return manifest.config == configuration_digest(self.pipeline.engine, self.entry.image)


@dataclass(frozen=True)
class Step:
    """One step.

    Args:
        name: What it is called.
        what: What it does, in words.
        holds: Tells whether it is done.
        run: Does it; may be repeated after an end at any moment.
        shows: Whether it shows its progress itself.
    """

    name: str
    what: Callable[[Plan], str]
    holds: Callable[[Work], bool]
    run: Callable[[Work], None]
    shows: bool = False


def _is_built(work: Work) -> bool:
    if not work.entry.image or work.entry.revision != work.plan.revision:
        return False
    try:
        find(work.pipeline.engine, work.entry.image)
    except errors.ImageMissing:
        return False
    work.pipeline.adopt(work.plan.target, work.entry.image)
    return True


def _build(work: Work) -> None:
    image = work.pipeline.built(work.plan.target).image_id
    if work.entry.moved and image != work.entry.image:
        raise errors.VersionTaken(reference=work.plan.versioned, found=work.entry.image, wanted=image)
    kept = {"revision": work.plan.revision, "image": image}
    # Nothing that an earlier attempt did for another image counts for this one.
    cleared = {} if image == work.entry.image else {"bills": {}, "digest": "", "attached": (), "signed": ()}
    work.know(**kept, **cleared)
    pushing.refuse(work.plan.versioned, find(work.pipeline.engine, image), work.permissions)
    with work.registry() as client:
        _refuse_taken(work, client)


def _refuse_taken(work: Work, client: Registry) -> None:
    """Refuse a version whose tag names another image: an immutable tag never moves."""
    versioned = work.plan.versioned
    there = client.manifest(versioned.repository, versioned.tag)
    if there and not work.is_ours(there):
        raise errors.VersionTaken(
            reference=versioned, found=there.config or there.digest, wanted=work.entry.image
        )


def _has_passed(work: Work) -> bool:
    image = work.pipeline.measure(work.entry.image)
    return not proof.missing(work.pipeline.project, image, work.plan.target)


def _judge(work: Work) -> None:
    for gate in proof.demanded(work.plan.target):
        known = proof.receipt(gate, work.pipeline, work.plan.target)
        verdict = known.verdict if known else proof.judge(gate, work.pipeline, work.plan.target)
        work.judged(verdict, known is not None)
        if not verdict.passed:
            raise refusal(verdict)


def _local_names(plan: Plan) -> list[str]:
    return [f"{plan.image}:{name}" for name in (plan.pushed.tag, *plan.tags)]


def _is_tagged(work: Work) -> bool:
    try:
        found = {find(work.pipeline.engine, name).id for name in _local_names(work.plan)}
    except errors.ImageMissing:
        return False
    return found == {work.entry.image}


def _tag(work: Work) -> None:
    tag.apply(work.pipeline.engine, work.entry.image, _local_names(work.plan))


def _has_bills(work: Work) -> bool:
    return work.journal.documents(work.entry.bills) is not None


def _write_bills(work: Work) -> None:
    work.know(bills=work.journal.keep(ship.bills(work.pipeline, work.entry.image)))


def _is_pushed(work: Work) -> bool:
    if not work.entry.digest:
        return False
    with work.registry() as client:
        return client.manifest(work.plan.pushed.repository, work.entry.digest) is not None


def _push(work: Work) -> None:
    with work.shown() as tell:
        done = pushing.push(
            work.pipeline.engine,
            str(work.plan.pushed),
            tell,
            image=work.entry.image,
            permissions=work.permissions,
            compression=work.pipeline.project.compression,
            waits=work.waits,
        )
    # A registry that lost the image has lost what was attached to it.
    work.know(digest=done.digest, attached=(), signed=())


def _is_attached(work: Work) -> bool:
    if not work.entry.attached:
        return False
    with work.registry() as client:
        found = {one.digest for one in attached(client, work.plan.pushed, work.entry.digest)}
    return found >= set(work.entry.attached)


def _attach(work: Work) -> None:
    bills = work.journal.documents(work.entry.bills)
    assert bills is not None  # noqa: S101 - the step before saw to it
    told = ship.told(work.pipeline, work.plan.target, work.entry.image, work.pushed)
    documents = bills | {provenance.MEDIA_TYPE: told}
    done = seal.attach_all(work.pipeline.engine, work.pushed, documents)
    work.know(attached=tuple(one.digest for one in done))


def _subjects(work: Work) -> tuple[str, ...]:
    """Return what is signed, in this order: a signed image has all its documents signed."""
    return (*work.entry.attached, work.entry.digest)


def _is_signed(work: Work) -> bool:
    return set(_subjects(work)) <= set(work.entry.signed)


def _sign(work: Work) -> None:
    # Without a key nobody can tell afterwards whether it was us who signed: only the journal does.
    to_do = [digest for digest in _subjects(work) if digest not in work.entry.signed]
    seal.sign_all(
        work.pipeline.engine,
        work.pushed,
        to_do,
        key=work.plan.key,
        say=work.say,
        signed=lambda digest: work.know(signed=(*work.entry.signed, digest)),
    )


def _to_move(work: Work, client: Registry) -> list[Reference]:
    """Return the names that this release is to have and has not: its own, and those that no newer one has."""
    plan = work.plan
    followed = tags.leading(plan.version, client.tags(plan.pushed.repository))
    wanted = [plan.pushed.with_tag(name) for name in (plan.tags[0], *followed)]
    there = {name: client.manifest(name.repository, name.tag) for name in wanted}
    return [name for name, found in there.items() if found is None or found.digest != work.entry.digest]


def _has_moved(work: Work) -> bool:
    with work.registry() as client:
        return not _to_move(work, client)


def _move(work: Work) -> None:
    with work.registry() as client:
        _refuse_taken(work, client)
        for name in _to_move(work, client):
            pushing.move(client, name, work.entry.digest)
    work.know(moved=True)


STEPS = (
    Step(
        "build",
        lambda plan: f"{plan.target} of {plan.revision[:12]}, its labels included",
        _is_built,
        _build,
        shows=True,
    ),
    Step("gates", lambda plan: ", ".join(plan.gates), _has_passed, _judge),
    Step("tag", lambda plan: f"{plan.image} {', '.join((plan.pushed.tag, *plan.tags))}", _is_tagged, _tag),
    Step("sbom", lambda _: "bills of materials in CycloneDX and SPDX", _has_bills, _write_bills),
    Step("push", lambda plan: str(plan.pushed), _is_pushed, _push, shows=True),
    Step("attach", lambda _: "both bills of materials and the provenance", _is_attached, _attach),
    Step(
        "sign",
        lambda plan: f"image and documents, with {plan.key or 'the identity that cosign asks for'}",
        _is_signed,
        _sign,
    ),
    Step("move", lambda plan: f"{', '.join(plan.tags)} on the registry", _has_moved, _move),
)
