from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from drydock.doctor.errors import MachineFails
from drydock.engine.errors import NoEngine
from tests.conftest import ROOT


def run(root: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    merged = {**os.environ, "DRYDOCK_NO_ENGINE": "1", **environment}
    return subprocess.run([root / "run", *args], env=merged, check=False, capture_output=True, text=True)


def test_the_command_runs_in_the_projects_environment() -> None:
    done = run(ROOT, "python", "-c", "import sys, drydock; print(sys.prefix)")

    assert done.stdout.strip() == str(ROOT / ".venv")


def test_arguments_reach_the_command_as_they_are() -> None:
    assert run(ROOT, "printf", "%s|", "a b", "*", "").stdout == "a b|*||"


def test_the_commands_exit_code_is_kept() -> None:
    assert run(ROOT, "sh", "-c", "exit 7").returncode == 7


def test_no_command_is_a_clear_error() -> None:
    done = run(ROOT)

    assert done.returncode == 1
    assert done.stderr == "error: no command given; try `./run drydock --list`\n"


def test_an_option_in_place_of_a_command_is_a_clear_error() -> None:
    done = run(ROOT, "--help")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: --help is not a command; try `./run drydock --list`\n"


def test_an_engine_that_was_chosen_and_is_silent_is_a_clear_error() -> None:
    done = run(ROOT, "true", DRYDOCK_NO_ENGINE="", DOCKER_HOST="unix:///nowhere/docker.sock")

    assert done.returncode == NoEngine.exit_code
    assert done.stderr.startswith(
        "error: no Docker Engine answers (DOCKER_HOST unix:///nowhere/docker.sock: no socket)"
    )


@pytest.mark.parametrize("args", [("drydock", "--help"), ("drydock", "doctor"), ("invoke", "--list")])
def test_a_command_that_needs_no_engine_runs_without_one(args: tuple[str, ...]) -> None:
    done = run(ROOT, *args, DRYDOCK_NO_ENGINE="", DOCKER_HOST="unix:///nowhere/docker.sock")

    assert done.returncode in (0, MachineFails.exit_code)
    assert "build" in done.stdout


def test_nox_runs_from_a_subfolder() -> None:
    done = subprocess.run(
        ["../run", "nox", "--list"],
        cwd=ROOT / "docs",
        env={**os.environ, "DRYDOCK_NO_ENGINE": "1"},
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "* size_budget" in done.stdout


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_or_manifest_makes_the_environment_again(
    copy: Path, tmp_path: Path, changed: str
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    asked = tmp_path / "asked"
    (programs / "uv").write_text(
        f'#!/bin/sh\necho "$1 $2" >> {asked}\n'
        f'[ "$1" != venv ] || {{ mkdir -p {copy}/.venv/bin; cp "$0" {copy}/.venv/bin/python; }}\n'
    )
    (programs / "uv").chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"

    for _ in range(2):
        assert run(copy, "true", PATH=path).returncode == 0
    first = asked.read_text().splitlines()
    (copy / changed).write_text("# changed\n")
    assert run(copy, "true", PATH=path).returncode == 0

    assert [line.split()[0] for line in first] == ["venv", "pip", "pip"]
    assert asked.read_text().splitlines()[len(first) :] == ["pip sync", "pip install"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the script with an empty lock, for a quick set-up."""
    root = tmp_path / "copy"
    (root / "drydock").mkdir(parents=True)
    shutil.copy(ROOT / "run", root / "run")
    (root / "requirements.lock").write_text("")
    (root / "pyproject.toml").write_text("")
    return root


def test_where_pip_refuses_uv_goes_into_a_private_environment(copy: Path, tmp_path: Path) -> None:
    """python3's pip refuses, as on Debian, and its venv contains a uv that records its arguments."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "cmp", "mkdir", "dirname", "cp", "cat", "chmod", "env", "true", "date", "sleep"):
        (programs / name).symlink_to(shutil.which(name) or "")
    asked = tmp_path / "asked"
    made = copy / ".drydock/uv/bin"
    fake = f"""#!/bin/sh
case "$*" in
  "-m pip install"*) exit 1 ;;
  "-m venv"*) mkdir -p {made}; cp "$0" {made}/python2; cat > {made}/python <<'E'
#!/bin/sh
printf '#!/bin/sh\\necho uv "$@" >> {asked}\\n[ "$1" != venv ] || mkdir -p {copy}/.venv/bin\\n' > {made}/uv
chmod +x {made}/uv
E
chmod +x {made}/python ;;
esac
"""
    (programs / "python3").write_text(fake)
    (programs / "python3").chmod(0o755)

    done = run(copy, "true", PATH=str(programs))

    assert done.returncode == 0, done.stderr
    assert "drydock: installing uv" in done.stderr
    assert [line.split()[1:3] for line in asked.read_text().splitlines()] == [
        ["venv", "--quiet"],
        ["pip", "sync"],
        ["pip", "install"],
    ]


def test_a_long_installation_gives_signs_of_life(copy: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "uv").write_text(
        "#!/bin/sh\n"
        'case "$1 $2" in "pip sync") sleep 5 ;; esac\n'
        f'[ "$1" != venv ] || {{ mkdir -p {copy}/.venv/bin; cp "$0" {copy}/.venv/bin/python; }}\n'
    )
    # A pause between two signs that held standard error would keep a reader waiting after the end.
    (programs / "sleep").write_text(
        f'#!/bin/sh\n[ "$1" != 2 ] || [ ! -e /proc/$$/fd/3 ] || touch {programs}/held\nexec /bin/sleep "$@"\n'
    )
    for program in programs.iterdir():
        program.chmod(0o755)

    done = run(copy, "true", PATH=f"{programs}:{os.environ['PATH']}")

    assert (done.returncode, done.stderr) == (0, "drydock: installing the locked tools into .venv\n..\n")
    assert not (programs / "held").exists()
