"""Errors about a project's files."""

from drydock.errors import DrydockError, Exit


class NoProject(DrydockError, exit_code=Exit.CONFIGURATION):
    fact = "{path} {problem}"
    next_step = "name the project's folder with --project"


class LockMissing(DrydockError, exit_code=Exit.CONFIGURATION):
    fact = "{source} has no lock file (looked for {looked_for})"
    next_step = "make one with `drydock lock --project {root}`"


class LockStale(DrydockError, exit_code=Exit.CONFIGURATION):
    fact = "{lock} does not match {manifest}: {mismatch}"
    next_step = "renew it with `drydock lock --project {root}`"


class UnknownTarget(DrydockError, exit_code=Exit.USAGE):
    fact = "there is no target {target!r}"
    next_step = "choose one of {known}"


class RepositoryNotTrusted(DrydockError, exit_code=Exit.CONFIGURATION):
    fact = "git does not trust {path}, which belongs to another user"
    next_step = "allow it with `git config --global --add safe.directory {path}`"
