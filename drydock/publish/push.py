"""Push an image, and judge the outcome by the registry's answers alone.

drydock sends the layers itself instead of the engine. So they have the project's compression and the weighed
sizes, and every later push finds the same bytes on the registry.
"""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from drydock.engine import Engine
from drydock.image import Packed, packed
from drydock.project.compression import ZSTD, Compression
from drydock.publish import credentials, labels
from drydock.publish.engine_image import LocalImage, find
from drydock.publish.errors import DigestDiffers, DirtyImage, IllegalReference, MadeBase, PlatformTwice
from drydock.publish.event import Event, LayerProgress, State, Tell, short
from drydock.publish.reference import Reference, parse
from drydock.publish.registry import (
    OCI_CONFIGURATION,
    OCI_INDEX,
    OCI_MANIFEST,
    WAITS,
    Manifest,
    Registry,
    digest_of,
    is_insecure,
)
from drydock.publish.tags import LATEST, is_dirty
from drydock.publish.upload import bring_all

__all__ = ["Event", "Permissions", "Pushed", "Tell", "move", "push", "registry", "without_tls"]


@dataclass(frozen=True)
class Pushed:
    """A pushed image, as the registry confirmed it."""

    reference: str
    digest: str  # the manifest's digest, for a Deployment
    image: str
    uploaded: int  # bytes sent, layers and configuration
    layers_sent: int
    layers_existing: int


@dataclass(frozen=True)
class Permissions:
    """Exceptions for pushes that are refused otherwise."""

    dirty: bool = False  # an image of a source with uncommitted changes
    made_base: bool = False  # an image on a base made on this machine, to a registry elsewhere


NONE = Permissions()


def push(
    engine: Engine,
    reference: str,
    tell: Tell = lambda _: None,
    *,
    image: str = "",
    others: Sequence[str] = (),
    permissions: Permissions = NONE,
    compression: Compression = ZSTD,
    waits: Sequence[float] = WAITS,
) -> Pushed:
    """Push an image under one name and check that the registry has it.

    A registry moves a tag only when it has every layer. A failed or interrupted push leaves the tag in place,
    and the next one sends only the missing layers.

    Args:
        image: The image's name or id on the engine, if it is not ``reference``.
        others: The same image for other platforms; the name then refers to an index of all of them.
    """
    target = parse(reference)
    if target.digest:
        raise IllegalReference(reference=reference, problem="a digest cannot be chosen, only a tag")
    target = target if target.tag else target.with_tag(LATEST)
    local_images = [find(engine, name) for name in (image or reference, *others)]
    check_platforms([local.platform for local in local_images])
    for local in local_images:
        refuse(target, local, permissions)
    with ExitStack() as stack:
        images = [packed(engine, local.id, compression=compression) for local in local_images]
        contents = [stack.enter_context(image) for image in images]
        client = stack.enter_context(registry(engine, target, tell, waits=waits))
        return send(client, target, local_images[0].id, contents, tell)


def check_platforms(platforms: Sequence[str]) -> None:
    """Refuse several images for the same platform."""
    for platform, count in Counter(platforms).items():
        if count > 1:
            raise PlatformTwice(count=count, platform=platform)


def send(
    client: Registry, target: Reference, image: str, contents: Sequence[Packed], tell: Tell = lambda _: None
) -> Pushed:
    """Upload an image, move a tag to it, and check the tag."""
    uploaded = layers_sent = layers_existing = 0
    for content in contents:
        for blob in dict.fromkeys(content.layers):
            tell(LayerProgress(short(blob.digest), State.WAITING, 0, blob.size))
    for content in contents:
        blobs = {blob: content.files[blob.digest] for blob in content.layers}
        for blob, state in bring_all(client, target.repository, blobs, tell):
            sent = state is State.SENT
            uploaded += blob.size * sent
            layers_sent += sent
            layers_existing += not sent
        if not client.has_blob(target.repository, digest_of(content.configuration)):
            client.put_blob(target.repository, content.configuration)
            uploaded += len(content.configuration)
    manifests = [manifest_of(content) for content in contents]
    top = manifests[0]
    if len(manifests) > 1:
        for manifest in manifests:
            client.put_manifest(target.repository, manifest.digest, manifest)
        top = index_of(contents, manifests)
    client.put_manifest(target.repository, target.tag, top)
    verify(client, target, top)
    return Pushed(str(target), top.digest, image, uploaded, layers_sent, layers_existing)


def manifest_of(content: Packed) -> Manifest:
    """Return a packed image's manifest; the same image always has the same bytes."""
    kind = content.compression.media_type
    layers = [{"mediaType": kind, "digest": one.digest, "size": one.size} for one in content.layers]
    configuration = Manifest(OCI_CONFIGURATION, content.configuration).descriptor
    return _manifest(OCI_MANIFEST, config=configuration, layers=layers)


def index_of(contents: Sequence[Packed], manifests: Sequence[Manifest]) -> Manifest:
    """Return the index of one image for several platforms, which the configurations name."""
    entries = []
    for content, manifest in zip(contents, manifests, strict=True):
        configuration = json.loads(content.configuration)
        names = ("architecture", "os", "variant")
        platform = {name: configuration[name] for name in names if configuration.get(name)}
        entries.append(manifest.descriptor | {"platform": platform})
    return _manifest(OCI_INDEX, manifests=entries)


def _manifest(media_type: str, **fields: object) -> Manifest:
    document = {"schemaVersion": 2, "mediaType": media_type, **fields}
    return Manifest(media_type, json.dumps(document, indent=2).encode())


def move(client: Registry, target: Reference, digest: str) -> None:
    """Move a tag to a digest on the registry, and check it."""
    manifest = client.known(target.with_digest(digest))
    client.put_manifest(target.repository, target.tag, manifest)
    verify(client, target, manifest)


def verify(client: Registry, target: Reference, wanted: Manifest) -> None:
    found = client.manifest(target.repository, target.tag)
    if found is None or found.digest != wanted.digest:
        there = found.digest if found else "missing"
        raise DigestDiffers(reference=target, found=there, wanted=wanted.digest)


def refuse(target: Reference, local: LocalImage, permissions: Permissions) -> None:
    """Refuse an image that must not leave this machine."""
    if not permissions.dirty and (is_dirty(target.tag) or local.labels.get(labels.DIRTY) == "true"):
        raise DirtyImage(reference=target)
    made = local.labels.get(labels.BASE_KIND) == labels.MADE
    if made and not target.loopback and not permissions.made_base:
        raise MadeBase(reference=target, registry=target.registry)


def registry(
    engine: Engine, target: Reference, tell: Tell = lambda _: None, *, waits: Sequence[float] = WAITS
) -> Registry:
    """Return a client for a reference's registry, with the engine's TLS settings."""
    who = credentials.load(target.registry)
    return Registry(target, who, insecure=without_tls(engine, target), waits=waits, tell=tell)


def without_tls(engine: Engine, target: Reference) -> bool:
    """Tell whether the engine uses a registry without verified TLS."""
    with engine.answering():
        settings = engine.info.get("RegistryConfig") or {}
    return is_insecure(target, settings)
