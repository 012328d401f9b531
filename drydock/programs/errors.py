"""Errors about locked programs."""

from drydock.errors import DrydockError, Exit


class UnknownTool(DrydockError, exit_code=Exit.USAGE):
    fact = "there is no lock file for the tool {tool!r}"
    next_step = "use one of {known}, or make one with `python -m drydock.programs PROGRAM REQUIREMENT`"


class ToolNotInstalled(DrydockError, exit_code=Exit.MACHINE):
    fact = "{tool} could not be installed: {reason}"
    next_step = "check that the Python package index can be reached, then repeat the command"
