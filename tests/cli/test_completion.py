"""Completion in a real bash, zsh and fish, with drydock's scripts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.registry import debian_folder

PROGRAMS = Path(sys.executable).parent
PATH = os.pathsep.join((str(PROGRAMS), os.environ["PATH"]))

COMPLETE = """
source <("$1" --print-completion-script bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
function=_complete_${1#fastapi-}
"$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(*words: str) -> list[str]:
    """Return bash's completions of a command line's last word, which may be incomplete or empty."""
    done = subprocess.run(
        ["bash", "--norc", "-c", COMPLETE, "bash", *words],
        cwd=ROOT,
        env={**os.environ, "PATH": PATH},
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
        (("drydock", "gate", "sm"), ["smoke"]),
        (("drydock", "gate", "--ju"), ["--junit"]),
        (("drydock", "init", "--with", "git"), ["github", "gitlab"]),
        (("drydock", "run", "--with", ""), ["postgres"]),
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


# On a terminal of zsh's own. zsh is unpacked, not installed, so it needs the path of its modules. Each read
# ends with what no echo of the typed words contains.
IN_ZSH = """
module_path=($1)
zmodload zsh/zpty
zpty shell $2 -f -i
zpty -w shell "PS1=; module_path=($1); zmodload zsh/zle zsh/compctl zsh/complete; setopt zle"
zpty -w shell "source <(drydock --print-completion-script zsh); print rea''dy"
zpty -r shell ready '*ready*'
for word completed in "${@:3}"; do
    zpty -n -w shell "$word"$'\\t'
    zpty -r shell seen "*$completed*"
    print -rn -- $seen
done
"""


def test_zsh_completes() -> None:
    root = debian_folder("zsh")
    (modules,) = root.glob("usr/lib/*/zsh/*")

    words = ("drydock bui", "ld", "--tar", "get")
    done = subprocess.run(
        [root / "bin/zsh", "-f", "-c", IN_ZSH, "zsh", modules, root / "bin/zsh", *words],
        env={**os.environ, "PATH": PATH},
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )

    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|.\x08", "", done.stdout)
    assert "drydock build" in plain
    assert "--target" in plain


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("drydock bui", ["build"]),
        ("fastapi-drydock build --tar", ["--target"]),
        ("drydock build --target ", ["builder", "production", "slim", "test"]),
    ],
)
def test_fish_completes(line: str, offered: list[str]) -> None:
    root = debian_folder("fish")
    (libraries,) = debian_folder("libpcre2-32-0").glob("usr/lib/*")
    script = f"drydock --print-completion-script fish | source; complete --do-complete '{line}'"

    done = subprocess.run(
        [root / "usr/bin/fish", "--no-config", "-c", script],
        env={**os.environ, "PATH": PATH, "LD_LIBRARY_PATH": str(libraries)},
        check=True,
        capture_output=True,
        text=True,
    )

    assert sorted(done.stdout.split()) == offered
