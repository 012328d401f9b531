"""``python -m drydock.cli.hook [--project DIR] [GATE...]``: the pre-push hook, one line a gate."""

import argparse
import os
import sys
from collections.abc import Sequence

from rich.markup import escape

from drydock import command, hook, interrupts
from drydock.errors import DrydockError, Interrupted
from drydock.report import console, tables
from drydock.report.push_status import status


def main(arguments: Sequence[str]) -> int:
    """Judge the pushed commit and return the exit code: 0 if the push may proceed."""
    parser = argparse.ArgumentParser(prog="python -m drydock.cli.hook")
    parser.add_argument("--project", default=".", help="the project's folder, from the top of the repository")
    parser.add_argument("gates", nargs="*", help="the gates; all of them when none is named")
    given = parser.parse_args(arguments)
    interrupts.heed()
    # git sets a hook's index and folder; commands in another repository must not inherit them.
    for name in command.run(["git", "rev-parse", "--local-env-vars"]).stdout.split():
        os.environ.pop(name, None)
    out = console(stderr=True)
    judged = False
    try:
        with status() as progress:
            for line in hook.push(given.gates, project=given.project, progress=progress):
                verdict, judged = line.verdict, True
                took = f"{verdict.seconds:.1f} s" if line.source == "run" else line.source
                mark, summary = tables.MARKS[verdict.outcome], escape(verdict.summary)
                out.print(f"{mark}  [bold]{verdict.gate}[/bold]  {summary}  [dim]{took}[/dim]")
    except KeyboardInterrupt:
        stopped = Interrupted(during="the hook's gates")
        out.print(str(stopped), markup=False)
        return stopped.exit_code
    except DrydockError as error:
        if error.evidence:
            out.print(error.evidence, markup=False)
        out.print(str(error), markup=False)
        return error.exit_code
    if not judged:
        out.print(f"nothing to judge: {given.project} of this commit holds no application", markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
