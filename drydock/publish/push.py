"""Push an image, and believe only what the registry itself says about the outcome."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from drydock import errors
from drydock.engine import Engine
from drydock.publish import credentials, labels
from drydock.publish.credentials import Credentials
from drydock.publish.local import LocalImage, engine_answers, find
from drydock.publish.reference import Reference, parse
from drydock.publish.registry import Manifest, Registry
from drydock.publish.retry import WAITS, NetworkFault, Retry, retrying
from drydock.publish.security import is_insecure
from drydock.publish.stream import Fault, LayerProgress, PushStream, StreamError, classify
from drydock.publish.tags import LATEST, is_dirty

if TYPE_CHECKING:
    import requests

Event = LayerProgress | Retry
Tell = Callable[[Event], None]


@dataclass(frozen=True)
class Pushed:
    """An image that the registry has, as the registry itself confirmed.

    Args:
        reference: Its full name on the registry.
        digest: Of its manifest: what a Deployment names.
        image: Its id on the engine.
        uploaded: Compressed bytes of the layers that were sent.
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
    waits: Sequence[float] = WAITS,
) -> Pushed:
    """Push an image under one name and check that the registry has it.

    A registry moves a tag only after it has every layer, so a push that fails or is interrupted leaves the
    tag where it was. The name that the push needs on the engine is taken away again unless it was there.

    Args:
        engine: Where the image is.
        reference: The full name to push; ``latest`` when it has no tag.
        tell: Takes each change of a layer, and each wait after a network fault.
        image: The image's name or id on the engine where it is not ``reference``.
        permissions: What may be pushed all the same.
        waits: Seconds before each further attempt after a network fault.

    Raises:
        errors.IllegalReference, errors.IllegalTag: The name does not fit the grammar.
        errors.ImageMissing: The engine has no such image.
        errors.DirtyImage, errors.MadeBase: The image must not be pushed there.
        errors.BadCredentials: The docker configuration cannot be read.
        errors.LoginRefused, errors.PushDenied: The registry refused; never tried again.
        errors.RegistryUnreachable, errors.PushFailed: All attempts failed.
        errors.DigestDiffers: The registry holds something else under this name.
    """
    target = _target(reference)
    local = find(engine, image or reference)
    refuse(target, local, permissions)
    user = credentials.load(target.registry)
    sent: set[str] = set()
    with _named(engine, local, target):
        try:
            stream = retrying(lambda: _attempt(engine, target, user, sent, tell), tell, waits)
        except (StreamError, NetworkFault) as error:
            raise explain(str(error), target, user) from error
    with registry(engine, target, tell, user=user, waits=waits) as client:
        manifest = verify(client, target, local, told=stream.digest)
        sizes = client.layers(target.repository, manifest)
    return summary(target, local, manifest, sizes, sent)


def push_all(
    engine: Engine,
    image: str,
    references: Sequence[str],
    tell: Tell = lambda _: None,
    *,
    permissions: Permissions = NONE,
    waits: Sequence[float] = WAITS,
) -> list[Pushed]:
    """Push an image under several names, one after another.

    The engine sends the image once to each repository, under the first name there. The others are set on the
    registry itself, each in one step, to the very manifest that was verified: no tag can come to differ from
    another, and those that people follow move last.

    Args:
        engine: Where the image is.
        image: Its name or id there.
        references: Full names, in the order in which they are to be set; see `tags.tags`.
        tell: Takes each change of a layer, and each wait after a network fault.
        permissions: What may be pushed all the same.
        waits: Seconds before each further attempt after a network fault.

    Raises:
        As `push`, and before anything is pushed where the fault is in a name or in the image.
    """
    targets = [_target(reference) for reference in references]
    local = find(engine, image)
    for target in targets:
        refuse(target, local, permissions)
    first: dict[str, Pushed] = {}
    done = []
    for target in targets:
        if target.name not in first:
            pushed = push(engine, str(target), tell, image=image, permissions=permissions, waits=waits)
            first[target.name] = pushed
        else:
            known = first[target.name]
            with registry(engine, target, tell, waits=waits) as client:
                move(client, target, known.digest)
            layers = known.layers_sent + known.layers_existing
            pushed = replace(known, reference=str(target), uploaded=0, layers_sent=0, layers_existing=layers)
        done.append(pushed)
    return done


def move(client: Registry, target: Reference, digest: str) -> None:
    """Let a tag name what the registry holds under a digest, and look whether it does.

    Raises:
        errors.DigestDiffers: The registry has no such manifest, or the tag names another one afterwards.
    """
    manifest = client.manifest(target.repository, digest)
    if manifest is None:
        raise errors.DigestDiffers(reference=target, found="missing", wanted=digest)
    client.put_manifest(target.repository, target.tag, manifest)
    found = client.manifest(target.repository, target.tag)
    if found is None or found.digest != digest:
        raise errors.DigestDiffers(
            reference=target, found=found.digest if found else "missing", wanted=digest
        )


def verify(client: Registry, target: Reference, local: LocalImage, told: str) -> Manifest:
    """Ask the registry what a name stands for and compare it with the local image.

    Args:
        client: The registry.
        target: The name.
        local: The image.
        told: The manifest's digest, as the engine told it; empty when it did not.

    Raises:
        errors.DigestDiffers: It is something else, or nothing.
    """
    manifest = client.manifest(target.repository, target.tag)
    if manifest is None:
        raise errors.DigestDiffers(reference=target, found="missing", wanted=told or local.id)
    if told and manifest.digest != told:
        raise errors.DigestDiffers(reference=target, found=manifest.digest, wanted=told)
    # The id of a local image is its configuration's digest, or on a containerd store its manifest's.
    if local.id not in (manifest.config, manifest.digest):
        raise errors.DigestDiffers(
            reference=target, found=manifest.config or manifest.digest, wanted=local.id
        )
    return manifest


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


def explain(message: str, target: Reference, user: Credentials) -> errors.DrydockError:
    """Turn the engine's words into the error that says what to do."""
    fault = classify(message)
    if fault is Fault.LOGIN:
        return errors.LoginRefused(registry=target.registry, user=user.described, reason=message)
    if fault is Fault.DENIED:
        return errors.PushDenied(registry=target.registry, repository=target.repository, reason=message)
    if fault is Fault.UNREACHABLE:
        return errors.RegistryUnreachable(registry=target.registry, reason=message)
    return errors.PushFailed(reference=target, reason=message)


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


@contextmanager
def _named(engine: Engine, local: LocalImage, target: Reference) -> Iterator[None]:
    """Let the engine know the image under the name to push, and restore the name's old meaning afterwards."""
    try:
        before = find(engine, str(target)).id
    except errors.ImageMissing:
        before = ""
    if before == local.id:
        yield
        return
    with engine_answers(engine):
        engine.sdk.api.tag(local.id, target.name, target.tag)
    try:
        yield
    finally:
        if before:
            engine.sdk.api.tag(before, target.name, target.tag)
        elif local.names:
            # An image without another name would go with this one.
            engine.sdk.api.remove_image(str(target), noprune=True)


def _attempt(engine: Engine, target: Reference, user: Credentials, sent: set[str], tell: Tell) -> PushStream:
    """Let the engine push once.

    Args:
        engine: Where the image is.
        target: Its name there and on the registry.
        user: Who pushes.
        sent: Gets the layers that arrived, also when the attempt fails.
        tell: Takes each change of a layer.

    Raises:
        NetworkFault: Another attempt may help.
        StreamError: None will.
    """
    stream = PushStream()
    try:
        with engine_answers(engine), _answer(engine, target, user) as answer:
            for line in _lines(answer):
                for change in stream.feed(line):
                    tell(change)
    except StreamError as error:
        # What the engine itself has given up after its own attempts is not begun again.
        if classify(str(error)).passing and not stream.given_up:
            raise NetworkFault(str(error)) from error
        raise
    finally:
        sent.update(stream.sent)
    return stream


@contextmanager
def _answer(engine: Engine, target: Reference, user: Credentials) -> Iterator[requests.Response]:
    """Begin a push, and hang up on the way out: then the engine stops sending.

    The SDK's own push keeps its connection to itself, and open for as long as anything refers to it.
    """
    from docker import auth

    api = engine.sdk.api
    url = f"{api.base_url}/v{api.api_version}/images/{target.name}/push"
    headers = {"X-Registry-Auth": auth.encode_header(user.for_engine(target.registry))}
    with api.post(
        url, params={"tag": target.tag}, headers=headers, stream=True, timeout=api.timeout
    ) as response:
        yield response


def _lines(answer: requests.Response) -> Iterator[dict[str, Any]]:
    """Yield the lines of the engine's answer to a push.

    Raises:
        StreamError: The engine refused to begin.
    """
    if not answer.ok:
        raise StreamError(answer.text.strip() or answer.reason)
    for line in answer.iter_lines():
        if line.strip():
            yield json.loads(line)


def summary(
    target: Reference, local: LocalImage, manifest: Manifest, sizes: dict[str, int], sent: set[str]
) -> Pushed:
    """Tell how much of an image went over the network.

    Args:
        target: Its name.
        local: The image.
        manifest: What the registry has.
        sizes: Compressed bytes of each layer there.
        sent: The layers that the engine sent, as it names them.
    """
    # The engine names a layer by the digest of its uncompressed bytes, or on a containerd store of its blob.
    blobs = list(sizes)
    pairs = zip(local.layers, manifest.layers, strict=False)
    arrived = {blob for layer, (blob, _) in pairs if _short(layer) in sent}
    arrived |= {blob for blob in blobs if _short(blob) in sent}
    return Pushed(
        reference=str(target),
        digest=manifest.digest,
        image=local.id,
        uploaded=sum(sizes[blob] for blob in arrived),
        layers_sent=len(arrived),
        layers_existing=len(blobs) - len(arrived),
    )


def _short(digest: str) -> str:
    return digest.partition(":")[2][:12]
