"""Judge an image."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke import Exit

from drydock.errors import DrydockError
from drydock.tasks.offer import PLATFORM, RESULT, Given, offer, say

if TYPE_CHECKING:
    from drydock.verdict import Verdict


@offer(
    "running gates",
    shared=("platform", *RESULT),
    positional=("which",),
    which="the gate, or several separated by commas (default: all that a push demands)",
    platform=f"{PLATFORM}; built first if missing",
    sarif="a file for the findings as SARIF, which code scanning shows",
    junit="a file for the verdicts as JUnit, which CI services show as tests",
)
def gate(given: Given, which: str = "", target: str = "", sarif: str = "", junit: str = "") -> None:
    """Run a gate, or all that a push demands: exit code 9 when one refuses, 10 when one could not check."""
    from drydock.report import gates, results

    found = [gates.find(name) for name in which.split(",") if name]
    where = Path(given.project)
    with results.written(sarif, junit, where) as rows:
        if len(found) == 1:
            # Words after two dashes go to the gate, as in `drydock gate container_tests -- -k title`.
            rest = shlex.split(given.context.remainder) if found[0].facts.arguments else ()
            targets = [target] if target else []
            asked = gates.Asked(where, targets, given.platform, rest, given.json, given.quiet)
            fault = gates.judge(found[0], asked, say, rows)
            if fault and not rows:
                rows.append((results.unjudged(which, fault), target or found[0].facts.targets[0]))
        else:
            fault = _several(found, target, given, rows)
    if fault:
        raise Exit(str(fault), code=fault.exit_code)


def _several(
    named: Sequence[Any], target: str, given: Given, judged: list[tuple[Verdict, str]]
) -> DrydockError | None:
    """Run gates one after another, print one table, and return the first fault.

    Args:
        named: The gates; if empty, those that a push demands and that have no receipt for this content.
        target: Their target; empty for each gate's own, or for the pushed one.
        judged: Takes each verdict with its target.
    """
    from drydock.gates import proof
    from drydock.gates.run import refusal
    from drydock.report import results, tables
    from drydock.verdict import Outcome

    workspace, pushed = given.pipe, target or "production"
    rows: list[tuple[Verdict, str, bool]] = []
    for one in named or proof.demanded(pushed, workspace.project):
        for of in [target] if target else one.targets(workspace.project) if named else [pushed]:
            workspace.built(of)
            known = None if named else proof.receipt(one, workspace, of)
            try:
                verdict = known.verdict if known else proof.judge(one, workspace, of)
            except DrydockError as error:
                verdict = results.unjudged(one.name, error)
            rows.append((verdict, of, known is not None))
            judged.append((verdict, of))
    content = {"verdicts": [verdict.as_json() for verdict, _ in judged]}
    given.answer(content, lambda out: tables.verdicts(out, rows))
    refused = sorted((one for one, _ in judged), key=lambda one: one.outcome is Outcome.COULD_NOT_CHECK)
    return next((refusal(verdict) for verdict in refused if not verdict.passed), None)


@offer("installing the pre-push hook", shared=("project",))
def hooks(given: Given) -> None:
    """Install the pre-push hook, which runs the gates whose inputs a push changes."""
    from drydock.hook.install import install

    print(install(Path(given.project)))
