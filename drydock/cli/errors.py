"""Errors about the command line."""

from drydock.errors import DrydockError, Exit


class UnknownTask(DrydockError, exit_code=Exit.USAGE):
    fact = "there is no task `{task}`"
    next_step = "{how}"


class UnknownOption(DrydockError, exit_code=Exit.USAGE):
    fact = "`{task}` has no option `{option}`"
    next_step = "{how}"
