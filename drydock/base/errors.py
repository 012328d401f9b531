"""Errors about base images."""

from drydock.errors import DrydockError, Exit


class NoBase(DrydockError, exit_code=Exit.BASE):
    fact = "base image {reference} is not on the engine, and cannot be pulled ({pull}) or made here ({make})"
    next_step = "pull it where a registry can be reached, or name another one with PYTHON_IMAGE"


class OtherRelease(DrydockError, exit_code=Exit.BASE):
    fact = "the lock is for Python {wanted} alone, and base image {reference} has {release}"
    next_step = "set PYTHON_IMAGE=python:{wanted}-slim, or widen requires-python and lock again"


class BaseNotMade(DrydockError, exit_code=Exit.BASE):
    fact = "making {reference} from Debian packages failed: {reason}"
    next_step = "correct that and try again, or name another base with PYTHON_IMAGE"


class PythonNotFetched(Exception):
    """Why a Python of uv's is not here: `base` turns it into a NoBase."""
