"""Answer `nox -s smok` with the session that was meant; nox only says that there is none."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from drydock import errors
from drydock.nearest import suggestion


def wanted(arguments: Sequence[str]) -> list[str]:
    """Return the sessions that nox's command line names.

    Args:
        arguments: What stands behind the program's name; all after `--` belongs to the sessions.
    """
    import argparse

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-s", "-e", "--session", "--sessions", nargs="*", default=[], dest="names")
    own = arguments[: list(arguments).index("--")] if "--" in arguments else arguments
    return list(parser.parse_known_args(own)[0].names)


def check(arguments: Sequence[str], known: Collection[str]) -> None:
    """Refuse a command line that names a session which does not exist.

    Args:
        arguments: What stands behind the program's name.
        known: Every session.

    Raises:
        errors.UnknownSession: Names the nearest session.
    """
    for name in wanted(arguments):
        if name not in known:
            raise errors.UnknownSession(session=name, how=suggestion(name, known, "`nox -l` shows them all"))
