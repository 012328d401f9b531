"""The project to build: its configuration, its lock, its repository and its ignore rules."""

from drydock.project.configuration import configured as configured
from drydock.project.configuration import metadata as metadata
from drydock.project.configuration import setup_version as setup_version
from drydock.project.configuration import table as table
from drydock.project.model import LOCK_FILES as LOCK_FILES
from drydock.project.model import MB as MB
from drydock.project.model import TARGETS as TARGETS
from drydock.project.model import UNDECLARED as UNDECLARED
from drydock.project.model import Budget as Budget
from drydock.project.model import Development as Development
from drydock.project.model import Growth as Growth
from drydock.project.model import Project as Project
from drydock.project.model import Request as Request
from drydock.project.network import ca_bundle as ca_bundle
