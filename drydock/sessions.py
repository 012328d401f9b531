"""Make a Nox session for each gate of the registry, at import from a noxfile."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import nox

from drydock import interrupts
from drydock.errors import BadConfiguration, DrydockError
from drydock.gates.gate import Gate, registry
from drydock.nearest import suggestion

if TYPE_CHECKING:
    from drydock.report.gates import Asked

OPTIONS = ("--project", "--target", "--platform", "--json", "--quiet")


def parse(gate: Gate, posargs: Sequence[str]) -> Asked:
    """Read the arguments after ``--``; those that are not drydock's are the gate's own, or refused."""
    from drydock.report.gates import Asked

    parser = argparse.ArgumentParser(prog=f"nox -s {gate.name} --", add_help=False, exit_on_error=False)
    parser.add_argument("--project", type=Path)
    parser.add_argument("--target", action="append", dest="targets")
    parser.add_argument("--platform")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    try:
        given, rest = parser.parse_known_args(posargs, Asked())
    except argparse.ArgumentError as error:
        how = "write them as `nox -s NAME -- --project DIR`"
        raise BadConfiguration(where=parser.prog, problem=str(error), how=how) from error
    if rest and not gate.facts.arguments:
        how = suggestion(rest[0], OPTIONS, f"use one of {', '.join(OPTIONS)}")
        raise BadConfiguration(where=parser.prog, problem=f"unknown argument {rest[0]}", how=how)
    given.arguments = rest
    return given


def body(gate: Gate) -> Callable[[nox.Session], None]:
    def judge(session: nox.Session) -> None:
        from drydock.report import gates

        try:
            fault = gates.judge(gate, parse(gate, session.posargs), session.log)
        except DrydockError as error:
            fault = error
        if fault:
            session.error(str(fault))

    judge.__name__ = gate.name
    judge.__doc__ = gate.summary
    return judge


def built(target: str, session: nox.Session) -> tuple[str, str]:
    """Build a target of the project in the current folder; return its reference and the image's id."""
    from drydock.detect.project import load
    from drydock.engine import connect
    from drydock.publish.builds import open_workspace
    from drydock.report.progress import Shown

    made = open_workspace(connect(), load(Path()), session.log, Shown()).built(target)
    return made.reference, made.image_id


nox.needs_version = ">=2026.10.20"
# Every tool is in the one locked environment; another would only be slower.
nox.options.default_venv_backend = "none"
nox.options.error_on_external_run = False
nox.options.stop_on_first_error = False
interrupts.heed()
# The tools are beside this Python, even if nox was called by its path.
os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
# Sessions start Python hundreds of times, and without bytecode each start would compile its imports again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# nox shows every library's debug log, and the engine's client logs each request.
for name in ("urllib3", "docker"):
    logging.getLogger(name).setLevel(logging.WARNING)
for gate in registry().values():
    nox.session(name=gate.name, default=gate.facts.default)(body(gate))
