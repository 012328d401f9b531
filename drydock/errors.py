"""The base of every error message, and the exit codes.

An error is one line, ``error: <fact>; <next step>``, after its evidence (a build step's last lines, a
container's log). The classes are in the `errors` module of the package that raises them.
"""

from enum import IntEnum
from typing import ClassVar

from drydock.spelling import spelled


class Exit(IntEnum):
    """A process's exit codes, by a caller's next step."""

    USAGE = 2  # fix the command line
    CONFIGURATION = 3  # fix the project's files or its configuration
    ENGINE = 4  # start, install or update the Docker Engine
    BASE = 5  # provide a base image
    BUILD = 6  # fix the Dockerfile or the failing step
    IMAGE = 7  # build the image again
    CONTAINER = 8  # fix the application: its container did not start or answer
    REFUSED = 9  # fix the finding of a gate or a rule
    COULD_NOT_CHECK = 10  # provide the check's missing part; nothing was proven
    REGISTRY = 11  # try again, or repair the registry
    CREDENTIALS = 12  # log in, or provide the right key
    SIGNATURE = 13  # sign again; do not deploy
    CLUSTER = 14  # repair the cluster or the manifests
    RELEASE = 15  # choose another version, or finish the release that runs
    MACHINE = 16  # free space, or install a program
    INTERRUPTED = 130  # run the command again


class DrydockError(Exception):
    """A user's mistake or a fault of the surroundings: shown without a traceback.

    Args:
        evidence: Lines to show before the message, such as the end of a log.
        values: The values of the ``fact`` and ``next_step`` templates. A command of drydock is written as
            `drydock build`, in backticks, and shown as the person types it.
    """

    exit_code: ClassVar[Exit]  # given in the head of each class
    fact: ClassVar[str] = "{message}"
    next_step: ClassVar[str] = ""
    silent: ClassVar[str] = ""  # the next step without evidence, where `next_step` points at it

    def __init_subclass__(cls, *, exit_code: Exit) -> None:
        cls.exit_code = exit_code

    def __init__(self, *, evidence: str = "", **values: object) -> None:
        self.evidence = evidence.rstrip()
        self.values = values
        message = self.fact.format(**values)
        step = self.next_step if self.evidence or not self.silent else self.silent
        if next_step := step.format(**values):
            message = f"{message}; {next_step}"
        super().__init__(spelled(message))

    def __str__(self) -> str:
        return f"error: {self.args[0]}"


class Interrupted(DrydockError, exit_code=Exit.INTERRUPTED):
    fact = "interrupted during {during}"
    next_step = "nothing was left behind; repeat the command at any time"


class CommandMissing(DrydockError, exit_code=Exit.MACHINE):
    fact = "the program {program} is not installed"
    next_step = "{how}"


class NoSpace(DrydockError, exit_code=Exit.MACHINE):
    fact = "no space left on the device during {during}"
    next_step = "free some with `drydock clean` and `docker buildx prune`, then repeat the command"


class NotWritten(DrydockError, exit_code=Exit.MACHINE):
    fact = "{path} cannot be written: {reason}"
    next_step = "name another place"


class BadConfiguration(DrydockError, exit_code=Exit.CONFIGURATION):
    fact = "{where}: {problem}"
    next_step = "{how}"


class BadCommandLine(DrydockError, exit_code=Exit.USAGE):
    fact = "{problem}"
    next_step = "{how}"
