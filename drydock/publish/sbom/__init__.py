"""A bill of materials for an image, in both formats, made from what is really in its layers.

Nothing is looked up elsewhere and no clock is read: the same image gives the same bytes.
"""

from __future__ import annotations

from drydock import image as images
from drydock.engine import Engine
from drydock.image import Anatomy
from drydock.publish.sbom.cyclonedx import render as cyclonedx
from drydock.publish.sbom.materials import Bill, bill
from drydock.publish.sbom.spdx import render as spdx

__all__ = ["Bill", "bill", "cyclonedx", "read", "spdx"]


def read(engine: Engine, reference: str) -> Bill:
    """List what an image on the engine is made of."""
    return bill(Anatomy(images.read(engine, reference)))
