from __future__ import annotations

import io
import os

import pytest
from rich.console import Console

from drydock.report.gates import teller
from drydock.report.tables import key_values, table, verdict
from drydock.verdict import Outcome, Verdict

TITLES = ("gate", "verdict", "summary")
ROWS = [("smoke", "passed", "production ready in 0.9 s"), ("licences", "failed", "one is unknown")]


def recorder(width: int) -> Console:
    return Console(file=io.StringIO(), width=width, highlight=False)


def printed(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_table_has_its_titles_in_one_line() -> None:
    out = recorder(80)

    table(out, TITLES, ROWS)

    assert any(line.split() == list(TITLES) for line in printed(out))


def test_a_table_that_does_not_fit_a_narrow_terminal_is_printed_row_by_row() -> None:
    out = recorder(40)

    table(out, TITLES, ROWS)

    assert printed(out) == [
        "smoke",
        "  verdict  passed",
        "  summary  production ready in 0.9 s",
        "licences",
        "  verdict  failed",
        "  summary  one is unknown",
    ]


@pytest.mark.parametrize(("width", "whole"), [(79, False), (80, True)])
def test_a_table_too_wide_for_60_columns_is_not_folded(width: int, whole: bool) -> None:
    out = recorder(width)

    table(out, TITLES, [("smoke", "passed", "x" * 100)])

    assert ("verdict  passed" not in out.file.getvalue()) is whole  # type: ignore[attr-defined]


def test_a_table_that_fits_a_narrow_terminal_stays_one() -> None:
    out = recorder(40)

    table(out, ("build", "seconds"), [("cold", "21.3")])

    assert printed(out)[1].split() == ["build", "seconds"]


@pytest.mark.parametrize("width", [20, 200])
def test_values_are_printed_in_one_piece_at_any_width(width: int) -> None:
    out = recorder(width)

    key_values(out, {"digest": "sha256:" + "a" * 64, "label": "[red]not markup[/red]"})

    assert printed(out) == ["digest  sha256:" + "a" * 64, "label   [red]not markup[/red]"]


def test_a_verdict_keeps_what_looks_like_markup() -> None:
    out = recorder(200)

    verdict(out, Verdict("licences", Outcome.FAILED, "declare it in [licences.declared] of the file"))

    assert "declare it in [licences.declared] of the file" in printed(out)[0]


def test_a_gates_progress_is_broken_between_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

        def fileno(self) -> int:
            return 2

    monkeypatch.setattr("drydock.folding.os.get_terminal_size", lambda _: os.terminal_size((20, 9)))
    out = Console(file=Terminal(), width=20, force_terminal=True, force_interactive=True)

    teller(out, pytest.fail)("nothing is locked: the versions are kept")

    assert out.file.getvalue().splitlines() == ["nothing is locked:", "the versions are", "kept"]  # type: ignore[attr-defined]
