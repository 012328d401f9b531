"""Errors about gates."""

from drydock.errors import DrydockError, Exit


class GateFailed(DrydockError, exit_code=Exit.REFUSED):
    fact = "{gate}: {summary}"
    next_step = "{how}"


class UnknownGate(DrydockError, exit_code=Exit.USAGE):
    fact = "there is no gate {gate!r}"
    next_step = "choose one of {known}"


class CouldNotCheck(DrydockError, exit_code=Exit.COULD_NOT_CHECK):
    fact = "{gate} could not check: {summary}"
    next_step = "{how}"
