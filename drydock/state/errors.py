"""Errors about drydock's own state: the history, and receipts between machines."""

from drydock.errors import DrydockError, Exit


class HistoryUnreadable(DrydockError, exit_code=Exit.MACHINE):
    fact = "the history in {path} cannot be read: {reason}"
    next_step = "move that file away: the next build begins a new one"


class StateNotWritten(DrydockError, exit_code=Exit.MACHINE):
    fact = "{path} cannot be written: {reason}"
    next_step = "drydock keeps receipts and caches there: let your user write there, or set {variable}"


class ExchangeKeyMissing(DrydockError, exit_code=Exit.CREDENTIALS):
    fact = "{key} does not contain a key of at least {least} characters"
    next_step = "make one with `openssl rand -hex 32`, and give it as a secret to both jobs"


class OtherExchangeKey(DrydockError, exit_code=Exit.CREDENTIALS):
    fact = "{file} was signed with another key than the one in {key}; nothing was imported"
    next_step = "give both jobs the same key"


class ExportAltered(DrydockError, exit_code=Exit.REFUSED):
    fact = "{file} is not as it was exported: it {reason}; nothing was imported"
    next_step = "export it again with `drydock receipts export FILE`"


class ExportMissing(DrydockError, exit_code=Exit.USAGE):
    fact = "there is no file {file}"
    next_step = "make it with `drydock receipts export FILE` in the job that runs the gates"


class NothingToExport(DrydockError, exit_code=Exit.REFUSED):
    fact = "no gate has judged an image of this project that is on the engine"
    next_step = "run `drydock gate`"
