"""Errors about the machine's state."""

from drydock.errors import DrydockError, Exit


class MachineWarns(DrydockError, exit_code=Exit.COULD_NOT_CHECK):
    fact = "tasks may fail on this machine (warnings above: {count})"
    next_step = "follow the advice after each arrow"


class MachineFails(DrydockError, exit_code=Exit.REFUSED):
    fact = "builds fail on this machine (failures above: {count})"
    next_step = "follow the advice after each arrow, from the top"
