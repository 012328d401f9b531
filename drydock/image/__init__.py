"""Read an image exactly: its layers, files, packages, configuration, and both sizes.

The result does not depend on how an engine stores images. `local` reads from an engine, `archive` from files
of `docker save` or an OCI tool. `model` defines the two sizes, `anatomy` answers questions about the content,
`pack` prepares an image for a registry.
"""

from drydock.image.anatomy import Anatomy as Anatomy
from drydock.image.archive import read_archive as read_archive
from drydock.image.compare import Difference as Difference
from drydock.image.compare import diff as diff
from drydock.image.file import File as File
from drydock.image.file import Kind as Kind
from drydock.image.local import read as read
from drydock.image.model import Config as Config
from drydock.image.model import Image as Image
from drydock.image.model import Layer as Layer
from drydock.image.model import content_digest as content_digest
from drydock.image.pack import Packed as Packed
from drydock.image.pack import configuration_digest as configuration_digest
from drydock.image.pack import packed as packed
