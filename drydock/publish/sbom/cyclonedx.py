"""CycloneDX 1.6 in JSON; see the project's own specification and schema."""

from __future__ import annotations

import json
import uuid
from typing import Any

from drydock.image.components import Component, Type
from drydock.publish.sbom.materials import Bill, drydock_version

PREDICATE_TYPE = "https://cyclonedx.org/bom"
# The document itself says how a package's hash is made, since CycloneDX leaves it open.
HASHED = "dev.drydock.sbom.hash-of"


def render(bill: Bill) -> bytes:
    """Write a bill of materials as CycloneDX."""
    root = {
        "type": "container",
        "bom-ref": bill.image,
        "name": bill.name,
        "hashes": [{"alg": "SHA-256", "content": bill.image.removeprefix("sha256:")}],
    }
    if bill.version:
        root["version"] = bill.version
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # The same image has the same serial number, as the specification wishes for the same content.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'cyclonedx:{bill.image}')}",
        "version": 1,
        "metadata": {
            "timestamp": bill.created,
            "tools": {
                "components": [{"type": "application", "name": "drydock", "version": drydock_version()}]
            },
            "component": root,
        },
        "components": [_component(material) for material in bill.materials],
        "dependencies": [
            {"ref": bill.image, "dependsOn": list(bill.roots)},
            *({"ref": one.purl, "dependsOn": list(one.depends)} for one in bill.materials),
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def _component(material: Component) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": {Type.FILE: "file", Type.INTERPRETER: "platform"}.get(material.type, "library"),
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
