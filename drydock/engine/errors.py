"""Errors about the engine and its containers."""

from drydock.errors import DrydockError, Exit


class NoEngine(DrydockError, exit_code=Exit.ENGINE):
    fact = "no Docker Engine answers ({tried})"
    next_step = "{how}"


class EngineGone(DrydockError, exit_code=Exit.ENGINE):
    fact = "the Docker Engine at {host} stopped answering"
    next_step = "read its log, start it again with `drydock engine.start` and repeat the command"


class EngineInstallFailed(DrydockError, exit_code=Exit.ENGINE):
    fact = "installing a Docker Engine failed: {reason}"
    next_step = "install one by hand or set DOCKER_HOST to one that runs"


class EngineStartFailed(DrydockError, exit_code=Exit.ENGINE):
    fact = "the Docker Engine did not start: {reason}"
    next_step = "read {log}"


class ContainerExited(DrydockError, exit_code=Exit.CONTAINER):
    fact = "the container of {image} exited with {code} {when}"
    next_step = "the lines above are the end of its log"
    silent = "its log is empty; `drydock explain` shows how it is started"


class NotStarted(DrydockError, exit_code=Exit.CONTAINER):
    fact = "the container of {image} cannot be started: {reason}"
    next_step = "correct the command or the image that the engine names"


class NotReady(DrydockError, exit_code=Exit.CONTAINER):
    fact = "the container of {image} did not answer 200 at {path} within {seconds:g} s (last: {last})"
    next_step = "the lines above are the end of its log"
    silent = "its log is empty; `drydock explain` shows how it is started"


class PortTaken(DrydockError, exit_code=Exit.CONTAINER):
    fact = "port {port} of this machine is taken"
    next_step = "choose another with --port, or leave it out for a free one"


class ImageMissing(DrydockError, exit_code=Exit.IMAGE):
    fact = "image {reference} is not on this engine"
    next_step = "build it with `drydock build`"
