"""Every message that a user can be shown, with its exit code.

An error is one line, ``error: <fact>; <what to do next>``, after whatever evidence it carries (a build step's
last lines, a container's log). Exit codes are unique, so that a script can tell errors apart:

====== ==========================================
 10-19  the Docker Engine and its tools
 20-29  base images
 30-39  the project and its configuration
 40-49  builds
 50-59  images, tags and labels
 60-69  registries
 70-79  gates
====== ==========================================
"""

from __future__ import annotations

from typing import ClassVar


class DrydockError(Exception):
    """A user's mistake or a fault of the surroundings: shown without a traceback.

    Args:
        evidence: Lines to show before the message, such as the end of a log.
        values: What the class's ``fact`` and ``next_step`` templates name.
    """

    exit_code: ClassVar[int] = 1
    fact: ClassVar[str] = "{message}"
    next_step: ClassVar[str] = ""

    def __init__(self, *, evidence: str = "", **values: object) -> None:
        self.evidence = evidence.rstrip()
        self.values = values
        message = self.fact.format(**values)
        if next_step := self.next_step.format(**values):
            message = f"{message}; {next_step}"
        super().__init__(message)

    def __str__(self) -> str:
        return f"error: {self.args[0]}"


# --- the Docker Engine and its tools ------------------------------------------------------------------------


class NoEngine(DrydockError):
    exit_code = 10
    fact = "no Docker Engine answers ({tried})"
    next_step = "{how}"


class EngineGone(DrydockError):
    exit_code = 11
    fact = "the Docker Engine at {host} stopped answering"
    next_step = "look at its log, start it again (`./run true` does) and repeat the command"


class NoBuildx(DrydockError):
    exit_code = 12
    fact = "the docker CLI has no buildx plugin"
    next_step = "install it (Debian 13: docker-buildx, Docker's own packages: docker-buildx-plugin)"


class NoSpace(DrydockError):
    exit_code = 13
    fact = "no space left on the device during {during}"
    next_step = "free some with `invoke clean` and `docker buildx prune`, then repeat the command"


class EngineInstallFailed(DrydockError):
    exit_code = 14
    fact = "installing a Docker Engine failed: {reason}"
    next_step = "install one by hand or set DOCKER_HOST to one that runs"


class EngineStartFailed(DrydockError):
    exit_code = 15
    fact = "the Docker Engine did not start: {reason}"
    next_step = "read {log}"


class CommandMissing(DrydockError):
    exit_code = 16
    fact = "the program {program} is not installed"
    next_step = "{how}"


# --- the project and its configuration ----------------------------------------------------------------------


class NoProject(DrydockError):
    exit_code = 30
    fact = "{path} has no pyproject.toml"
    next_step = "name the project's folder with --project"


class BadConfiguration(DrydockError):
    exit_code = 31
    fact = "{where}: {problem}"
    next_step = "{how}"


class LockMissing(DrydockError):
    exit_code = 32
    fact = "{source} has no lock file (looked for {looked_for})"
    next_step = "make one with `{command}`"


class LockStale(DrydockError):
    exit_code = 33
    fact = "{lock} does not match {manifest}: {mismatch}"
    next_step = "make it anew with `{command}`"


# --- builds -------------------------------------------------------------------------------------------------


class BuildFailed(DrydockError):
    exit_code = 40
    fact = "build step {step!r} failed: {reason}"
    next_step = "mend what the lines above show and build again"


class BadDockerfile(DrydockError):
    exit_code = 41
    fact = "{dockerfile}: {problem}"
    next_step = "mend that line and build again"


class UnknownTarget(DrydockError):
    exit_code = 42
    fact = "the Dockerfile has no target {target!r}"
    next_step = "choose one of {known}"


class Interrupted(DrydockError):
    exit_code = 130
    fact = "interrupted during {during}"
    next_step = "nothing was left behind; repeat the command when you like"


# --- images, tags and labels --------------------------------------------------------------------------------


class ImageMissing(DrydockError):
    exit_code = 50
    fact = "image {reference} is not on this engine"
    next_step = "build it with `invoke build`"


# --- gates --------------------------------------------------------------------------------------------------


class GateFailed(DrydockError):
    exit_code = 70
    fact = "{gate}: {summary}"
    next_step = "{how}"


class ContainerExited(DrydockError):
    exit_code = 71
    fact = "the container of {image} exited with {code} {when}"
    next_step = "the lines above are the end of its log"


class NotReady(DrydockError):
    exit_code = 72
    fact = "the container of {image} did not answer 200 at {path} within {seconds:g} s (last: {last})"
    next_step = "the lines above are the end of its log"


class PortTaken(DrydockError):
    exit_code = 73
    fact = "port {port} of this machine is taken"
    next_step = "choose another with --port, or leave it out for a free one"
