"""``python -m drydock.cli.hook [GATE...]``: the pre-push hook's command; it prints one line a gate."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.markup import escape

from drydock import hook
from drydock.errors import DrydockError
from drydock.report import console, tables


def main(names: Sequence[str]) -> int:
    """Judge the pushed commit by some gates, or by all; return the exit code."""
    out = console(stderr=True)
    try:
        for line in hook.push(names):
            verdict = line.verdict
            took = f"{verdict.seconds:.1f} s" if line.source == "run" else line.source
            mark = tables.MARKS[verdict.outcome]
            out.print(f"{mark}  [bold]{verdict.gate}[/bold]  {escape(verdict.summary)}  [dim]{took}[/dim]")
    except DrydockError as error:
        if error.evidence:
            out.print(error.evidence, markup=False)
        out.print(str(error), markup=False)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
