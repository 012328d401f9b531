"""Errors about the services that an application runs with."""

from drydock.errors import DrydockError, Exit


class NoService(DrydockError, exit_code=Exit.BASE):
    fact = "image {reference} is not on the engine, and cannot be pulled ({pull}) or made here ({make})"
    next_step = "load it, or run without --with and name a database of your own with --env-file"


class NotAnswering(DrydockError, exit_code=Exit.CONTAINER):
    fact = "{name} did not answer within {seconds:g} s"
    next_step = "the lines above are the end of its log"
    silent = "its log is empty; name a database of your own with --env-file"


class MigrationFailed(DrydockError, exit_code=Exit.CONTAINER):
    fact = "the migration of {image} exited with {code}"
    next_step = "the lines above are the end of its log"
    silent = "it printed nothing; `drydock explain` shows its command"


class BadEnvironmentFile(DrydockError, exit_code=Exit.USAGE):
    fact = "{path} {problem}"
    next_step = "write one NAME=VALUE a line"
