"""The pre-push hook: judge the commit that is pushed, and test nothing twice."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from drydock import command, errors
from drydock.engine import connect
from drydock.gates import runner
from drydock.pipeline import Pipeline
from drydock.project import load
from drydock.report import console, tables


def main(names: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """Run gates on the pushed commit, one line each, and stop at the first that refuses.

    Args:
        names: The gates.
        environment: Where pre-commit says what is pushed.

    Returns:
        The exit code: 0 when the push may go on.
    """
    out = console(stderr=True)
    root = Path(command.run(["git", "rev-parse", "--show-toplevel"]).stdout.strip())
    try:
        with checkout(root, environment.get("PRE_COMMIT_TO_REF", "HEAD")) as folder:
            pipeline = Pipeline(connect(), load(folder), lambda _: None, quiet=True, channel="push")
            for gate in (runner.GATES[name] for name in names):
                for target in gate.targets:
                    known = runner.receipt(gate, pipeline, target)
                    verdict = known.verdict if known else runner.judge(gate, pipeline, target)
                    tables.verdict(out, verdict, receipt=known is not None)
                    if not verdict.passed:
                        raise runner.refusal(verdict)
    except errors.DrydockError as error:
        if error.evidence:
            out.print(error.evidence, markup=False)
        out.print(str(error), markup=False)
        return error.exit_code
    return 0


@contextmanager
def checkout(root: Path, commit: str) -> Iterator[Path]:
    """Yield a folder with exactly what a commit holds: the working tree where it is the same."""
    head = command.run(["git", "rev-parse", "HEAD"], cwd=root).stdout.strip()
    wanted = command.run(["git", "rev-parse", f"{commit}^{{commit}}"], cwd=root).stdout.strip()
    dirty = command.run(["git", "status", "--porcelain"], cwd=root).stdout.strip()
    if wanted == head and not dirty:
        yield root
        return
    with tempfile.TemporaryDirectory(prefix="drydock-push-") as folder:
        archive = Path(folder) / "commit.tar"
        command.run(["git", "archive", f"--output={archive}", wanted], cwd=root)
        tree = Path(folder) / "tree"
        tree.mkdir()
        command.run(["tar", "-xf", str(archive), "-C", str(tree)])
        yield tree


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
