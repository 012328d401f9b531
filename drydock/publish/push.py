"""Push an image, and believe only what the registry itself says about the outcome.

drydock sends the layers itself, and not the engine: so they are compressed as the project wants it and as
they were weighed, and the bytes that a layer became once are the ones that every later push finds there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from drydock.engine import Engine
from drydock.image import Packed, packed
from drydock.image.cache import Blob
from drydock.project.compression import ZSTD, Compression
from drydock.publish import blob_locations, credentials, labels
from drydock.publish.credentials import Credentials
from drydock.publish.engine_image import LocalImage, find
from drydock.publish.errors import DigestDiffers, DirtyImage, IllegalReference, MadeBase, PlatformTwice
from drydock.publish.event import Event, LayerProgress, State, Tell, short
from drydock.publish.insecure import is_insecure
from drydock.publish.manifest import index_of, manifest_of
from drydock.publish.reference import Reference, parse
from drydock.publish.registry import Manifest, Registry, digest_of
from drydock.publish.retry import WAITS
from drydock.publish.tags import LATEST, is_dirty
from drydock.publish.upload import bring

__all__ = ["Event", "Permissions", "Pushed", "Tell", "move", "push", "registry", "without_tls"]


@dataclass(frozen=True)
class Pushed:
    """An image that the registry has, as the registry itself confirmed.

    Args:
        reference: Its full name on the registry.
        digest: Of its manifest: a Deployment names this.
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
    """Exceptions from what may be pushed.

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
    others: Sequence[str] = (),
    permissions: Permissions = NONE,
    compression: Compression = ZSTD,
    waits: Sequence[float] = WAITS,
) -> Pushed:
    """Push an image under one name and check that the registry has it.

    A registry moves a tag only after it has every layer, so a push that fails or is interrupted leaves the
    tag where it was, and the next one sends only what is missing.

    Args:
        reference: The full name to push; ``latest`` when it has no tag.
        image: The image's name or id on the engine where it is not ``reference``.
        others: The same image for other platforms: then the name stands for an index of all of them.

    Raises:
        IllegalReference, IllegalTag: The name does not fit the grammar; nothing was pushed.
        ImageMissing: The engine has no such image.
        PlatformTwice: Two of the images are for one platform.
        DirtyImage, MadeBase: The image must not be pushed there.
        BadCredentials: The docker configuration cannot be read.
        LoginRefused, PushDenied, RegistryFault: The registry refused; never tried again.
        RegistryUnreachable, RegistryFailed: All attempts failed.
        DigestDiffers: The registry holds something else under the name.
    """
    target = _target(reference)
    local_images = [find(engine, name) for name in (image or reference, *others)]
    check_platforms([local.platform for local in local_images])
    for local in local_images:
        refuse(target, local, permissions)
    with ExitStack() as stack:
        contents = [
            stack.enter_context(packed(engine, local.id, compression=compression)) for local in local_images
        ]
        client = stack.enter_context(registry(engine, target, tell, waits=waits))
        return send(client, target, local_images[0].id, contents, tell)


def check_platforms(platforms: Sequence[str]) -> None:
    """Refuse images that cannot be told apart by platform.

    Raises:
        PlatformTwice: Two are for one platform.
    """
    for platform, count in Counter(platforms).items():
        if count > 1:
            raise PlatformTwice(count=count, platform=platform)


def send(
    client: Registry,
    target: Reference,
    image: str,
    contents: Sequence[Packed],
    tell: Tell = lambda _: None,
) -> Pushed:
    """Bring an image to a repository, let a tag name it, and look whether it does.

    Args:
        image: The image's id on the engine.
        contents: The image, once for each platform.
        tell: Takes each change of a layer.
    """
    uploaded = layers_sent = layers_existing = 0
    for content in contents:
        for blob in dict.fromkeys(content.layers):
            tell(LayerProgress(short(blob.digest), State.WAITING, 0, blob.size))
    for content in contents:
        for blob, state in layers(client, target, content, tell):
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


def layers(client: Registry, target: Reference, content: Packed, tell: Tell) -> Iterator[tuple[Blob, State]]:
    """Bring the layers of an image to a repository, and yield each with how it came to be there."""
    for blob in dict.fromkeys(content.layers):
        known = blob_locations.of(target.registry, blob.digest)
        path = content.files[blob.digest]
        yield blob, bring(client, target.repository, blob, path, tell, elsewhere=known)
        blob_locations.add(target.registry, blob.digest, target.repository)


def move(client: Registry, target: Reference, digest: str) -> None:
    """Let a tag name what the registry holds under a digest, and look whether it does.

    Raises:
        DigestDiffers: The registry has no such manifest, or the tag names another one afterwards.
    """
    manifest = client.manifest(target.repository, digest)
    if manifest is None:
        raise DigestDiffers(reference=target, found="missing", wanted=digest)
    client.put_manifest(target.repository, target.tag, manifest)
    verify(client, target, manifest)


def verify(client: Registry, target: Reference, wanted: Manifest) -> None:
    """Ask the registry which manifest a tag names.

    Raises:
        DigestDiffers: It is something else, or nothing.
    """
    found = client.manifest(target.repository, target.tag)
    if found is None or found.digest != wanted.digest:
        raise DigestDiffers(
            reference=target, found=found.digest if found else "missing", wanted=wanted.digest
        )


def refuse(target: Reference, local: LocalImage, permissions: Permissions) -> None:
    """Refuse what must not leave this machine.

    Raises:
        DirtyImage: The image was built from a tree with uncommitted changes.
        MadeBase: Its base was made here, and the registry is elsewhere.
    """
    if not permissions.dirty and (is_dirty(target.tag) or local.labels.get(labels.DIRTY) == "true"):
        raise DirtyImage(reference=target)
    made = local.labels.get(labels.BASE_KIND) == labels.MADE
    if made and not target.loopback and not permissions.made_base:
        raise MadeBase(reference=target, registry=target.registry)


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
    with engine.answering():
        settings = engine.sdk.info().get("RegistryConfig") or {}
    return is_insecure(target, settings)


def _target(reference: str) -> Reference:
    target = parse(reference)
    if target.digest:
        raise IllegalReference(reference=reference, problem="a digest cannot be chosen, only a tag")
    return target if target.tag else target.with_tag(LATEST)
