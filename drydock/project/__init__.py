"""The project to build: its configuration, its lock, its repository and its ignore rules."""

from drydock.project.configuration import (
    FILE,
    amended,
    check_folder,
    configured,
    image_name,
    metadata,
    options,
    read,
    table,
    words,
)
from drydock.project.model import (
    LOCK_FILES,
    MB,
    TARGETS,
    UNDECLARED,
    Budget,
    Development,
    Growth,
    Project,
    Request,
)
from drydock.project.network import ca_bundle

__all__ = [
    "FILE",
    "LOCK_FILES",
    "MB",
    "TARGETS",
    "UNDECLARED",
    "Budget",
    "Development",
    "Growth",
    "Project",
    "Request",
    "amended",
    "ca_bundle",
    "check_folder",
    "configured",
    "image_name",
    "metadata",
    "options",
    "read",
    "table",
    "words",
]
