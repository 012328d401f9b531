"""Judge an image."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from invoke import Context, Exit

from drydock import errors
from drydock.tasks.offer import offer, pipeline, say


@offer(
    "running gates",
    name="gate",
    positional=("which",),
    which="the gate, or several separated by commas (default: all that a push demands)",
)
def gate(
    c: Context, which: str = "", target: str = "", project: str = "", quiet: bool = False, json: bool = False
) -> None:
    """Run a gate, or all that a push demands: 70 when one refuses, 75 when one could not check."""
    from drydock.gates import runner

    names = [name for name in which.split(",") if name]
    if len(names) != 1:
        fault = _several(names, target, pipeline(project, quiet or json), json)
    else:
        given = {"--quiet": quiet, "--json": json}
        posargs = ["--project", project, *(["--target", target] if target else [])]
        posargs += [option for option, wanted in given.items() if wanted]
        # Words behind two dashes are the gate's own: `drydock gate container_tests -- -k title`.
        fault = runner.run(names[0], [*posargs, *shlex.split(c.remainder)], say)
    if fault:
        raise Exit(str(fault), code=fault.exit_code)


def _several(names: Sequence[str], target: str, workspace: Any, json: bool) -> errors.DrydockError | None:
    """Run gates one after another, print one table, and return the first fault.

    Args:
        names: The gates; all that a push of the target demands where there are none, and of those only the
            ones without a receipt for exactly this content.
        target: Their target; empty for each gate's own, or for the one that is pushed.
        workspace: The project on its engine.
        json: Whether to print a document in the table's place.
    """
    from drydock.gates import runner
    from drydock.nearest import choices
    from drydock.report import console, print_json, tables
    from drydock.verdict import Outcome, Verdict

    for name in names:
        if name not in runner.GATES:
            raise errors.UnknownGate(gate=name, known=choices(name, runner.GATES))
    pushed = target or "production"
    chosen = [runner.GATES[name] for name in names] or runner.demanded(pushed)
    rows: list[tuple[Verdict, str, bool]] = []
    for one in chosen:
        for of in [target] if target else one.targets if names else [pushed]:
            workspace.built(of)
            known = None if names else runner.receipt(one, workspace, of)
            try:
                verdict = known.verdict if known else runner.judge(one, workspace, of)
            except errors.DrydockError as error:
                verdict = Verdict(one.name, Outcome.COULD_NOT_CHECK, error.args[0], evidence=error.evidence)
            rows.append((verdict, of, known is not None))
    verdicts = [verdict for verdict, _, _ in rows]
    if json:
        print_json({"verdicts": [verdict.as_json() for verdict in verdicts]})
    else:
        tables.verdicts(console(), rows)
    refused = sorted(verdicts, key=lambda verdict: verdict.outcome is Outcome.COULD_NOT_CHECK)
    return next((runner.refusal(verdict) for verdict in refused if not verdict.passed), None)


@offer("installing the pre-push hook")
def hooks(c: Context, project: str = "") -> None:
    """Install the pre-push hook, which runs the gates whose inputs a push changes."""
    from pathlib import Path

    from drydock.hook.install import install

    print(install(Path(project)))
