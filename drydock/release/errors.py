"""Errors about releases."""

from drydock.errors import DrydockError, Exit


class NotReleasable(DrydockError, exit_code=Exit.RELEASE):
    fact = "version {version} cannot be released: {reason}"
    next_step = "{how}"


class VersionTaken(DrydockError, exit_code=Exit.RELEASE):
    fact = "{reference} is released already: it is {found}, and this image is {wanted}"
    next_step = "give the project a higher version, commit and release that"


class ReleaseRunning(DrydockError, exit_code=Exit.RELEASE):
    fact = "another process is running `drydock {command}`"
    next_step = "wait until it ends, then repeat the command"


class StaleImage(DrydockError, exit_code=Exit.IMAGE):
    fact = "{reference} was built from {found}, and the project is at {wanted}"
    next_step = "build it again with `drydock build`; if its content stays the same, no gate runs again"


class NoRegistry(DrydockError, exit_code=Exit.USAGE):
    fact = "no registry is named"
    next_step = "give one with --registry, or set registry in the configuration"


class ReceiptsMissing(DrydockError, exit_code=Exit.REFUSED):
    fact = "{reference} lacks a receipt of {reasons}"
    next_step = "run `drydock gate {sessions}`"


class NotOnRegistry(DrydockError, exit_code=Exit.REGISTRY):
    fact = "{reference} is not on its registry"
    next_step = "push it with `drydock push`"
