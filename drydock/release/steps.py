"""The table of steps: each one's action, and its test for being done."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from drydock import image as images
from drydock.build import Options
from drydock.engine.errors import ImageMissing
from drydock.gates import proof
from drydock.gates.gate import registry
from drydock.gates.run import refusal
from drydock.image import configuration_digest, content_digest
from drydock.progress import Patience, Say, unseen
from drydock.publish import attach, builds, cosign, engine_image, provenance, sbom, tags, vex
from drydock.publish import push as pushing
from drydock.publish.attach import Attestation
from drydock.publish.errors import DigestDiffers
from drydock.publish.labels import OCI
from drydock.publish.push import Pushed, Tell
from drydock.publish.reference import Reference
from drydock.publish.registry import WAITS, Manifest, Registry, digest_of
from drydock.publish.sbom import CYCLONEDX, SPDX
from drydock.release.errors import NotOnRegistry, ReceiptsMissing, StaleImage, VersionTaken
from drydock.release.journal import FILES, Entry, Journal
from drydock.release.plan import Plan, address
from drydock.spelling import spelled
from drydock.state.receipts import Receipts
from drydock.verdict import Verdict
from drydock.workspace import Workspace


@dataclass
class Work:
    pipeline: Workspace
    plan: Plan
    say: Say
    shown: Callable[[], AbstractContextManager[Tell]]
    judged: Callable[[Verdict, bool], None] = lambda _, __: None
    patience: Patience = unseen
    waits: Sequence[float] = WAITS
    journal: Journal = field(init=False)
    entry: Entry = field(init=False)
    # This process's push; None if an earlier one did it.
    sent: Pushed | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.journal = Journal(self.plan)
        self.entry = self.journal.read()

    def know(self, **changes: object) -> None:
        """Change the entry, and write it to the journal."""
        self.entry = replace(self.entry, **changes)  # type: ignore[arg-type]
        self.journal.write(self.entry)

    def pin(self, image: str, *others: str) -> None:
        """Record the image of the next steps; steps taken for another one do not count."""
        if (image, others) != (self.entry.image, self.entry.others):
            self.know(bills={}, digest="", attached=(), signed=())
        self.know(revision=self.plan.revision, image=image, others=others)

    @property
    def pushed(self) -> Reference:
        """The image on its registry, by digest."""
        return self.plan.pushed.with_digest(self.entry.digest)

    @property
    def uploads(self) -> list[Pushed]:
        """The registry's names for the image, each with the figures of its upload."""
        layers = self.sent.layers_sent + self.sent.layers_existing if self.sent else 0
        known = Pushed(str(self.plan.pushed), self.entry.digest, self.entry.image, 0, 0, layers)
        named = (replace(known, reference=str(name)) for name in self.plan.names[1:])
        return [self.sent or known, *named]

    def registry(self) -> Registry:
        return pushing.registry(self.pipeline.engine, self.plan.pushed, waits=self.waits)

    def is_ours(self, manifest: Manifest) -> bool:
        """Tell whether a manifest on the registry is this plan's image."""
        return manifest.config == configuration_digest(self.pipeline.engine, self.entry.image)


@dataclass(frozen=True)
class Step:
    name: str
    what: Callable[[Plan], str]
    holds: Callable[[Work], bool]  # tells whether the step is done
    run: Callable[[Work], None]  # repeatable after an interruption at any moment
    needs: tuple[str, ...] = ("build",)  # the earlier steps whose results `holds` needs
    shows: bool = False


def _is_built(work: Work) -> bool:
    if not work.entry.image or work.entry.revision != work.plan.revision:
        return False
    try:
        engine_image.find(work.pipeline.engine, work.entry.image)
    except ImageMissing:
        return False
    work.pipeline.adopt(work.plan.target, work.entry.image)
    return True


def _build(work: Work) -> None:
    image = work.pipeline.built(work.plan.target).image_id
    if work.entry.moved and image != work.entry.image:
        raise VersionTaken(reference=work.plan.versioned, found=work.entry.image, wanted=image)
    work.pin(image)
    local = engine_image.find(work.pipeline.engine, image)
    pushing.refuse(work.plan.versioned, local, work.plan.permissions)
    with work.registry() as client:
        _refuse_taken(work, client)


def _refuse_taken(work: Work, client: Registry) -> None:
    """Refuse a version whose tag names another image: such a tag never moves."""
    versioned = work.plan.versioned
    there = client.manifest(versioned.repository, versioned.tag)
    if there and not work.is_ours(there):
        found = there.config or there.digest
        raise VersionTaken(reference=versioned, found=found, wanted=work.entry.image)


def _has_passed(work: Work) -> bool:
    target, gates = work.plan.target, map(registry().get, work.plan.gates)
    if proof.missing(work.pipeline.project, work.pipeline.measure(work.entry.image), target):
        return False
    return all(gate and proof.receipt(gate, work.pipeline, target) for gate in gates)


def _judge(work: Work) -> None:
    for gate in map(registry().__getitem__, work.plan.gates):
        known = proof.receipt(gate, work.pipeline, work.plan.target)
        verdict = known.verdict if known else proof.judge(gate, work.pipeline, work.plan.target)
        work.judged(verdict, known is not None)
        if not verdict.passed:
            raise refusal(verdict)


def _look_at_receipts(work: Work) -> None:
    plan, project = work.plan, work.pipeline.project
    built = [project.reference(plan.target, platform=platform) for platform in plan.platforms]
    for reference in built:
        _refuse_stale(work, reference)
    measured = [work.pipeline.measure(reference) for reference in built]
    for image in measured:
        content = content_digest(image)
        # An earlier push's reason counts for the signing, even if the gates have passed since.
        if "push" in plan.steps or not Receipts().waiver(content):
            _clear(work, image, content)
    work.pin(*(image.id for image in measured))


def _refuse_stale(work: Work, reference: str) -> None:
    """Refuse an image of another commit than its tags and provenance would name."""
    local = engine_image.find(work.pipeline.engine, reference)
    found, wanted = local.labels.get(f"{OCI}revision", ""), work.plan.revision
    if found != wanted:
        raise StaleImage(reference=reference, found=found or "no commit", wanted=wanted or "no commit")


def _clear(work: Work, image: images.Image, content: str) -> None:
    """Require that an image has passed every gate, or record the reason for letting it leave."""
    missing = proof.missing(work.pipeline.project, image, work.plan.target)
    if not missing:
        Receipts().settle(content)
    elif work.plan.force:
        Receipts().waive(work.plan.force, missing, content=content, image=image.id)
    else:
        raise ReceiptsMissing(
            reference=work.pipeline.project.reference(work.plan.target),
            reasons=", ".join(map(str, missing)),
            sessions=",".join(gate.gate for gate in missing),
        )


def _local_names(plan: Plan) -> list[str]:
    return [f"{plan.image}:{name.tag}" for name in plan.names]


def _is_tagged(work: Work) -> bool:
    names = _local_names(work.plan)
    try:
        found = {engine_image.find(work.pipeline.engine, name).id for name in names}
    except ImageMissing:
        return False
    return found == {work.entry.image}


def _tag(work: Work) -> None:
    engine_image.tag(work.pipeline.engine, work.entry.image, _local_names(work.plan))


def _write_bills(work: Work) -> None:
    bill = sbom.read(work.pipeline.engine, work.entry.image)
    work.know(bills=work.journal.keep({CYCLONEDX: sbom.cyclonedx(bill), SPDX: sbom.spdx(bill)}))


def _is_pushed(work: Work) -> bool:
    if not work.entry.digest:
        return False
    pushed = work.plan.pushed
    with work.registry() as client:
        found = client.manifest(pushed.repository, pushed.tag)
    return found is not None and found.digest == work.entry.digest


def _push(work: Work) -> None:
    with work.shown() as tell:
        work.sent = pushing.push(
            work.pipeline.engine,
            str(work.plan.pushed),
            tell,
            image=work.entry.image,
            others=work.entry.others,
            permissions=work.plan.permissions,
            compression=work.pipeline.project.compression,
            waits=work.waits,
        )
    # A registry that lost the image has lost its attachments too.
    work.know(digest=work.sent.digest, attached=(), signed=())


def _find(work: Work) -> None:
    """Find the pushed image, and require that it is the local one."""
    pushed = on_registry(work.pipeline, work.plan.pushed)
    local = engine_image.find(work.pipeline.engine, work.pipeline.project.reference(work.plan.target))
    with work.registry() as client:
        manifest = client.manifest(pushed.repository, pushed.digest)
        there = client.configurations(pushed.repository, manifest) if manifest else set()
    wanted = configuration_digest(work.pipeline.engine, local.id)
    if wanted not in there:
        raise DigestDiffers(reference=pushed, found=", ".join(there) or "nothing", wanted=wanted)
    work.pin(local.id)
    if pushed.digest != work.entry.digest:
        work.know(digest=pushed.digest, attached=(), signed=())


def on_registry(pipeline: Workspace, pushed: Reference) -> Reference:
    """Return a pushed image by its digest, found by the tag that never moves."""
    with pushing.registry(pipeline.engine, pushed) as client:
        manifest = client.manifest(pushed.repository, pushed.tag)
    if manifest is None:
        raise NotOnRegistry(reference=pushed)
    return replace(pushed, digest=manifest.digest)


def _are_listed(work: Work, digests: Sequence[str], least: int = 1) -> bool:
    if len(digests) < least:
        return False
    with work.registry() as client:
        return {one.digest for one in attach.attestations(client, work.pushed)} >= set(digests)


def _vex(work: Work) -> bytes:
    """Return a VEX document of the vulnerabilities that `audit` accepted; empty without any."""
    image, bills = work.pipeline.measure(work.entry.image), work.journal.documents(work.entry.bills)
    found = proof.accepted(work.pipeline.project, image, work.plan.target)
    if not found or not bills:
        return b""
    labels = engine_image.find(work.pipeline.engine, work.entry.image).labels
    author = labels.get(f"{OCI}authors") or labels.get(f"{OCI}title") or work.plan.image
    return vex.document(found[0], work.pushed, bills[CYCLONEDX], author, found[1])


def _is_attached(work: Work) -> bool:
    stated = _vex(work)
    listed = _are_listed(work, work.entry.attached, len(FILES) + 1)
    return listed and (not stated or digest_of(stated) == work.entry.vex)


def _attach(work: Work) -> None:
    bills = work.journal.documents(work.entry.bills)
    assert bills is not None  # noqa: S101 - the previous step wrote them
    # An image built on another machine, or relabelled since, is described as if built here now.
    options = Options(work.plan.target, build_args=work.pipeline.build_args())
    made = builds.find(work.entry.image) or builds.described(work.pipeline, options, {})
    content = content_digest(work.pipeline.measure(work.entry.image))
    waiver = None if work.plan.releases else Receipts().waiver(content)
    documents = bills | {provenance.PREDICATE_TYPE: provenance.stated(made, waiver)}
    if stated := _vex(work):
        documents[vex.OPENVEX] = stated
    elif proof.unaudited(work.pipeline.project, work.pipeline.measure(work.entry.image), work.plan.target):
        work.say(spelled("no VEX document: the image has no receipt of `drydock gate audit` from today"))
    _attest(work, documents, "attached")
    work.know(vex=digest_of(stated) if stated else "")


def _attest(work: Work, documents: Mapping[str, bytes], known: str) -> None:
    """Attach signed documents, and write each one's digest to the journal at once."""

    def attached(digest: str) -> None:
        work.know(**{known: (*dict.fromkeys((*getattr(work.entry, known), digest)),)})

    ours = (*work.entry.attached, *work.entry.signed)
    attach.attach(
        work.pipeline.engine,
        work.pushed,
        documents,
        key=work.plan.key,
        ours=ours,
        say=work.say,
        attached=attached,
    )


def _to_move(work: Work, client: Registry) -> list[Reference]:
    """Return the names that still have to move to the image; a release skips series with a newer version."""
    plan, names = work.plan, work.plan.names[1:]
    if plan.releases:
        leading = tags.leading(plan.version, client.tags(plan.pushed.repository))
        names = [name for name in names if name == plan.versioned or name.tag in leading]
    there = {name: client.manifest(name.repository, name.tag) for name in names}
    return [name for name, found in there.items() if found is None or found.digest != work.entry.digest]


def _has_moved(work: Work) -> bool:
    with work.registry() as client:
        return not _to_move(work, client)


def _move(work: Work) -> None:
    with work.registry() as client:
        if work.plan.releases:
            _refuse_taken(work, client)
        for name in _to_move(work, client):
            pushing.move(client, name, work.entry.digest)
    work.know(moved=True)


def verify(
    pipeline: Workspace, where: str, *, key: str, identity: cosign.Identity | None, say: Say
) -> tuple[Reference, list[Attestation]]:
    """Verify the pushed image's signature and all attachments; return the image and the attachments."""
    pushed = on_registry(pipeline, address(pipeline.project, pipeline.source, where)[0])
    return pushed, attach.verify(pipeline.engine, pushed, key=key, identity=identity, say=say)


_TABLE = (
    Step(
        "build",
        lambda plan: f"{plan.target} of {plan.revision[:12]}, its labels included",
        _is_built,
        _build,
        shows=True,
    ),
    Step("gates", lambda plan: ", ".join(plan.gates), _has_passed, _judge),
    Step("find", lambda plan: f"{plan.pushed} on its registry", lambda _: False, _find),
    Step("receipts", lambda plan: plan.force or "one of every gate", lambda _: False, _look_at_receipts),
    Step("tag", lambda plan: ", ".join(_local_names(plan)), _is_tagged, _tag),
    Step(
        "sbom",
        lambda _: "bills of materials in CycloneDX and SPDX",
        lambda work: work.journal.documents(work.entry.bills) is not None,
        _write_bills,
    ),
    Step("push", lambda plan: str(plan.pushed), _is_pushed, _push, shows=True),
    Step(
        "attach",
        lambda _: "both bills of materials, the provenance and accepted vulnerabilities, signed",
        _is_attached,
        _attach,
        ("build", "sbom", "push"),
    ),
    Step(
        "sign",
        lambda plan: f"the image, with {plan.key or 'the identity that cosign asks for'}",
        lambda work: _are_listed(work, work.entry.signed),
        lambda work: _attest(work, attach.SIGNED, "signed"),
        ("build", "push"),
    ),
    Step(
        "move",
        lambda plan: f"{', '.join(plan.tags) or 'no tag'} on the registry",
        _has_moved,
        _move,
        ("build", "push"),
    ),
)
STEPS = {step.name: step for step in _TABLE}
