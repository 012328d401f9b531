"""Attach an image's documents on its registry and sign all of it; later, verify all of it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext

from drydock.engine import Engine
from drydock.progress import Say, silent
from drydock.publish import cosign
from drydock.publish.push import registry, without_tls
from drydock.publish.reference import Reference
from drydock.publish.referrers import Attachment, attach, attached


def seal(
    engine: Engine,
    target: Reference,
    documents: Mapping[str, bytes],
    *,
    key: str = "",
    say: Say = silent,
) -> list[Attachment]:
    """Attach documents to an image and sign them, and then the image itself.

    The image comes last: a signed image has all its documents. Whatever is done already is not done again, so
    that this may be repeated after a failure at any point.

    Args:
        engine: Says how far the registry is to be trusted.
        target: The image on its registry, with its digest.
        documents: Content by media type.
        key: File or KMS URI of the private key; cosign asks who its user is where there is none.
        say: Takes one line of progress at a time.

    Raises:
        errors.SigningFailed, errors.KeyUnusable, errors.CosignNotInstalled: Nothing more was signed.
        errors.DigestDiffers: The registry has no such image.
    """
    done = attach_all(engine, target, documents)
    sign_all(engine, target, [*(one.digest for one in done), target.digest], key=key, say=say)
    return done


def attach_all(engine: Engine, target: Reference, documents: Mapping[str, bytes]) -> list[Attachment]:
    """Attach documents to an image; those that are attached already stay as they are.

    Args:
        engine: Says how far the registry is to be trusted.
        target: The image on its registry, with its digest.
        documents: Content by media type.

    Raises:
        errors.DigestDiffers: The registry has no such image.
    """
    with registry(engine, target) as client:
        return [attach(client, target, target.digest, *document) for document in documents.items()]


def sign_all(
    engine: Engine,
    target: Reference,
    digests: Iterable[str],
    *,
    key: str = "",
    say: Say = silent,
    signed: Callable[[str], None] = lambda _: None,
) -> None:
    """Sign what digests name, but for what this key has signed: signing again would add a second signature.

    Args:
        engine: Says how far the registry is to be trusted.
        target: Any reference in the repository.
        digests: The image's and the documents', in the order in which they are to be signed.
        key: File or KMS URI of the private key; cosign asks who its user is where there is none.
        say: Takes one line of progress at a time.
        signed: Told of each digest that has its signature.

    Raises:
        errors.SigningFailed, errors.KeyUnusable: cosign refused; nothing more was signed.
    """
    program, insecure = cosign.program(say), without_tls(engine, target)
    with cosign.public_key(program, key) if key else nullcontext("") as public:
        for digest in digests:
            subject = target.with_digest(digest)
            if not (public and cosign.is_signed(program, subject, public, insecure=insecure)):
                say(f"signing {subject}")
                cosign.sign(program, subject, key=key, insecure=insecure, say=say)
            signed(digest)


def verify(
    engine: Engine,
    target: Reference,
    *,
    key: str = "",
    identity: cosign.Identity | None = None,
    say: Say = silent,
) -> list[Attachment]:
    """Verify the signatures of an image and of every document attached to it, and return the documents.

    Args:
        engine: Says how far the registry is to be trusted.
        target: The image on its registry, with its digest.
        key: File or KMS URI of the public key.
        identity: Who must have signed where there is no key.
        say: Takes one line of progress at a time.

    Raises:
        errors.NotVerified: The image, or a document, has no such signature.
        errors.RegistryFault, errors.DigestDiffers: A document is not what its digest says, or missing.
    """
    program, insecure = cosign.program(say), without_tls(engine, target)
    cosign.verify(program, target, key=key, identity=identity, insecure=insecure)
    with registry(engine, target) as client:
        found = attached(client, target, target.digest)
    for document in found:
        subject = target.with_digest(document.digest)
        cosign.verify(program, subject, key=key, identity=identity, insecure=insecure)
    return found
