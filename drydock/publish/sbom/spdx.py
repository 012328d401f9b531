"""SPDX 2.3 in JSON; see the specification's clauses 6 to 11."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import drydock
from drydock.publish.sbom.licences import Licences
from drydock.publish.sbom.materials import Bill, Material

MEDIA_TYPE = "application/spdx+json"
UNKNOWN = "NOASSERTION"
DOCUMENT, ROOT = "SPDXRef-DOCUMENT", "SPDXRef-image"


def render(bill: Bill) -> bytes:
    """Write a bill of materials as SPDX."""
    ids = {material.purl: _id(material) for material in bill.materials}
    root = {
        "SPDXID": ROOT,
        "name": bill.name,
        "versionInfo": bill.version or bill.image,
        "primaryPackagePurpose": "CONTAINER",
        "checksums": [{"algorithm": "SHA256", "checksumValue": bill.image.removeprefix("sha256:")}],
        "licenseDeclared": UNKNOWN,
        "licenseConcluded": UNKNOWN,
        "copyrightText": UNKNOWN,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": False,
    }
    edges = [
        (DOCUMENT, "DESCRIBES", ROOT),
        *((ROOT, "CONTAINS", ids[material.purl]) for material in bill.materials),
        *((ids[one.purl], "DEPENDS_ON", ids[purl]) for one in bill.materials for purl in one.depends),
    ]
    document: dict[str, Any] = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": bill.name,
        # A name and no address: unique to the image, as the specification demands of a namespace.
        "documentNamespace": f"https://spdx.org/spdxdocs/drydock-{bill.image.removeprefix('sha256:')}",
        "creationInfo": {"created": bill.created, "creators": [f"Tool: drydock-{drydock.version()}"]},
        "packages": [root, *(_package(material, ids[material.purl]) for material in bill.materials)],
        "relationships": [
            {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
            for one, kind, other in edges
        ],
    }
    if names := sorted({name for material in bill.materials for name in material.licences.names}):
        document["hasExtractedLicensingInfos"] = [
            {"licenseId": _licence_id(name), "name": name, "extractedText": name} for name in names
        ]
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def _package(material: Material, identity: str) -> dict[str, Any]:
    package: dict[str, Any] = {
        "SPDXID": identity,
        "name": material.purl if material.is_file else material.name,
        "primaryPackagePurpose": "FILE" if material.is_file else "LIBRARY",
        "licenseDeclared": _declared(material.licences),
        "licenseConcluded": UNKNOWN,
        "copyrightText": UNKNOWN,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": False,
    }
    if material.version:
        package["versionInfo"] = material.version
    if material.description:
        package["summary"] = material.description
    if material.sha256:
        package["checksums"] = [{"algorithm": "SHA256", "checksumValue": material.sha256}]
    if not material.is_file:
        package["externalRefs"] = [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": material.purl,
            }
        ]
    return package


def _declared(licences: Licences) -> str:
    if licences.expression:
        return licences.expression
    return " AND ".join(_licence_id(name) for name in licences.names) or UNKNOWN


def _id(material: Material) -> str:
    # Letters, digits, dots and hyphens only; the digest keeps apart what the others make equal.
    digest = hashlib.sha256(material.purl.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return f"SPDXRef-{_plain(material.name)}-{digest}"


def _licence_id(name: str) -> str:
    return f"LicenseRef-{_plain(name)}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")
