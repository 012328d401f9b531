"""Declarations of libraries that a project opens by name, and their effect in the image."""

from __future__ import annotations

import ctypes.util
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from assemble import extras
from assemble.tree import Tree

from drydock.workspace import Workspace
from tests.conftest import ROOT, MakeProject, write_files


def test_a_library_is_found_as_the_loader_finds_it() -> None:
    [found] = extras.find("libresolv.so.2")

    assert found.name == "libresolv.so.2"
    assert found.is_absolute()


def test_a_program_is_found_on_the_path() -> None:
    assert [path.name for path in extras.find("ls")] == ["ls"]


def test_a_pattern_names_every_file_that_fits(tmp_path: Path) -> None:
    write_files(tmp_path, {"magic.mgc": "", "magic.mime": "", "other": ""})

    assert extras.find(f"{tmp_path}/magic*") == [tmp_path / "magic.mgc", tmp_path / "magic.mime"]


def test_a_folder_is_taken_with_all_that_it_holds(tmp_path: Path) -> None:
    write_files(tmp_path / "share", {"a": "", "deep/b": ""})
    tree = Tree(tmp_path / "tree")

    extras.take(tree, [str(tmp_path / "share")])

    assert [path.name for path in tree.files()] == ["a", "b"]


def test_what_is_nowhere_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(
        SystemExit, match=r"EXTRA_FILES names libgone\.so\.9, which was not found; install it in"
    ):
        extras.take(Tree(tmp_path), ["libgone.so.9"])


def test_what_the_configuration_declares_reaches_the_build(make_project: MakeProject) -> None:
    table = '[tool.drydock]\nextra-files = ["git", "libmagic.so.1"]\n'
    project = make_project({"pyproject.toml": f'[project]\nname = "shop"\n{table}'})
    engine: Any = None
    base: Any = SimpleNamespace(reference="python:3.13-slim")

    args = Workspace(engine, project, _base=base).build_args()

    assert args["EXTRA_FILES"] == "git libmagic.so.1"


def test_the_images_ldconfig_answers_ctypes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "libmagic.so.1").touch()
    text = (ROOT / "drydock/container/assemble/ldconfig.py").read_text()
    program = tmp_path / "ldconfig"
    program.write_text(f"#!{sys.executable} -IS\n" + text.replace("= ()", f"= ({str(tmp_path)!r},)"))
    program.chmod(0o755)
    real = subprocess.Popen

    def popen(command: list[str], **options: object) -> object:
        return real([str(program), *command[1:]], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", popen)

    assert ctypes.util._findSoname_ldconfig("magic") == "libmagic.so.1"  # type: ignore[attr-defined]
