"""Errors about base images."""

from drydock.errors import DrydockError, Exit


class NoBase(DrydockError):
    exit_code = Exit.BASE
    fact = "base image {reference} is not on the engine, and cannot be pulled ({pull}) or made here ({make})"
    next_step = "pull it where a registry can be reached, or name another one with PYTHON_IMAGE"


class BaseNotMade(DrydockError):
    exit_code = Exit.BASE
    fact = "making {reference} from Debian packages failed: {reason}"
    next_step = "correct that and try again, or name another base with PYTHON_IMAGE"
