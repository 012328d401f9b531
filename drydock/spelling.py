"""Name drydock's commands as the person types them: `drydock build`, `invoke build` or `./run invoke build`.

Messages in the code use the first form, in backticks; `spelled` converts it.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import PurePath

# `./run` sets it to its own name as it was called.
RUN = "DRYDOCK_RUN"
PROGRAMS = ("drydock", "fastapi-drydock")
INVOKE = ("invoke", "inv", "nox")
_COMMAND = re.compile(r"`drydock(?P<gate> gate (?P<names>[^`\s]+))?(?P<rest>(?: [^`]*)?)`")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def program(started: str) -> str:
    """Return a process's program: `drydock`, `invoke` or `nox`, from its first argument.

    With ``python -m NAME`` that argument is the path of a `__main__.py`.
    """
    path = PurePath(started)
    return path.parent.name if path.name == "__main__.py" else path.name


def spelled(text: str, started: str | None = None, environment: Mapping[str, str] = os.environ) -> str:
    """Return a text with each command in backticks as the person would type it."""
    used = program(sys.argv[0] if started is None else started)
    run = environment.get(RUN, "")
    before = f"{run} " if run else ""

    def form(found: re.Match[str]) -> str:
        if used not in INVOKE:
            name = used if used in PROGRAMS else PROGRAMS[0]
            return f"`{before}{name}{found['gate'] or ''}{found['rest']}`"
        if found["gate"]:
            # Nox passes the words after two dashes to a gate.
            options = f" --{found['rest']}" if found["rest"] else ""
            return f"`{before}nox -s {found['names'].replace(',', ' ')}{options}`"
        return f"`{before}invoke{found['rest']}`"

    return _COMMAND.sub(form, text)
