"""docs/reference/commands.md and docs/reference/gates.md against the code."""

from __future__ import annotations

import subprocess
import sys

import pytest

from docs import commands
from docs.pages import filled
from drydock.gates.gate import registry
from drydock.tasks import namespace
from tests.conftest import ROOT


def test_the_pages_show_the_tasks_and_gates_of_the_code() -> None:
    # In a process of its own: Invoke gives out the options' help once.
    command = [sys.executable, "-m", "docs.commands", "--check"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_every_task_and_gate_has_a_section() -> None:
    tasks, gates = commands.tasks(), commands.gates()

    assert [name for name in namespace.task_names if f"### {name}\n" not in tasks] == []
    assert [name for name in registry() if f"## {name}\n" not in gates] == []


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks <!-- tasks -->"):
        filled("# A page\n", "tasks", "")
