"""Choice of projects, and their results judged and shown; `nox -s examples` really verifies them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from drydock.errors import BadConfiguration
from drydock.report import console
from tests.conftest import ROOT
from tests.detect.support import APPS
from tests.verify import cases, tables
from tests.verify.check import Row, faults

GOOD = Row(
    "shop",
    right=5,
    wrong=(),
    built=True,
    answered=True,
    sizes={"production": 45_900_000, "slim": 130_900_000},
    seconds=12.34,
    expected=True,
)


def test_every_example_is_a_case() -> None:
    names = [case.name for case in cases.examples()]

    assert names == sorted(path.name for path in APPS.iterdir() if path.is_dir())
    assert len(names) > 60


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadConfiguration, match=r"no project lock_ux; use one of .*lock_uv"):
        cases.examples(["lock_ux"])


def test_every_contradiction_has_an_option_that_decides_it() -> None:
    contradictory = [case for case in cases.examples() if case.expected.get("conflicts")]

    assert contradictory
    assert [case.name for case in contradictory if not case.options] == []


@pytest.mark.parametrize("folder", sorted(APPS.glob("packages_*")), ids=lambda folder: folder.name)
def test_packages_are_all_asked_for(folder: Path) -> None:
    (case,) = cases.examples([folder.name])
    uses = re.findall(r"^@use\ndef (\w+)", (folder / "uses.py").read_text(encoding="utf-8"), re.MULTILINE)

    assert [request.path for request in case.requests] == [f"/uses/{name}" for name in uses]


def test_every_example_stands_in_the_document() -> None:
    document = (ROOT / "docs/background/projects.md").read_text(encoding="utf-8")
    rows = document.split("<!-- examples -->", 1)[1].split("\n## ", 1)[0]

    assert re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE) == [case.name for case in cases.examples()]


def test_every_public_project_stands_in_the_document_with_its_revision() -> None:
    document = (ROOT / "docs/background/projects.md").read_text(encoding="utf-8")
    rows = set(
        re.findall(r"^\| \[[\w.-]+/([\w.-]+)\]\(https://[^)]+\) ([0-9a-f]{10}) \|", document, re.MULTILINE)
    )

    # The page has more projects than those that are verified.
    assert {(case.name, case.revision) for case in cases.projects(ROOT)} <= rows


def test_what_is_as_it_should_be_has_no_faults() -> None:
    assert faults([GOOD]) == []


def test_a_wrong_fact_and_a_wrong_end_are_faults() -> None:
    wrong = replace(GOOD, wrong=("port is 8000, not 9000",), answered=False, expected=False, said="exited")

    assert faults([wrong]) == ["shop: port is 8000, not 9000", "shop: exited"]


def test_one_that_should_have_failed_and_answered_is_a_fault() -> None:
    assert faults([replace(GOOD, expected=False)]) == ["shop: it answered"]


def test_a_line_says_the_outcome_the_sizes_and_the_seconds() -> None:
    assert tables.line(GOOD) == "ok · shop · answered · production 45.9 MB slim 130.9 MB · 12.3 s"


def test_the_table_ends_with_the_sum(capsys: pytest.CaptureFixture[str]) -> None:
    refused = Row("deck", 3, (), refused=True, said="2 applications", expected=True)

    tables.show(console(), [GOOD, refused])

    shown = capsys.readouterr().out
    assert re.search(r"shop +5/5 +yes +yes +45\.9 MB +130\.9 MB +12", shown)
    assert shown.endswith("2 projects: 1 answered, 1 refused; 8 facts right, 0 wrong\n")
