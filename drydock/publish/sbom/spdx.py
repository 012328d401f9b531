"""SPDX 2.3 in JSON; see the specification's clauses 6 to 11."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from drydock.image.components import Component, Type
from drydock.image.licences import REFERENCE
from drydock.publish.sbom.materials import Bill, drydock_version

PREDICATE_TYPE = "https://spdx.dev/Document"
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
        "creationInfo": {"created": bill.created, "creators": [f"Tool: drydock-{drydock_version()}"]},
        "packages": [root, *(_package(material, ids[material.purl]) for material in bill.materials)],
        "relationships": [
            {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
            for one, kind, other in edges
        ],
    }
    if own := sorted({name for material in bill.materials for name in REFERENCE.findall(material.licence)}):
        document["hasExtractedLicensingInfos"] = [
            {"licenseId": name, "name": words, "extractedText": words}
            for name in own
            for words in [name.removeprefix("LicenseRef-").replace("-", " ")]
        ]
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def _package(material: Component, identity: str) -> dict[str, Any]:
    package: dict[str, Any] = {
        "SPDXID": identity,
        "name": material.purl if material.is_file else material.name,
        "primaryPackagePurpose": {Type.FILE: "FILE", Type.INTERPRETER: "FRAMEWORK"}.get(
            material.type, "LIBRARY"
        ),
        "licenseDeclared": material.licence or UNKNOWN,
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
    if material.cpe:
        package["externalRefs"].append(
            {"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": material.cpe}
        )
    return package


def _id(material: Component) -> str:
    # Letters, digits, dots and hyphens only; the digest keeps apart what the others make equal.
    digest = hashlib.sha256(material.purl.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    name = re.sub(r"[^A-Za-z0-9.]+", "-", material.name).strip("-")
    return f"SPDXRef-{name}-{digest}"
