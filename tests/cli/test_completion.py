"""Completion in a real bash, with the scripts that `drydock` prints and those of plain Invoke."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

COMPLETE = """
source <("$1" --print-completion-script bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
function=_complete_${1#fastapi-}
"$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
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
        (("drydock", "bui"), ["build"]),
        (("drydock", "build", "--no-c"), ["--no-cache"]),
        (("drydock", "build", "--target", "pro"), ["production"]),
        (("drydock", "build", "--target", ""), ["production", "slim", "builder", "test"]),
        (("drydock", "build", "--target", "=", "s"), ["slim"]),
        (("fastapi-drydock", "build", "--target", "pro"), ["production"]),
        (("fastapi-drydock", "bui"), ["build"]),
        (("drydock", "deploy", "--overlay", "lo"), ["local"]),
        (("drydock", "--lis"), ["--list"]),
        (("invoke", "bui"), ["build"]),
        (("invoke", "build", "--no-c"), ["--no-cache"]),
    ],
)
def test_bash_completes(words: tuple[str, ...], offered: list[str]) -> None:
    assert sorted(completed(*words)) == sorted(offered)


def test_bash_offers_every_task_where_nothing_is_begun() -> None:
    assert {"build", "push", "doctor", "engine.start"} <= set(completed("drydock", ""))


@pytest.mark.parametrize(
    ("shell", "lines"),
    [
        ("bash", ["complete -F _complete_drydock -o default drydock fastapi-drydock"]),
        ("zsh", ["compctl -K _complete_drydock + -f drydock fastapi-drydock"]),
        (
            "fish",
            [
                "complete --command drydock --no-files --arguments '(__complete_drydock)'",
                "complete --command fastapi-drydock --wraps drydock",
            ],
        ),
    ],
)
def test_there_is_a_script_for_each_shell_and_both_names(shell: str, lines: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "drydock.cli", "--print-completion-script", shell],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )

    assert [line for line in lines if line not in done.stdout.splitlines()] == []
