"""State the vulnerabilities that `audit` accepted, in OpenVEX 0.2.0 (https://github.com/openvex/spec).

A reason alone says that a vulnerability is accepted for a time: ``affected``, with the reason as its action.
A reason with a justification says that it does no harm here: ``not_affected``.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from packaging.utils import canonicalize_name

import drydock
from drydock.publish.reference import Reference
from drydock.publish.sbom import text

OPENVEX = "https://openvex.dev/ns"
CONTEXT = f"{OPENVEX}/v0.2.0"


def document(
    accepted: Sequence[Mapping[str, Any]], target: Reference, bill: bytes, author: str, when: float
) -> bytes:
    """Return a document about an image; empty if nothing was accepted.

    Args:
        accepted: Findings of vulnerabilities, as `audit` measures them.
        bill: The image's bill of materials in CycloneDX, for the components' purls.
        when: Seconds since the epoch at which they were found.
    """
    purls: dict[str, list[str]] = {}
    for one in json.loads(bill)["components"]:
        if "purl" in one:
            purls.setdefault(canonicalize_name(one["name"]), []).append(one["purl"])
    statements = []
    for finding in accepted:
        found = purls.get(canonicalize_name(finding["subject"]), [])
        statement = _statement(finding, _product(target, found))
        # Several scanners find the same vulnerability.
        if statement not in statements:
            statements.append(statement)
    if not statements:
        return b""
    content = json.dumps([str(target), when, statements], sort_keys=True)
    whole = {
        "@context": CONTEXT,
        "@id": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'openvex:{content}')}",
        "author": author,
        "timestamp": f"{datetime.fromtimestamp(when, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "version": 1,
        "tooling": f"drydock {drydock.version()}",
        "statements": statements,
    }
    return text(whole)


def _statement(finding: Mapping[str, Any], product: Mapping[str, Any]) -> dict[str, Any]:
    names = sorted({finding["check"], *finding["aliases"]})
    name = next((one for one in names if one.startswith("CVE-")), finding["check"])
    aliases = [one for one in names if one != name]
    until = f"accepted until {finding['until']}"
    if finding["justification"]:
        decided = {
            "status": "not_affected",
            "status_notes": until,
            "justification": finding["justification"],
            "impact_statement": finding["reason"],
        }
    else:
        decided = {"status": "affected", "action_statement": f"{until}: {finding['reason']}"}
    return {"vulnerability": {"name": name, "aliases": aliases}, "products": [product], **decided}


def _product(target: Reference, purls: Sequence[str]) -> dict[str, Any]:
    algorithm, _, digest = target.digest.partition(":")
    name = target.repository.rpartition("/")[2]
    version = quote(f"{algorithm}:{digest}", safe="")
    purl = f"pkg:oci/{name}@{version}?repository_url={quote(target.name, safe='/')}"
    product = {"@id": purl, "identifiers": {"purl": purl}, "hashes": {"sha-256": digest}}
    return product | {"subcomponents": [{"@id": one} for one in sorted(purls)]} if purls else product
