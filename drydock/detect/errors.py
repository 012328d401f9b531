"""Errors about detection."""

from drydock.errors import DrydockError, Exit


class Undecided(DrydockError, exit_code=Exit.CONFIGURATION):
    fact = "{count} of the facts about {path} cannot be decided from its files"
    next_step = "decide them as the lines above say"
