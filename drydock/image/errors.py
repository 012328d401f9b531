"""Errors about images."""

from drydock.errors import DrydockError, Exit


class DamagedImage(DrydockError, exit_code=Exit.IMAGE):
    fact = "{where} contains no complete image: {problem}"
    next_step = "save or export it again"


class AmbiguousImage(DrydockError, exit_code=Exit.USAGE):
    fact = "{where} contains {count} images: {choices}"
    next_step = "name one of them, or write an archive that holds only one"
