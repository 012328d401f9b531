"""Verdicts as files for a CI service: SARIF and JUnit."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drydock.errors import DrydockError
from drydock.project import git
from drydock.report import junit, sarif
from drydock.report.page import file
from drydock.verdict import Outcome, Verdict

Rows = list[tuple[Verdict, str]]


@contextmanager
def written(to_sarif: str, to_junit: str, project: Path) -> Iterator[Rows]:
    """Yield a list for verdicts with their targets; write the files at the end, even after an error.

    An empty file name means no file.
    """
    rows: Rows = []
    try:
        yield rows
    except DrydockError as error:
        rows.append((unjudged("drydock", error), "image"))
        raise
    finally:
        if to_sarif:
            file.write(Path(to_sarif), sarif.document(rows, project, git.top(project)))
        if to_junit:
            file.write(Path(to_junit), junit.document(rows))


def unjudged(gate: str, error: DrydockError) -> Verdict:
    """Return the verdict of a gate that an error kept from judging."""
    return Verdict(gate, Outcome.COULD_NOT_CHECK, error.args[0], evidence=error.evidence)
