"""An image's bill of materials, in CycloneDX 1.6 or SPDX 2.3, from its layers' actual content.

Nothing is looked up elsewhere and no clock is read: the same image gives the same bytes.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import drydock
from drydock import image as images
from drydock.engine import Engine
from drydock.image import Anatomy, components
from drydock.image.components import Component
from drydock.image.licences import REFERENCE
from drydock.image.packages import Source

CYCLONEDX = "https://cyclonedx.org/bom"
SPDX = "https://spdx.dev/Document"
# A CycloneDX document states how a package's hash is made, since the format leaves it open.
HASHED = "dev.drydock.sbom.hash-of"
# SPDX's word for an unknown fact, and its names of the document and the image.
UNKNOWN = "NOASSERTION"
DOCUMENT, ROOT = "SPDXRef-DOCUMENT", "SPDXRef-image"
UNSTATED = {
    **dict.fromkeys(("licenseConcluded", "copyrightText", "downloadLocation"), UNKNOWN),
    "filesAnalyzed": False,
}


@dataclass(frozen=True)
class Bill:
    name: str
    version: str
    image: str
    created: str
    materials: tuple[Component, ...]

    @property
    def roots(self) -> tuple[str, ...]:
        """The purls that no other component needs."""
        needed = {purl for material in self.materials for purl in material.depends}
        return tuple(material.purl for material in self.materials if material.purl not in needed)


def bill(anatomy: Anatomy) -> Bill:
    config = anatomy.image.config
    oci = "org.opencontainers.image."
    reference = anatomy.image.reference.partition("@")[0]
    return Bill(
        name=config.labels.get(oci + "title") or re.sub(r":[^/:]+$", "", reference),
        version=config.labels.get(oci + "version", ""),
        image=anatomy.image.id,
        created=_second(config.labels.get(oci + "created") or config.created),
        materials=components.find(anatomy).all,
    )


def _second(moment: str) -> str:
    """Drop the fraction of a second, which neither format accepts."""
    seconds = datetime.fromisoformat(moment) if moment else datetime.fromtimestamp(0, UTC)
    return f"{seconds.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def read(engine: Engine, reference: str) -> Bill:
    return bill(Anatomy(images.read(engine, reference)))


def cyclonedx(bill: Bill) -> bytes:
    root = {
        "type": "container",
        "bom-ref": bill.image,
        "name": bill.name,
        "hashes": [{"alg": "SHA-256", "content": bill.image.removeprefix("sha256:")}],
    }
    if bill.version:
        root["version"] = bill.version
    tool = {"type": "application", "name": "drydock", "version": drydock.version()}
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # The same image has the same serial number, as the specification asks for equal content.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'cyclonedx:{bill.image}')}",
        "version": 1,
        "metadata": {"timestamp": bill.created, "tools": {"components": [tool]}, "component": root},
        "components": [_cyclonedx_component(material) for material in bill.materials],
        "dependencies": [
            {"ref": bill.image, "dependsOn": list(bill.roots)},
            *({"ref": one.purl, "dependsOn": list(one.depends)} for one in bill.materials),
        ],
    }
    return text(document)


def text(document: Mapping[str, Any]) -> bytes:
    """Return a statement about an image as indented JSON."""
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def _cyclonedx_component(material: Component) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": {Source.FILE: "file", Source.INTERPRETER: "platform"}.get(material.type, "library"),
        "bom-ref": material.purl,
        "name": material.purl if material.is_file else material.name,
    }
    if not material.is_file:
        component |= {"version": material.version, "purl": material.purl}
    if material.cpe:
        component["cpe"] = material.cpe
    if material.description:
        component["description"] = material.description
    if material.sha256:
        component["hashes"] = [{"alg": "SHA-256", "content": material.sha256}]
        if not material.is_file:
            component["properties"] = [{"name": HASHED, "value": "sha256 and path of each file, by path"}]
    if material.licence:
        component["licenses"] = [{"expression": material.licence}]
    return component


def spdx(bill: Bill) -> bytes:
    ids = {material.purl: _spdx_id(material) for material in bill.materials}
    root = {
        "SPDXID": ROOT,
        "name": bill.name,
        "versionInfo": bill.version or bill.image,
        "primaryPackagePurpose": "CONTAINER",
        "checksums": [{"algorithm": "SHA256", "checksumValue": bill.image.removeprefix("sha256:")}],
        "licenseDeclared": UNKNOWN,
        **UNSTATED,
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
        # A name, not an address, unique to the image as the specification demands of a namespace.
        "documentNamespace": f"https://spdx.org/spdxdocs/drydock-{bill.image.removeprefix('sha256:')}",
        "creationInfo": {"created": bill.created, "creators": [f"Tool: drydock-{drydock.version()}"]},
        "packages": [root, *(_spdx_package(material, ids[material.purl]) for material in bill.materials)],
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
    return text(document)


def _spdx_package(material: Component, identity: str) -> dict[str, Any]:
    purposes = {Source.FILE: "FILE", Source.INTERPRETER: "FRAMEWORK"}
    package: dict[str, Any] = {
        "SPDXID": identity,
        "name": material.purl if material.is_file else material.name,
        "primaryPackagePurpose": purposes.get(material.type, "LIBRARY"),
        "licenseDeclared": material.licence or UNKNOWN,
        **UNSTATED,
    }
    if material.version:
        package["versionInfo"] = material.version
    if material.description:
        package["summary"] = material.description
    if material.sha256:
        package["checksums"] = [{"algorithm": "SHA256", "checksumValue": material.sha256}]
    named = [] if material.is_file else [("PACKAGE-MANAGER", "purl", material.purl)]
    named += [("SECURITY", "cpe23Type", material.cpe)] if material.cpe else []
    keys = ("referenceCategory", "referenceType", "referenceLocator")
    if named:
        package["externalRefs"] = [dict(zip(keys, one, strict=True)) for one in named]
    return package


def _spdx_id(material: Component) -> str:
    # Letters, digits, dots and hyphens only; the digest distinguishes names that become equal.
    digest = hashlib.sha256(material.purl.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    name = re.sub(r"[^A-Za-z0-9.]+", "-", material.name).strip("-")
    return f"SPDXRef-{name}-{digest}"
