"""Attach an image's documents on its registry and sign all of it; later, verify all of it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from drydock.engine import Engine
from drydock.publish import cosign
from drydock.publish.push import registry, without_tls
from drydock.publish.reference import Reference
from drydock.publish.referrers import Attachment, attach, attached
from drydock.say import Say, silent


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
        errors.SigningFailed, errors.CosignNotInstalled: Nothing more was signed.
        errors.DigestDiffers: The registry has no such image.
    """
    program, insecure = cosign.program(say), without_tls(engine, target)
    with registry(engine, target) as client:
        done = [
            attach(client, target, target.digest, media_type, content)
            for media_type, content in documents.items()
        ]
    for digest in (*(one.digest for one in done), target.digest):
        subject = replace(target, digest=digest)
        if key and cosign.is_signed(program, subject, key, insecure=insecure):
            continue
        say(f"signing {subject}")
        cosign.sign(program, subject, key=key, insecure=insecure)
    return done


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
        subject = replace(target, digest=document.digest)
        cosign.verify(program, subject, key=key, identity=identity, insecure=insecure)
    return found
