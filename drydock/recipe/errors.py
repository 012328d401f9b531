"""Errors about recipes."""

from drydock.errors import DrydockError, Exit


class FilesDiffer(DrydockError, exit_code=Exit.CONFIGURATION):
    fact = "{names} in {root} would change, and the text that `drydock init` last wrote there is not known"
    next_step = "apply the parts of the difference above that you want, or overwrite with --force"


class MergeConflicts(DrydockError, exit_code=Exit.CONFIGURATION):
    fact = "your edits of {names} in {root} conflict with the project as it is now"
    next_step = "resolve them between the <<<<<<< and >>>>>>> marks"


class RecipeStale(DrydockError, exit_code=Exit.CONFIGURATION):
    fact = "{dockerfile} does not fit the project: {drift}"
    next_step = "{how}"


class NotLocked(DrydockError, exit_code=Exit.CONFIGURATION):
    fact = "the dependencies in {folder} cannot be locked: {reason}"
    next_step = "correct the declaration, then run `drydock lock`"


class FolderNotLocked(DrydockError, exit_code=Exit.CONFIGURATION):
    fact = "{names} in {root} ships as source, and no install without a lock leaves it out"
    next_step = "run `drydock init` without --no-lock"


class NotResolved(DrydockError, exit_code=Exit.MACHINE):
    fact = "the dependencies in {folder} could not be looked up: {reason}"
    next_step = (
        "fix the cause in the lines above (network, cache, disk or permissions) and repeat the command"
    )


class NotInLock(DrydockError, exit_code=Exit.USAGE):
    fact = "no lock of {root} contains {name!r}"
    next_step = "{how}"


class FileNotWritten(DrydockError, exit_code=Exit.MACHINE):
    fact = "{path} cannot be written: {reason}; every file is as it was"
    next_step = "allow your user to write there, or move away the file in its place"
