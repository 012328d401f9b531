"""The hook's moving line, on a real terminal and without one."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from drydock.report.push_status import Status
from tests.conftest import ROOT
from tests.support.terminal import watch

PROGRAM = """\
import time
from drydock.report.push_status import status

with status() as progress:
    with progress.under_way("container_tests of production"):
        progress.output("tests/test_shop.py::test_price [gw0] PASSED")
        time.sleep(0.6)
        progress.output(" tests/test_shop.py::test_order ")
        time.sleep(1.6)
print("passed")
"""


def test_on_a_terminal_the_gate_its_seconds_and_the_test_that_runs_are_shown(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)

    seen = watch(
        [sys.executable, str(tmp_path / "program.py")],
        columns=100,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "TTY_INTERACTIVE": "", "CI": ""},
    )

    assert seen.code == 0, seen.text
    shown = re.findall(r"(\d) s · container_tests of production · tests/test_shop\.py::(\w+)", seen.text)
    assert ("0", "test_price") in shown
    assert {one for one in shown if one[1] == "test_order"} >= {("1", "test_order"), ("2", "test_order")}
    assert seen.text.rstrip().endswith("passed")


def test_a_build_inside_a_gate_keeps_the_gates_name() -> None:
    out = Console(file=io.StringIO(), force_terminal=True, force_interactive=True, width=80)
    shown = Status(out)

    with shown.under_way("smoke of slim"), shown.build("slim", True), shown.wait("the engine"):
        out.print(shown.line)

    assert isinstance(out.file, io.StringIO)
    assert "0 s · smoke of slim" in out.file.getvalue()
    assert "building" not in out.file.getvalue()


def test_a_failure_is_printed_at_once_and_once() -> None:
    out = Console(file=io.StringIO(), width=20)
    shown = Status(out)

    shown.output("[gw0] [ 50%] FAILED tests/test_shop.py::test_price[a] \n")
    shown.output("tests/test_shop.py::test_order FAILED  [100%]\n")
    shown.output("FAILED tests/test_shop.py::test_order - assert 0\n")

    assert isinstance(out.file, io.StringIO)
    assert out.file.getvalue().splitlines() == [
        "failed  tests/test_shop.py::test_price[a]",
        "failed  tests/test_shop.py::test_order",
    ]


def test_elsewhere_nothing_moves() -> None:
    out = Console(file=io.StringIO(), force_terminal=False)

    with Status(out).under_way("smoke of slim"):
        pass

    assert isinstance(out.file, io.StringIO)
    assert out.file.getvalue() == ""
