"""Common behaviour of all tasks: arguments, errors, the project, a full disk."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest
from invoke import Context, Exit

from drydock.errors import BadCommandLine, NoSpace
from drydock.project.errors import NoProject
from drydock.state.errors import StateNotWritten
from drydock.tasks.offer import Given, offer
from tests.conftest import write_files


@offer("writing", shared=())
def writer(given: Given, number: int = errno.ENOSPC) -> None:
    """Fail as the system does."""
    raise OSError(number, "the system's words", "/some/file")


@offer("looking", positional=("image",), shared=("project",))
def looker(given: Given, which: str, image: str = "") -> None:
    """Print what it was given."""
    sys.stdout.write(f"{which} {image} {given.project}\n")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_an_error_of_ours(number: int) -> None:
    with pytest.raises(Exit) as caught:
        writer(Context(), number)

    assert caught.value.code == NoSpace.exit_code
    assert str(caught.value.message).startswith(
        "error: no space left on the device during `drydock writer`; free some with `drydock clean`"
    )


def test_another_fault_of_the_system_keeps_its_traceback() -> None:
    with pytest.raises(PermissionError):
        writer(Context(), errno.EACCES)


@pytest.mark.parametrize("variable", ["XDG_STATE_HOME", "XDG_CACHE_HOME"])
@pytest.mark.parametrize("inner", ["", "drydock/key"])
def test_a_state_folder_that_cannot_be_written_is_named(
    variable: str, inner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path))
    path = tmp_path / inner

    @offer("writing", shared=())
    def keeper(given: Given) -> None:
        """Write where nothing may."""
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with pytest.raises(Exit) as caught:
        keeper(Context())

    assert caught.value.code == StateNotWritten.exit_code
    assert str(caught.value.message).startswith(f"error: {path} cannot be written: Permission denied; ")
    assert str(caught.value.message).endswith(f"or set {variable}")


def test_a_task_without_a_project_gets_the_one_around_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(
        tmp_path, {"requirements.txt": "", "shop/deep/main.py": "", "shop/deep/elsewhere/main.py": ""}
    )
    monkeypatch.chdir(tmp_path / "shop/deep")

    looker(Context(), "all")
    looker(Context(), "all", project="elsewhere")

    shown = capsys.readouterr()
    assert shown.out == "all  ../..\nall  elsewhere\n"
    assert shown.err == "looking\nthe project is in ../..\nlooking\n"


def test_an_option_is_not_taken_for_a_required_word(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as caught:
        looker(Context(), "--help")

    assert caught.value.code == BadCommandLine.exit_code
    assert str(caught.value.message) == (
        "error: --help is not a WHICH; ask with `invoke --help looker`, or give the WHICH first"
    )
    assert capsys.readouterr().out == ""


def test_a_project_that_is_not_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(Exit) as caught:
        looker(Context(), "all", project=str(tmp_path / "none"))

    assert caught.value.code == NoProject.exit_code
    assert str(caught.value.message) == (
        f"error: {tmp_path}/none is not a folder; name the project's folder with --project"
    )
