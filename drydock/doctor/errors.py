"""Errors about the machine's state."""

from drydock.errors import DrydockError, Exit


class MachineWarns(DrydockError):
    exit_code = Exit.COULD_NOT_CHECK
    fact = "{count} of the findings above may break a task"
    next_step = "follow the advice after each arrow"


class MachineFails(DrydockError):
    exit_code = Exit.REFUSED
    fact = "{count} of the findings above break builds"
    next_step = "follow the advice after each arrow, from the top"
