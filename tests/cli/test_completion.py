"""Completion in a real bash, with the script that the README names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

COMPLETE = """
source <(invoke --print-completion-script bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_complete_invoke invoke "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(*words: str) -> list[str]:
    """Return what bash offers behind the words of a command line, the last of which may be begun or empty."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", COMPLETE, "bash", *words],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("invoke", "bui"), ["build"]),
        (("invoke", "build", "--no-c"), ["--no-cache"]),
        (("invoke", "build", "--target", "pro"), ["production"]),
        (("invoke", "build", "--target", ""), ["production", "slim", "builder", "test"]),
        (("invoke", "build", "--target", "=", "s"), ["slim"]),
        (("invoke", "deploy", "--overlay", "lo"), ["local"]),
        (("invoke", "--lis"), ["--list", "--list-depth", "--list-format"]),
    ],
)
def test_bash_completes(words: tuple[str, ...], offered: list[str]) -> None:
    assert sorted(completed(*words)) == sorted(offered)


def test_bash_offers_every_task_where_nothing_is_begun() -> None:
    assert {"build", "push", "doctor", "engine.start"} <= set(completed("invoke", ""))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "--print-completion-script", shell],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )

    assert "--complete" in done.stdout
    assert "invoke inv" in done.stdout or "--command invoke" in done.stdout
