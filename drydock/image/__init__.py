"""Read an image exactly: its layers, files, packages, configuration, and both sizes.

The result does not depend on how an engine stores images. `local` reads from an engine, `archive` from files
of `docker save` or an OCI tool. `model` defines the two sizes, `anatomy` answers questions about the content,
`pack` prepares an image for a registry.
"""

from drydock.image.anatomy import Anatomy
from drydock.image.archive import read as read_archive
from drydock.image.compare import Difference, diff
from drydock.image.file import File, Kind
from drydock.image.local import read
from drydock.image.model import Config, Image, Layer, content_digest
from drydock.image.pack import Packed, configuration_digest, packed

__all__ = [
    "Anatomy",
    "Config",
    "Difference",
    "File",
    "Image",
    "Kind",
    "Layer",
    "Packed",
    "configuration_digest",
    "content_digest",
    "diff",
    "packed",
    "read",
    "read_archive",
]
