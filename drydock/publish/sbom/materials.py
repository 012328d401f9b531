"""A bill of materials: an image's identity and its components."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from drydock.image import Anatomy, components
from drydock.image.components import Component


@dataclass(frozen=True)
class Bill:
    """All that an image is made of."""

    name: str
    version: str
    image: str
    created: str
    materials: tuple[Component, ...]

    @property
    def roots(self) -> tuple[str, ...]:
        """The purls of what nothing else in the image needs."""
        needed = {purl for material in self.materials for purl in material.depends}
        return tuple(material.purl for material in self.materials if material.purl not in needed)


def bill(anatomy: Anatomy) -> Bill:
    """List what an image is made of."""
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
    """Cut the fraction of a second off, which neither format takes."""
    seconds = datetime.fromisoformat(moment) if moment else datetime.fromtimestamp(0, UTC)
    return f"{seconds.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
