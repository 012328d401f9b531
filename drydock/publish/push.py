"""Push an image, and believe only what the registry itself says about the outcome.

drydock sends the layers itself, and not the engine: so they are compressed as the project wants it and as
they were weighed, and the bytes that a layer became once are the ones that every later push finds there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from drydock import errors
from drydock.compression import ZSTD, Compression
from drydock.engine import Engine
from drydock.image import Packed, packed
from drydock.publish import credentials, labels, whereabouts
from drydock.publish.credentials import Credentials
from drydock.publish.event import Event, LayerProgress, State, Tell, short
from drydock.publish.local import LocalImage, engine_answers, find
from drydock.publish.reference import Reference, parse
from drydock.publish.registry import OCI_CONFIGURATION, OCI_MANIFEST, Manifest, Registry, digest_of
from drydock.publish.retry import WAITS
from drydock.publish.security import is_insecure
from drydock.publish.tags import LATEST, is_dirty
from drydock.publish.upload import bring

__all__ = ["Event", "Permissions", "Pushed", "Tell", "move", "push", "push_all", "registry", "without_tls"]


@dataclass(frozen=True)
class Pushed:
    """An image that the registry has, as the registry itself confirmed.

    Args:
        reference: Its full name on the registry.
        digest: Of its manifest: what a Deployment names.
        image: Its id on the engine.
        uploaded: Bytes of the layers and of the configuration that were sent.
        layers_sent: How many layers were sent.
        layers_existing: How many the registry had already.
    """

    reference: str
    digest: str
    image: str
    uploaded: int
    layers_sent: int
    layers_existing: int


@dataclass(frozen=True)
class Permissions:
    """What may be pushed although it should not be.

    Args:
        dirty: An image of a source with uncommitted changes.
        made_base: An image on a base that was made on this machine, to a registry of another one.
    """

    dirty: bool = False
    made_base: bool = False


NONE = Permissions()


def push(
    engine: Engine,
    reference: str,
    tell: Tell = lambda _: None,
    *,
    image: str = "",
    permissions: Permissions = NONE,
    compression: Compression = ZSTD,
    waits: Sequence[float] = WAITS,
) -> Pushed:
    """Push an image under one name and check that the registry has it.

    Args:
        engine: Where the image is.
        reference: The full name to push; ``latest`` when it has no tag.
        image: The image's name or id on the engine where it is not ``reference``.

    The others, and what is raised, are those of `push_all`.
    """
    (pushed,) = push_all(
        engine,
        image or reference,
        [reference],
        tell,
        permissions=permissions,
        compression=compression,
        waits=waits,
    )
    return pushed


def push_all(
    engine: Engine,
    image: str,
    references: Sequence[str],
    tell: Tell = lambda _: None,
    *,
    permissions: Permissions = NONE,
    compression: Compression = ZSTD,
    waits: Sequence[float] = WAITS,
) -> list[Pushed]:
    """Push an image under several names, one after another.

    The image is sent once to each repository, under the first name there. The others are set on the registry
    itself, each in one step, to the very manifest that was verified: no tag can come to differ from another,
    and those that people follow move last. A registry moves a tag only after it has every layer, so a push
    that fails or is interrupted leaves the tag where it was, and the next one sends only what is missing.

    Args:
        engine: Where the image is.
        image: Its name or id there.
        references: Full names, in the order in which they are to be set; see `tags.tags`.
        tell: Takes each change of a layer, and each wait after a network fault.
        permissions: What may be pushed all the same.
        compression: How the layers are compressed.
        waits: Seconds before each further attempt after a network fault.

    Raises:
        errors.IllegalReference, errors.IllegalTag: A name does not fit the grammar; nothing was pushed.
        errors.ImageMissing: The engine has no such image.
        errors.DirtyImage, errors.MadeBase: The image must not be pushed there.
        errors.BadCredentials: The docker configuration cannot be read.
        errors.LoginRefused, errors.PushDenied, errors.RegistryFault: The registry refused; never tried again.
        errors.RegistryUnreachable, errors.RegistryFailed: All attempts failed.
        errors.DigestDiffers: The registry holds something else under a name.
    """
    targets = [_target(reference) for reference in references]
    local = find(engine, image)
    for target in targets:
        refuse(target, local, permissions)
    first: dict[str, Pushed] = {}
    done = []
    with packed(engine, local.id, compression=compression) as content:
        for target in targets:
            with registry(engine, target, tell, waits=waits) as client:
                if known := first.get(target.name):
                    move(client, target, known.digest)
                    layers = known.layers_sent + known.layers_existing
                    pushed = replace(
                        known, reference=str(target), uploaded=0, layers_sent=0, layers_existing=layers
                    )
                else:
                    pushed = first[target.name] = send(client, target, local, content, tell)
            done.append(pushed)
    return done


def send(
    client: Registry, target: Reference, local: LocalImage, content: Packed, tell: Tell = lambda _: None
) -> Pushed:
    """Bring an image to a repository, let a tag name it, and look whether it does."""
    manifest = manifest_of(content)
    had_configuration = client.has_blob(target.repository, manifest.config)
    sent, existing = {}, 0
    for blob in dict.fromkeys(content.layers):
        tell(LayerProgress(short(blob.digest), State.WAITING, 0, blob.size))
    for blob in dict.fromkeys(content.layers):
        known = whereabouts.of(target.registry, blob.digest)
        state = bring(client, target.repository, blob, content.files[blob.digest], tell, elsewhere=known)
        whereabouts.add(target.registry, blob.digest, target.repository)
        if state is State.SENT:
            sent[blob.digest] = blob.size
        else:
            existing += 1
    client.put_blob(target.repository, content.configuration)
    client.put_manifest(target.repository, target.tag, manifest)
    verify(client, target, manifest)
    return Pushed(
        reference=str(target),
        digest=manifest.digest,
        image=local.id,
        uploaded=sum(sent.values()) + (0 if had_configuration else len(content.configuration)),
        layers_sent=len(sent),
        layers_existing=existing,
    )


def manifest_of(content: Packed) -> Manifest:
    """Return the manifest of a packed image; the same image has the same one, byte for byte."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": OCI_CONFIGURATION,
            "digest": digest_of(content.configuration),
            "size": len(content.configuration),
        },
        "layers": [
            {"mediaType": content.compression.media_type, "digest": blob.digest, "size": blob.size}
            for blob in content.layers
        ],
    }
    return Manifest(OCI_MANIFEST, json.dumps(document, indent=2).encode())


def move(client: Registry, target: Reference, digest: str) -> None:
    """Let a tag name what the registry holds under a digest, and look whether it does.

    Raises:
        errors.DigestDiffers: The registry has no such manifest, or the tag names another one afterwards.
    """
    manifest = client.manifest(target.repository, digest)
    if manifest is None:
        raise errors.DigestDiffers(reference=target, found="missing", wanted=digest)
    client.put_manifest(target.repository, target.tag, manifest)
    verify(client, target, manifest)


def verify(client: Registry, target: Reference, wanted: Manifest) -> None:
    """Ask the registry what a tag stands for.

    Raises:
        errors.DigestDiffers: It is something else, or nothing.
    """
    found = client.manifest(target.repository, target.tag)
    if found is None or found.digest != wanted.digest:
        raise errors.DigestDiffers(
            reference=target, found=found.digest if found else "missing", wanted=wanted.digest
        )


def refuse(target: Reference, local: LocalImage, permissions: Permissions) -> None:
    """Refuse what must not leave this machine.

    Raises:
        errors.DirtyImage: The image was built from a tree with uncommitted changes.
        errors.MadeBase: Its base was made here, and the registry is elsewhere.
    """
    if not permissions.dirty and (is_dirty(target.tag) or local.labels.get(labels.DIRTY) == "true"):
        raise errors.DirtyImage(reference=target)
    made = local.labels.get(labels.BASE_KIND) == labels.MADE
    if made and not target.loopback and not permissions.made_base:
        raise errors.MadeBase(reference=target, registry=target.registry)


def registry(
    engine: Engine,
    target: Reference,
    tell: Tell = lambda _: None,
    *,
    user: Credentials | None = None,
    waits: Sequence[float] = WAITS,
) -> Registry:
    """Return a client for the registry of a reference, which speaks to it as the engine does."""
    return Registry(
        target,
        user or credentials.load(target.registry),
        insecure=without_tls(engine, target),
        waits=tuple(waits),
        tell=tell,
    )


def without_tls(engine: Engine, target: Reference) -> bool:
    """Tell whether the engine speaks to a registry without verified TLS; see `security`."""
    with engine_answers(engine):
        settings = engine.sdk.info().get("RegistryConfig") or {}
    return is_insecure(target, settings)


def _target(reference: str) -> Reference:
    target = parse(reference)
    if target.digest:
        raise errors.IllegalReference(reference=reference, problem="a digest cannot be chosen, only a tag")
    return target if target.tag else target.with_tag(LATEST)
