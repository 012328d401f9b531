"""``python -m drydock.cli.hook [GATE...]``: what the pre-push hook runs, one line a gate."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.markup import escape

from drydock import hook
from drydock.errors import DrydockError
from drydock.report import console, tables


def main(names: Sequence[str]) -> int:
    """Judge the pushed commit and return the exit code: 0 when the push may go on.

    Args:
        names: The gates; all of them when empty.
    """
    out = console(stderr=True)
    try:
        for line in hook.push(names):
            said = line.verdict
            took = f"{said.seconds:.1f} s" if line.source == "run" else line.source
            mark = tables.MARKS[said.outcome]
            out.print(f"{mark}  [bold]{said.gate}[/bold]  {escape(said.summary)}  [dim]{took}[/dim]")
    except DrydockError as error:
        if error.evidence:
            out.print(error.evidence, markup=False)
        out.print(str(error), markup=False)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
