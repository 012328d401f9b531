"""The program `drydock`: its list of tasks, its help, and its answers to typing errors."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from invoke import Collection

import drydock as package
import tasks
from drydock.cli.errors import UnknownOption, UnknownTask
from drydock.errors import BadCommandLine, DrydockError, NotWritten
from drydock.project.errors import NoProject
from drydock.publish.errors import KeyUnusable
from tests.conftest import ROOT, write_files
from tests.support.terminal import Seen, watch

DRYDOCK = [sys.executable, "-m", "drydock.cli"]
INVOKE = [sys.executable, "-m", "invoke"]


def run(
    *args: str | Path, command: list[str] = DRYDOCK, cwd: Path = ROOT, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *args], cwd=cwd, env={**os.environ, **env}, check=False, capture_output=True, text=True
    )


def on_terminal(*args: str, columns: int, **env: str) -> Seen:
    return watch([*DRYDOCK, *args], columns=columns, cwd=ROOT, env=env)


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (("biuld",), UnknownTask, "error: there is no task `biuld`; did you mean `build`?"),
        (("--help", "pusch"), UnknownTask, "error: there is no task `pusch`; did you mean `push`?"),
        (("pusch", "--help"), UnknownTask, "error: there is no task `pusch`; did you mean `push`?"),
        (("xyzzy",), UnknownTask, "error: there is no task `xyzzy`; `drydock --list` shows them all"),
        (
            ("build", "--targt", "slim"),
            UnknownOption,
            "error: `drydock build` has no option `--targt`; did you mean `--target`?",
        ),
        (
            ("size", "--xyzzy"),
            UnknownOption,
            "error: `drydock size` has no option `--xyzzy`; `drydock --help size` shows them all",
        ),
        # Invoke's own options do not belong to this program: neither accepted nor suggested.
        (
            ("push", "--dry"),
            UnknownOption,
            "error: `drydock push` has no option `--dry`; `drydock --help push` shows them all",
        ),
        (
            ("--prompt-for-sudo-password",),
            UnknownOption,
            "error: `drydock` has no option `--prompt-for-sudo-password`; `drydock --list` shows them all",
        ),
        (
            ("size", "shop:1", "shop:2", "shop:3"),
            UnknownTask,
            "error: there is no task `shop:3`; `drydock --list` shows them all",
        ),
        (
            ("gate", "smoke", "security"),
            UnknownTask,
            "error: there is no task `security`; name several gates with commas: "
            "`drydock gate smoke,security`",
        ),
        (("--lst",), UnknownOption, "error: `drydock` has no option `--lst`; did you mean `--list`?"),
        (
            ("release",),
            BadCommandLine,
            "error: `drydock release` lacks VERSION; `drydock --help release` explains it",
        ),
        (
            ("receipts",),
            BadCommandLine,
            "error: `drydock receipts` lacks ACTION and FILE; `drydock --help receipts` explains it",
        ),
        (
            ("release", "--verion"),
            UnknownOption,
            "error: `drydock release` has no option `--verion`; did you mean `--version`?",
        ),
        (
            ("build", "--target"),
            BadCommandLine,
            "error: --target has no value; `drydock --help build` explains it",
        ),
        (
            ("run", "--port", "http"),
            BadCommandLine,
            "error: 'http' is not a whole number; give one in digits",
        ),
        (
            ("--print-completion-script", "bsh"),
            BadCommandLine,
            "error: there is no completion for 'bsh'; did you mean `bash`?",
        ),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(
    args: tuple[str, ...], error: type[DrydockError], message: str
) -> None:
    done = run(*args)

    assert (done.stderr, done.stdout, done.returncode) == (f"{message}\n", "", error.exit_code)


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (
            ("run", "--port", "99999"),
            BadCommandLine,
            "error: there is no port 99999; give one from 1 to 65535, or none for a free one",
        ),
        (
            ("verify", "--key", "/nowhere/cosign.pub", "--registry", "127.0.0.1:1/acme"),
            KeyUnusable,
            "error: the key /nowhere/cosign.pub cannot be used: there is no such file; name with --key a "
            "file that `drydock keys` wrote; COSIGN_PASSWORD opens the private one",
        ),
        (
            ("history", "--last", "0"),
            BadCommandLine,
            "error: --last is 0; give a number of builds from 1 on",
        ),
        (
            ("hooks", "--project", "/nowhere"),
            NoProject,
            "error: /nowhere is not a folder; name the project's folder with --project",
        ),
        (
            ("environment", "--project", "/nowhere"),
            NoProject,
            "error: /nowhere is not a folder; name the project's folder with --project",
        ),
        (
            ("sbom", "--output", "/dev/null/x"),
            NotWritten,
            "error: /dev/null/x cannot be written: Not a directory; name another place",
        ),
    ],
)
def test_a_value_that_cannot_do_is_named_before_any_work(
    args: tuple[str, ...], error: type[DrydockError], message: str
) -> None:
    done = run(*args, DOCKER_HOST="unix:///nowhere/docker.sock")

    assert done.stderr.splitlines()[1:] == [message]
    assert (done.stdout, done.returncode) == ("", error.exit_code)


@pytest.mark.parametrize("task", ["release", "gate", "size", "run"])
def test_help_is_asked_behind_a_task_as_well(task: str) -> None:
    behind, before = run(task, "--help"), run("--help", task)

    assert (behind.stdout, behind.returncode) == (before.stdout, 0)
    assert behind.stdout.startswith(f"drydock {task} ")


def test_the_list_is_ordered_as_a_person_works() -> None:
    lines = run("--list").stdout.splitlines()
    groups = [line for line in lines if line.endswith(".") and not line.startswith((" ", "`"))]
    tasks = [line.split()[0] for line in lines if line.startswith("  ")]

    assert groups[0].startswith("Build")
    assert groups.index("Look at an image.") < groups.index("Judge an image.")
    journey = ["build", "run", "gate", "push", "deploy", "explain", "doctor"]
    assert [name for name in tasks if name in journey] == journey


def test_no_task_is_missing_in_the_list() -> None:
    names = {str(context.name) for context in Collection.to_contexts(tasks.namespace)}

    assert names <= {line.split()[0] for line in run("--list").stdout.splitlines() if line.startswith("  ")}


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_the_list_fits_the_terminal(columns: int) -> None:
    seen = on_terminal("--list", columns=columns)

    assert seen.code == 0
    too_long = [line for line in seen.text.splitlines() if len(line) > columns and " " in line.strip()]
    assert too_long == []


@pytest.mark.parametrize("columns", [60, 120])
@pytest.mark.parametrize(
    "args",
    [
        ("explain", f"--project={ROOT}/tests/apps/entry_compose"),
        ("doctor",),
        ("build", "--xyzzy"),
        ("sign",),
        ("verify",),
        ("gate", "xyzzy"),
        ("base",),
    ],
)
def test_no_line_is_longer_than_the_terminal_but_for_a_word(args: tuple[str, ...], columns: int) -> None:
    seen = on_terminal(*args, columns=columns, DOCKER_HOST="unix:///nowhere.sock", NO_COLOR="1")

    # Movements of the cursor come before what stays in a line.
    lines = [line.rpartition("\r")[2] for line in seen.text.splitlines()]
    cells = [line.split("  ")[-1] for line in lines if len(line) > columns]
    assert [cell for cell in cells if " " in cell.strip() and "`" not in cell] == []
    assert [line for line in lines if "examining this machine" in line and "ok " in line] == []


def test_the_list_is_plain_where_no_terminal_shows_it() -> None:
    listed = run("--list").stdout

    assert "\x1b" not in listed
    assert "  push          Push the image under all its tags, and compare the registry's copy." in listed


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_the_list_is_plain_on_a_terminal_that_wants_it_so(variables: dict[str, str]) -> None:
    assert "\x1b" in on_terminal("--list", columns=80).raw
    assert "\x1b" not in on_terminal("--list", columns=80, **variables).raw


def test_help_names_every_option_once_and_invents_no_letters() -> None:
    lines = run("--help", "build").stdout.splitlines()
    options = [line.split()[0] for line in lines if line.startswith("  -")]

    assert lines[0] == "drydock build [options]"
    assert "--target=TEXT" in options
    assert "--no-cache" in options
    assert len(options) == len(set(options))
    assert [option for option in options if not option.startswith("--")] == []


@pytest.mark.parametrize(
    ("task", "usage"),
    [
        ("gate", "drydock gate [WHICH] [options]"),
        ("size", "drydock size [IMAGE] [OTHER] [options]"),
        ("release", "drydock release VERSION [options]"),
        ("engine.stop", "drydock engine.stop"),
    ],
)
def test_help_tells_what_must_be_given_and_what_may_be(task: str, usage: str) -> None:
    assert run("--help", task).stdout.splitlines()[0] == usage


@pytest.mark.parametrize(
    "args", ["--list", "explain", "render", "--version", "--print-completion-script=fish"]
)
def test_a_reader_may_leave_early(args: str) -> None:
    piped = f"{shlex.join(DRYDOCK)} {args} | true"

    done = subprocess.run(["sh", "-c", piped], cwd=ROOT, check=True, capture_output=True, text=True)

    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.parametrize("args", [(), ("-l",), ("--help",), ("-h",)])
def test_the_program_alone_and_a_call_for_help_show_the_list(args: tuple[str, ...]) -> None:
    assert run(*args).stdout == run("--list").stdout


@pytest.mark.parametrize("task", ["release", "gate", "size", "ask-gordon", "build"])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_is_given_before_and_behind_a_task(task: str, option: str) -> None:
    assert run(task, option).stdout == run(option, task).stdout != ""


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_the_distributions(option: str) -> None:
    assert run(option).stdout == f"drydock {package.version()}\n"


def test_the_version_is_told_without_an_import_of_invoke() -> None:
    code = "import sys; sys.argv = ['drydock', '--version']; from drydock import cli; cli.main(); "
    done = run("-c", f"{code}assert 'invoke' not in sys.modules", command=[sys.executable])

    assert (done.stdout, done.stderr) == (f"drydock {package.version()}\n", "")


def test_an_import_of_invoke_brings_neither_asyncio_nor_metadata_and_leaves_both_whole() -> None:
    code = "import sys; sys.argv = ['drydock', '--list']; from drydock import cli; import atexit; "
    code += (
        "atexit.register(lambda: print({'asyncio', 'importlib.metadata'} & {*sys.modules}, "
        "__import__('unittest.mock').mock.Mock, __import__('importlib.metadata').metadata.version('rich'))); "
    )
    done = run("-c", f"{code}cli.main()", command=[sys.executable])

    assert done.stdout.splitlines()[-1] == f"set() <class 'unittest.mock.Mock'> {metadata.version('rich')}"


def test_invokes_yaml_is_loaded_only_where_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    loaded = "import sys, atexit; from drydock import cli; sys.argv = ['drydock', '--list']; "
    loaded += "atexit.register(lambda: print('invoke.vendor.yaml.loader' in sys.modules)); cli.main()"
    assert run("-c", loaded, command=[sys.executable]).stdout.splitlines()[-1] == "False"

    (tmp_path / ".invoke.yaml").write_text("run: {echo: true}\n")
    done = run("-c", loaded, command=[sys.executable])
    assert (done.stderr, done.stdout.splitlines()[-1]) == ("", "True")


def test_plain_invoke_shows_and_explains_the_same_tasks() -> None:
    ours = {str(context.name) for context in Collection.to_contexts(tasks.namespace)}
    listed = run("--list", command=INVOKE).stdout

    assert listed.startswith("Available tasks:")
    assert {line.split()[0] for line in listed.splitlines() if re.match(r"  [a-z]", line)} == ours
    assert "--no-cache" in run("--help", "build", command=INVOKE).stdout


def test_plain_invoke_takes_words_that_may_be_left_out_as_options() -> None:
    done = run("size", "--image", "shop:1", "--project", "nowhere", command=INVOKE)

    assert (done.returncode, done.stdout) == (NoProject.exit_code, "")


def test_an_option_where_plain_invoke_expects_a_word_does_nothing() -> None:
    done = run("release", "--help", command=INVOKE)

    assert (done.returncode, done.stdout) == (BadCommandLine.exit_code, "")
    assert done.stderr.startswith("error: --help is not a VERSION; ")


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (DRYDOCK, "`drydock lock --project {}`"),
        (INVOKE, "`invoke lock --project {}`"),
        ([str(ROOT / "run"), "drydock"], f"`{ROOT}/run drydock lock --project {{}}`"),
        ([str(ROOT / "run"), "invoke"], f"`{ROOT}/run invoke lock --project {{}}`"),
    ],
)
def test_an_error_says_the_command_as_it_was_typed(
    command: list[str], advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRYDOCK_NO_ENGINE", "1")
    files = {
        "main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n",
        "pyproject.toml": '[project]\nname = "shop"\nversion = "1.0"\ndependencies = ["fastapi"]\n',
        "requirements.lock": "starlette==1.0.0\n",
        "Dockerfile": "# drydock's\nFROM scratch\n",
    }
    done = run("build", "--project", write_files(tmp_path, files), command=command)

    assert advice.format(tmp_path) in done.stderr, done.stderr


@pytest.mark.parametrize("port", ["99999", "-1", "65536"])
def test_a_port_that_does_not_exist_is_refused_before_anything_is_built(port: str) -> None:
    done = run("run", f"--port={port}")

    assert (done.stdout, done.returncode) == ("", BadCommandLine.exit_code)
    assert done.stderr.splitlines()[-1] == (
        f"error: there is no port {port}; give one from 1 to 65535, or none for a free one"
    )


def test_a_task_works_on_the_project_around_the_current_folder() -> None:
    above = run("render")
    below = {
        folder: run("render", cwd=ROOT / folder) for folder in ("backend", "backend/todo_api/api", "docs")
    }

    assert above.returncode == 0
    assert {folder: (done.returncode, done.stdout) for folder, done in below.items()} == dict.fromkeys(
        below, (0, above.stdout)
    )


def test_a_named_project_wins_over_the_one_around_the_current_folder() -> None:
    here = ROOT / "tests/apps/layout_package/shop"

    assert "shop.main:app" in run("explain", cwd=here).stdout
    assert "service:web_service" in run("explain", "--project", "../../entry_any_name", cwd=here).stdout


def test_a_task_says_what_it_does_before_it_loads_anything() -> None:
    heavy = "{'docker', 'rich', 'httpx2', 'drydock.workspace', 'drydock.project'}"
    loaded = f"import sys, tasks, drydock.cli.program; print(sorted({heavy} & set(sys.modules)))"
    done = run("-c", loaded, command=[sys.executable])

    assert done.stdout == "[]\n"
    for command in (DRYDOCK, INVOKE):
        done = run("tag", "--project", "nowhere", command=command)
        assert done.stderr.splitlines()[0] == "tagging production"


def test_json_and_quiet_say_nothing_but_errors() -> None:
    for option in ("--json", "--quiet"):
        done = run("tag", option, "--project", "nowhere")

        assert done.stdout == ""
        assert done.stderr.startswith("error: ")
        assert done.returncode == NoProject.exit_code


def test_help_marks_a_value_that_may_be_left_out() -> None:
    assert "--upgrade[=TEXT] " in run("--help", "lock").stdout
    assert "--project=TEXT " in run("--help", "lock").stdout
