"""A bill of materials for an image, in both formats, made from what is really in its layers.

Nothing is looked up elsewhere and no clock is read: the same image gives the same bytes.
"""

from __future__ import annotations

import posixpath
import tarfile
import tempfile
from collections.abc import Iterable

from drydock import image as images
from drydock.engine import LABEL, Engine
from drydock.image import Anatomy
from drydock.publish.sbom.cyclonedx import render as cyclonedx
from drydock.publish.sbom.materials import DOC, Bill, Material, bill, copyright_files
from drydock.publish.sbom.spdx import render as spdx

__all__ = ["Bill", "Material", "bill", "cyclonedx", "read", "spdx"]

# Bytes of the engine's archive of a folder that stay in memory; more goes to the disk.
SPOOLED = 8_000_000


def read(engine: Engine, reference: str) -> Bill:
    """List what an image on the engine is made of.

    Raises:
        errors.ImageMissing: There is no such image.
        errors.EngineGone: The engine does not answer.
    """
    anatomy = Anatomy(images.read(engine, reference))
    wanted = set(copyright_files(anatomy).values())
    return bill(anatomy, _texts(engine, anatomy.image.id, wanted) if wanted else {})


def _texts(engine: Engine, image: str, wanted: Iterable[str]) -> dict[str, str]:
    """Return the content of documentation files, taken from a container that is never started."""
    texts = {}
    with engine.answering():
        container = engine.sdk.containers.create(image, command=["-"], labels={LABEL: "sbom"})
        try:
            with tempfile.SpooledTemporaryFile(SPOOLED) as file:
                for chunk in container.get_archive(DOC)[0]:
                    file.write(chunk)
                file.seek(0)
                with tarfile.open(fileobj=file) as archive:
                    for member in archive:
                        path = posixpath.join(posixpath.dirname(DOC), member.name)
                        content = archive.extractfile(member) if member.isreg() and path in wanted else None
                        if content is not None:
                            texts[path] = content.read().decode("utf-8", "replace")
        finally:
            container.remove(force=True, v=True)
    return texts
