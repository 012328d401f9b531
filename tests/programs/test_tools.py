"""Tools are installed from hashed locks: once, completely or not at all."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from drydock import command, programs
from drydock.errors import Exit
from drydock.programs.errors import ToolNotInstalled, UnknownTool
from tests.conftest import FakeProgram

WHEEL = "greeter-1.0-py3-none-any.whl"


def make_wheel(folder: Path) -> Path:
    """Write a wheel with a program that prints a greeting."""
    path = folder / WHEEL
    files = {
        "greeter.py": "def main():\n    print('hello')\n",
        "greeter-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n",
        "greeter-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "greeter-1.0.dist-info/entry_points.txt": "[console_scripts]\ngreeter = greeter:main\n",
    }
    files["greeter-1.0.dist-info/RECORD"] = "".join(f"{name},,\n" for name in files)
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for lock files in place of drydock's own, and an empty cache."""
    folder = tmp_path / "locks"
    folder.mkdir()
    monkeypatch.setattr(programs, "LOCKS", folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def write_lock(folder: Path, name: str, wheel: Path, digest: str) -> None:
    (folder / f"{name}.lock").write_text(
        f"# greeter>=1\ngreeter @ {wheel.as_uri()} --hash=sha256:{digest}\n", encoding="utf-8"
    )


def lock_wheel(folder: Path, name: str = "greeter") -> None:
    wheel = make_wheel(folder.parent)
    write_lock(folder, name, wheel, hashlib.sha256(wheel.read_bytes()).hexdigest())


def test_a_tool_runs_after_its_first_use(locks: Path) -> None:
    lock_wheel(locks)
    program = programs.tool("greeter")
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == "hello\n"


def test_the_second_use_installs_nothing(locks: Path) -> None:
    lock_wheel(locks)
    said: list[str] = []
    first = programs.tool("greeter", said.append)
    once = len(said)
    assert programs.tool("greeter", said.append) == first
    assert once > 0
    assert len(said) == once


def test_an_interrupted_installation_is_made_again(locks: Path) -> None:
    lock_wheel(locks)
    program = programs.tool("greeter")
    (programs.home("greeter") / programs.MARKER).unlink()
    program.write_text("cut off")
    assert "cut off" not in programs.tool("greeter").read_text()


def test_a_dangling_interpreter_is_installed_again(locks: Path) -> None:
    lock_wheel(locks)
    programs.tool("greeter")
    python = programs.home("greeter") / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python")
    programs.tool("greeter")
    assert python.exists()


def test_a_changed_lock_has_a_folder_of_its_own(locks: Path) -> None:
    lock_wheel(locks)
    before = programs.home("greeter")
    with (locks / "greeter.lock").open("a") as lock:
        lock.write("# changed\n")
    assert programs.home("greeter") != before


def test_a_wrong_hash_is_refused_and_leaves_nothing(locks: Path) -> None:
    write_lock(locks, "greeter", make_wheel(locks.parent), "0" * 64)
    with pytest.raises(ToolNotInstalled) as caught:
        programs.tool("greeter")
    assert caught.value.exit_code is Exit.MACHINE
    assert "hash" in caught.value.evidence.lower()
    assert not programs.home("greeter").exists()


def test_a_lock_without_the_program_is_refused(locks: Path) -> None:
    lock_wheel(locks, "other")
    with pytest.raises(ToolNotInstalled, match=r"other\.lock installs no program of that name"):
        programs.tool("other")


def test_an_unknown_tool_lists_those_there_are(locks: Path) -> None:
    lock_wheel(locks)
    with pytest.raises(UnknownTool, match=r"no lock file for the tool 'greter'; use one of greeter,"):
        programs.tool("greter")


def test_a_program_on_the_path_comes_before_the_locked_one(locks: Path, fake_program: FakeProgram) -> None:
    lock_wheel(locks)
    chosen = fake_program("greeter", "exit 0")
    assert programs.program("greeter") == chosen


def test_uvs_output_is_handed_on_by_lines_and_without_package_names() -> None:
    said: list[str] = []
    narrator = command.by_line(programs.narrated(said.append))
    for chunk in ("Resol", "ved 2 packages\n + at", "trs==26.1\nInstalled", " 2 packages\n"):
        narrator(chunk)
    assert said == ["  Resolved 2 packages", "  Installed 2 packages"]


@pytest.mark.parametrize(
    "lock", sorted(Path(programs.__file__).parent.glob("*.lock")), ids=lambda path: path.stem
)
def test_every_lock_pins_hashes_and_names_its_requirement(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    pins = [line for line in text.splitlines() if "==" in line and not line.startswith("#")]
    assert text.startswith("# ")
    assert "://" not in text
    assert pins
    assert all(line.endswith("\\") for line in pins)
