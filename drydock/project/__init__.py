"""The project to build: its configuration, its lock, its repository and its ignore rules."""

from drydock.project.configuration import (
    configured,
    metadata,
    setup_version,
    table,
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
    "LOCK_FILES",
    "MB",
    "TARGETS",
    "UNDECLARED",
    "Budget",
    "Development",
    "Growth",
    "Project",
    "Request",
    "ca_bundle",
    "configured",
    "metadata",
    "setup_version",
    "table",
]
