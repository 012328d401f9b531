"""What plain `invoke` prints: its list of tasks, its help, and its answers to slips of the fingers."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest

from drydock import errors
from tests.conftest import ROOT
from tests.support.terminal import Seen, watch

INVOKE = [sys.executable, "-m", "invoke"]


def invoke(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*INVOKE, *args], cwd=ROOT, check=False, capture_output=True, text=True)


def on_terminal(*args: str, columns: int, **env: str) -> Seen:
    return watch([*INVOKE, *args], columns=columns, cwd=ROOT, env=env)


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (("biuld",), errors.UnknownTask, "error: there is no task `biuld`; did you mean `build`?"),
        (("--help", "pusch"), errors.UnknownTask, "error: there is no task `pusch`; did you mean `push`?"),
        (("xyzzy",), errors.UnknownTask, "error: there is no task `xyzzy`; `invoke --list` shows them all"),
        (
            ("build", "--targt", "slim"),
            errors.UnknownOption,
            "error: `invoke build` has no option `--targt`; did you mean `--target`?",
        ),
        (
            ("size", "--xyzzy"),
            errors.UnknownOption,
            "error: `invoke size` has no option `--xyzzy`; `invoke --help size` shows what there is",
        ),
        (
            ("size", "shop:1", "shop:2", "shop:3"),
            errors.UnknownTask,
            "error: there is no task `shop:3`; `invoke --list` shows them all",
        ),
        (("--lst",), errors.UnknownOption, "error: `invoke` has no option `--lst`; did you mean `--list`?"),
        (
            ("--list", "engin"),
            errors.BadCommandLine,
            "error: there is no group of tasks `engin`; did you mean `engine`?",
        ),
        (
            ("gate",),
            errors.BadCommandLine,
            "error: `invoke gate` lacks WHICH; `invoke --help gate` explains it",
        ),
        (
            ("build", "--target"),
            errors.BadCommandLine,
            "error: --target has no value; `invoke --help build` explains it",
        ),
        (
            ("run", "--port", "http"),
            errors.BadCommandLine,
            "error: 'http' is no whole number; give one in digits",
        ),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(
    args: tuple[str, ...], error: type[errors.DrydockError], message: str
) -> None:
    done = invoke(*args)

    assert (done.stderr, done.stdout, done.returncode) == (f"{message}\n", "", error.exit_code)


def test_the_list_is_ordered_as_a_person_works() -> None:
    lines = invoke("--list").stdout.splitlines()
    groups = [line for line in lines if line.endswith(".") and not line.startswith((" ", "`"))]
    tasks = [line.split()[0] for line in lines if line.startswith("  ")]

    assert groups[0].startswith("Build")
    assert groups.index("Look at what was built.") < groups.index("Refuse what is not good enough.")
    journey = ["build", "run", "gate", "push", "deploy", "explain", "doctor"]
    assert [name for name in tasks if name in journey] == journey


def test_no_task_is_missing_in_the_list() -> None:
    known = json.loads(invoke("--list", "--list-format=json").stdout)
    names = {task["name"] for task in known["tasks"]}

    assert names <= {
        line.split()[0] for line in invoke("--list").stdout.splitlines() if line.startswith("  ")
    }


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_the_list_fits_the_terminal(columns: int) -> None:
    seen = on_terminal("--list", columns=columns)

    assert seen.code == 0
    too_long = [line for line in seen.text.splitlines() if len(line) > columns and " " in line.strip()]
    assert too_long == []


def test_the_list_is_plain_where_no_terminal_shows_it() -> None:
    listed = invoke("--list").stdout

    assert "\x1b" not in listed
    assert (
        "  push          Push the image under all its tags, and check what the registry then holds." in listed
    )


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_the_list_is_plain_on_a_terminal_that_wants_it_so(variables: dict[str, str]) -> None:
    assert "\x1b" in on_terminal("--list", columns=80).raw
    assert "\x1b" not in on_terminal("--list", columns=80, **variables).raw


def test_help_names_every_option_once_and_invents_no_letters() -> None:
    lines = invoke("--help", "build").stdout.splitlines()
    options = [line.split()[0] for line in lines if line.startswith("  -")]

    assert lines[0] == "invoke build [options]"
    assert "--target=TEXT" in options
    assert "--no-cache" in options
    assert len(options) == len(set(options))
    assert [option for option in options if not option.startswith("--")] == []


@pytest.mark.parametrize(
    ("task", "usage"),
    [
        ("gate", "invoke gate WHICH [options]"),
        ("size", "invoke size [IMAGE] [OTHER] [options]"),
        ("hooks", None),
    ],
)
def test_help_tells_what_must_be_given_and_what_may_be(task: str, usage: str | None) -> None:
    assert invoke("--help", task).stdout.splitlines()[0] == (usage or f"invoke {task}")


@pytest.mark.parametrize("args", ["--list", "explain", "render"])
def test_a_reader_may_leave_early(args: str) -> None:
    piped = f"{shlex.join(INVOKE)} {args} | true"

    done = subprocess.run(["sh", "-c", piped], cwd=ROOT, check=True, capture_output=True, text=True)

    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_invoke_alone_shows_the_list() -> None:
    assert invoke().stdout == invoke("--list").stdout


def test_a_task_says_what_it_does_before_it_loads_anything() -> None:
    heavy = "{'docker', 'rich', 'httpx2', 'drydock.workspace', 'drydock.project'}"
    loaded = f"import sys, tasks; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", loaded], cwd=ROOT, check=True, capture_output=True, text=True
    )

    assert done.stdout == "[]\n"
    assert invoke("tag", "--project", "nowhere").stderr.splitlines()[0] == "tagging production"


def test_json_and_quiet_say_nothing_but_errors() -> None:
    for option in ("--json", "--quiet"):
        done = invoke("tag", option, "--project", "nowhere")

        assert done.stdout == ""
        assert done.stderr.startswith("error: ")
        assert done.returncode == errors.NoProject.exit_code
