"""Send a built image to a registry once every gate has passed for its content; sign it there, and verify."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from drydock import errors
from drydock import image as images
from drydock.build import Options
from drydock.gates import proof
from drydock.image import Image, content_digest
from drydock.progress import Say
from drydock.publish import builds, cosign, local, provenance, sbom, seal, tags
from drydock.publish.labels import OCI
from drydock.publish.manifest import configurations
from drydock.publish.push import Permissions, Pushed, Tell, push_all, registry
from drydock.publish.reference import Reference, parse
from drydock.publish.referrers import Attachment
from drydock.publish.sbom.cyclonedx import MEDIA_TYPE as CYCLONEDX
from drydock.publish.sbom.spdx import MEDIA_TYPE as SPDX
from drydock.state.receipts import Receipts, Waiver
from drydock.workspace import Workspace


def push(
    pipeline: Workspace,
    target: str,
    where: str,
    permissions: Permissions,
    *,
    platforms: Sequence[str] = ("",),
    force: str = "",
    shown: AbstractContextManager[Tell],
) -> list[Pushed]:
    """Push a target under all its tags, the ones that never move first.

    Args:
        pipeline: Knows engine and project.
        target: The target; it must have been built.
        where: The registry; the project's own when empty.
        permissions: What may be pushed although it should not be.
        platforms: Which builds to push, several as an index of them; empty for the one without a platform in
            its name.
        force: Why an image without receipts is pushed; empty when it is not.
        shown: Gives what takes the push's progress.

    Raises:
        errors.NoRegistry: Neither the caller nor the project names one.
        errors.ImageMissing: The target was not built.
        errors.StaleImage: The image is of another commit than the one that is checked out.
        errors.ReceiptsMissing: A gate has yet to pass for this content.
    """
    names = _names(pipeline, where)
    built = [pipeline.project.reference(target, platform=platform) for platform in platforms]
    for image in built:
        current(pipeline, image)
        cleared(pipeline, pipeline.measure(image), target, force)
    with shown as tell:
        return push_all(
            pipeline.engine,
            built[0],
            names,
            tell,
            others=built[1:],
            permissions=permissions,
            compression=pipeline.project.compression,
        )


def current(pipeline: Workspace, reference: str) -> None:
    """See to it that an image is of the commit that its tags and its provenance are going to name.

    Raises:
        errors.ImageMissing: The engine has no such image.
        errors.StaleImage: It was built from another commit.
    """
    found = local.find(pipeline.engine, reference).labels.get(f"{OCI}revision", "")
    if found != (wanted := pipeline.source.revision):
        raise errors.StaleImage(reference=reference, found=found or "no commit", wanted=wanted or "no commit")


def cleared(pipeline: Workspace, image: Image, target: str, force: str = "") -> Waiver | None:
    """See to it that an image may leave this machine: every gate has passed, or somebody says why not.

    Args:
        pipeline: Knows engine and project.
        image: The image.
        target: Its target.
        force: Why it leaves without receipts; empty when it does not.

    Returns:
        What was waived; None when every gate has passed.

    Raises:
        errors.ReceiptsMissing: A gate has yet to pass for this content.
    """
    kept, content = Receipts(), content_digest(image)
    found = proof.missing(pipeline.project, image, target)
    if not found:
        kept.settle(content)
        return None
    if force:
        return kept.waive(force, found, content=content, image=image.id)
    raise errors.ReceiptsMissing(
        reference=pipeline.project.reference(target),
        reasons=", ".join(map(str, found)),
        sessions=",".join(gate.gate for gate in found),
    )


def sign(pipeline: Workspace, target: str, where: str, *, key: str, force: str, say: Say) -> list[Attachment]:
    """Attach bills of materials and provenance to the pushed image, and sign them and it.

    Args:
        pipeline: Knows engine and project.
        target: The target that was pushed.
        where: The registry; the project's own when empty.
        key: The private key; cosign asks who its user is where there is none.
        force: Why the image was pushed without receipts, where an earlier push has not written it down here.
        say: Takes one line of progress at a time.

    Raises:
        errors.ReceiptsMissing: A gate has yet to pass for this content, and nobody said why it need not.
        errors.NotOnRegistry: The image was not pushed.
        errors.DigestDiffers: What was pushed is not the image that is here.
    """
    pushed = _pushed(pipeline, where)
    found = local.find(pipeline.engine, pipeline.project.reference(target))
    with registry(pipeline.engine, pushed) as client:
        manifest = client.manifest(pushed.repository, pushed.digest)
        there = configurations(client, pushed.repository, manifest) if manifest else set()
    wanted = images.configuration_digest(pipeline.engine, found.id)
    if wanted not in there:
        raise errors.DigestDiffers(reference=pushed, found=", ".join(there) or "nothing", wanted=wanted)
    current(pipeline, pipeline.project.reference(target))
    image = images.read(pipeline.engine, found.id)
    # What an earlier push wrote down counts, also when the gates have passed since.
    waiver = Receipts().waiver(content_digest(image)) or cleared(pipeline, image, target, force)
    documents = bills(pipeline, found.id) | {
        provenance.MEDIA_TYPE: told(pipeline, target, found.id, pushed, waiver)
    }
    return seal.seal(pipeline.engine, pushed, documents, key=key, say=say)


def bills(pipeline: Workspace, image: str) -> dict[str, bytes]:
    """Return an image's bills of materials by media type."""
    bill = sbom.read(pipeline.engine, image)
    return {CYCLONEDX: sbom.cyclonedx(bill), SPDX: sbom.spdx(bill)}


def told(
    pipeline: Workspace, target: str, image: str, pushed: Reference, waiver: Waiver | None = None
) -> bytes:
    """Return the provenance of a pushed image.

    Args:
        pipeline: Knows engine and project.
        target: The image's target.
        image: Its id on the engine.
        pushed: Its name on the registry, with its digest.
        waiver: Why it was pushed although gates had not passed; None when all had.
    """
    # One that was built on another machine, or relabelled since, is described as it would be built here now.
    made = builds.find(image)
    made = made or builds.described(pipeline, Options(target, build_args=pipeline.build_args()), {})
    return provenance.statement(pushed, made, waiver)


def verify(
    pipeline: Workspace, where: str, *, key: str, identity: cosign.Identity | None, say: Say
) -> list[Attachment]:
    """Verify the signatures of the pushed image and of all that is attached to it."""
    return seal.verify(pipeline.engine, _pushed(pipeline, where), key=key, identity=identity, say=say)


def _names(pipeline: Workspace, where: str) -> tuple[str, ...]:
    where = where or pipeline.project.registry
    if not where:
        raise errors.NoRegistry()
    return tags.names(pipeline.project, pipeline.source, registry=where)


def _pushed(pipeline: Workspace, where: str) -> Reference:
    """Return the pushed image by its digest, found by the tag that never moves."""
    name = parse(_names(pipeline, where)[0])
    with registry(pipeline.engine, name) as client:
        manifest = client.manifest(name.repository, name.tag)
    if manifest is None:
        raise errors.NotOnRegistry(reference=name)
    return replace(name, digest=manifest.digest)
