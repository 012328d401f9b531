"""Refuse what is not good enough."""

from __future__ import annotations

import sys
from pathlib import Path

from invoke import Context, Exit

from drydock.tasks.offer import offer, say


@offer("gate {which}", name="gate", which="the gate, named like its nox session")
def one_gate(
    c: Context, which: str, target: str = "", project: str = ".", quiet: bool = False, json: bool = False
) -> None:
    """Run one gate with an exit code of its own: 70 when it refuses, 75 when it could not look."""
    from drydock.report import gates

    targets = (target,) if target else ()
    fault = gates.judge(gates.find(which), Path(project), say, targets=targets, json=json, quiet=quiet)
    if fault:
        raise Exit(str(fault), code=fault.exit_code)


@offer("installing the pre-push hook")
def hooks(c: Context) -> None:
    """Install the pre-push hook, which runs the gates whose inputs changed on what is pushed."""
    from drydock import command

    print(
        command.run([sys.executable, "-m", "pre_commit", "install", "--hook-type", "pre-push"]).stdout.strip()
    )
