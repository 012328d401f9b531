"""Attach signed statements to an image on its registry, read and verify them.

A statement is a DSSE envelope in a Sigstore bundle, stored as an OCI referrer: the form that cosign and
Kubernetes' admission controllers read. See the OCI distribution specification 1.1, "Listing Referrers" and
"Referrers Tag Schema": a registry without the API has an index under the tag ``sha256-<hex>`` instead.
"""

import base64
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from drydock.engine import Engine
from drydock.progress import Say, once, silent
from drydock.publish import cosign
from drydock.publish.cosign import SIGNATURE, Cosign
from drydock.publish.errors import NotVerified, SigningFailed
from drydock.publish.push import registry, without_tls
from drydock.publish.reference import Reference
from drydock.publish.registry import Registry

BUNDLE = "application/vnd.dev.sigstore.bundle"
SIGNED = {SIGNATURE: b"{}"}


@dataclass(frozen=True)
class Attestation:
    digest: str  # of its manifest on the registry
    kind: str  # the URI of its type; `SIGNATURE` for a signature of the image itself
    predicate: Any
    bundle: bytes


def attestations(client: Registry, target: Reference) -> list[Attestation]:
    """Return an image's statements, each checked against its digests."""
    index = client.referrers(target.repository, target.digest)
    if index is None:
        listed = client.manifest(target.repository, target.digest.replace(":", "-"))
        index = listed.document if listed else {}
    found = []
    for entry in index.get("manifests", []):
        manifest = client.manifest(target.repository, entry["digest"])
        layers = manifest.document.get("layers", []) if manifest else []
        # Skip other tools' attachments.
        if manifest is None or len(layers) != 1 or not layers[0].get("mediaType", "").startswith(BUNDLE):
            continue
        if manifest.document.get("subject", {}).get("digest") != target.digest:
            continue
        content = client.blob(target.repository, layers[0]["digest"])
        found.append(Attestation(manifest.digest, *_statement(content), content))
    return found


def _statement(bundle: bytes) -> tuple[str, Any]:
    """Return the type and the predicate of a bundle's statement; empty if it cannot be parsed."""
    try:
        payload = json.loads(base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"]))
        return str(payload["predicateType"]), payload["predicate"]
    except (ValueError, LookupError, TypeError):
        return "", None


def attach(
    engine: Engine,
    target: Reference,
    documents: Mapping[str, bytes],
    *,
    key: str = "",
    ours: Collection[str] = (),
    say: Say = silent,
    attached: Callable[[str], None] = lambda _: None,
) -> list[Attestation]:
    """Sign documents about an image and attach them, except those already there with our signature.

    Args:
        documents: JSON by the URI of its type; `SIGNED` signs the image itself.
        ours: Digests of statements known to be ours: without a key, only a journal can tell.
        attached: Called with each statement's digest.
    """
    done = []
    # Without a key, cosign repeats its notice about the public log for each statement.
    tell = once(say)
    with _signing(engine, target, key, say) as (signer, reader), registry(engine, target) as client:
        manifest = client.known(target).content
        there = attestations(client, target)

        def is_ours(one: Attestation) -> bool:
            return one.digest in ours or (reader is not None and holds(reader, target, manifest, one))

        for kind, content in documents.items():
            predicate = json.loads(content)
            same = (one for one in there if one.kind == kind and one.predicate == predicate)
            if (found := next(filter(is_ours, same), None)) is None:
                say(f"signing {target}, {kind}")
                signer.sign(target, kind, content, tell)
                known = {one.digest for one in there}
                there = attestations(client, target)
                new = (one for one in there if one.kind == kind and one.digest not in known)
                if (found := next(new, None)) is None:
                    raise SigningFailed(reference=target, reason=f"the registry does not list its {kind}")
            attached(found.digest)
            done.append(found)
    return done


@contextmanager
def _signing(engine: Engine, target: Reference, key: str, say: Say) -> Iterator[tuple[Cosign, Cosign | None]]:
    """Yield the cosign that signs and, with a key, the one that recognizes its signatures."""
    signer = Cosign(cosign.program(say), key, insecure=without_tls(engine, target))
    if not key:
        yield signer, None
        return
    with cosign.public_key(signer.program, key) as public:
        yield signer, replace(signer, key=public)


def holds(reader: Cosign, target: Reference, manifest: bytes, statement: Attestation) -> bool:
    """Tell whether the expected signer signed a statement."""
    try:
        reader.verify(target, manifest, statement.kind, statement.bundle)
    except NotVerified:
        return False
    return True


def verify(
    engine: Engine,
    target: Reference,
    *,
    key: str = "",
    identity: cosign.Identity | None = None,
    say: Say = silent,
) -> list[Attestation]:
    """Verify that an image is signed, and every attached document; return the documents."""
    cosign.require(key)
    reader = Cosign(cosign.program(say), key, identity, without_tls(engine, target))
    with registry(engine, target) as client:
        manifest, found = client.known(target).content, attestations(client, target)
    signatures = [one for one in found if one.kind == SIGNATURE]
    # Others may sign the same image: one signature of the expected signer is enough.
    if not any(holds(reader, target, manifest, one) for one in signatures):
        reader.verify_own_form(target)
    documents = [one for one in found if one.kind != SIGNATURE]
    for one in documents:
        reader.verify(target.with_digest(one.digest), manifest, one.kind, one.bundle)
    return documents
