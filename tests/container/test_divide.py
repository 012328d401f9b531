from __future__ import annotations

import marshal
import sys
from pathlib import Path

import pytest
from divide import imports, trees

from tests.conftest import write_files

TAG = sys.implementation.cache_tag


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_code_goes_one_way_and_everything_else_the_other(tmp_path: Path) -> None:
    tree, code, rest = (tmp_path / name for name in ("tree", "code", "rest"))
    names = ("app/shop/main.py", "app/shop/static/logo.svg", "opt/image/start.py", "opt/venv/lib/shop.py")
    write_files(tree, dict.fromkeys(names, ""))

    trees.divide(tree, code, rest, "/app")

    assert files(tree) == list(names)
    assert files(code) == [
        f"app/shop/__pycache__/main.{TAG}.pyc",
        "app/shop/main.py",
        f"opt/venv/lib/__pycache__/shop.{TAG}.pyc",
        "opt/venv/lib/shop.py",
    ]
    assert files(rest) == [
        "app/shop/static/logo.svg",
        f"opt/image/__pycache__/start.{TAG}.pyc",
        "opt/image/start.py",
    ]


def test_a_folder_stands_in_both_trees_only_where_both_have_files(tmp_path: Path) -> None:
    tree, code, rest = (tmp_path / name for name in ("tree", "code", "rest"))
    write_files(tree, {"app/main.py": "", "app/logo.svg": "", "app/static/page/index.html": ""})
    (tree / "app/empty").mkdir()

    trees.divide(tree, code, rest, "/app")

    folders = [
        sorted(str(path.relative_to(half)) for path in half.rglob("*") if path.is_dir())
        for half in (code, rest)
    ]
    assert folders == [["app", "app/__pycache__", "app/empty"], ["app", "app/static", "app/static/page"]]


def test_a_folder_keeps_its_owner_where_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path / "tree", {"app/data/seed.csv": ""})
    owners: dict[str, tuple[int, int]] = {}
    monkeypatch.setattr("os.chown", lambda path, *owner: owners.setdefault(str(path), owner))

    trees.divide(tmp_path / "tree", tmp_path / "code", tmp_path / "rest", "/app")

    found = (tmp_path / "tree/app/data").stat()
    assert owners[str(tmp_path / "rest/app/data")] == (found.st_uid, found.st_gid)


def test_bytecode_names_the_source_where_the_image_has_it(tmp_path: Path) -> None:
    write_files(tmp_path / "tree", {"app/main.py": ""})

    trees.divide(tmp_path / "tree", tmp_path / "code", tmp_path / "rest", "/app")

    compiled = (tmp_path / f"code/app/__pycache__/main.{TAG}.pyc").read_bytes()
    assert marshal.loads(compiled[16:]).co_filename == "/app/main.py"  # noqa: S302 - written above


def test_a_module_that_does_not_compile_ends_the_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path / "tree", {"app/main.py": "def\n"})

    with pytest.raises(SystemExit):
        trees.divide(tmp_path / "tree", tmp_path / "code", tmp_path / "rest", "/app")

    assert "SyntaxError" in capsys.readouterr().out


def test_the_folder_that_the_application_runs_in_is_there_below_its_code(tmp_path: Path) -> None:
    write_files(tmp_path / "tree", {"app/main.py": ""})

    trees.divide(tmp_path / "tree", tmp_path / "code", tmp_path / "rest", "/app")

    assert [path.name for path in (tmp_path / "rest").rglob("*")] == ["app"]


def test_an_empty_folder_goes_with_the_code(tmp_path: Path) -> None:
    (tmp_path / "tree/app/data").mkdir(parents=True)

    trees.divide(tmp_path / "tree", tmp_path / "code", tmp_path / "rest", "/app")

    assert (tmp_path / "code/app/data").is_dir()
    assert not (tmp_path / "rest/app/data").exists()


def test_what_is_settled_has_one_time_and_is_written_by_its_owner_alone(tmp_path: Path) -> None:
    write_files(tmp_path, {"tree/run.sh": "", "tree/data.txt": ""})
    (tmp_path / "tree/run.sh").chmod(0o700)
    (tmp_path / "tree/data.txt").chmod(0o666)
    (tmp_path / "tree/link").symlink_to("nowhere")

    trees.settle(tmp_path / "tree", 86400.0)

    found = {path.name: path.lstat() for path in (tmp_path / "tree", *(tmp_path / "tree").iterdir())}
    assert {status.st_mtime for status in found.values()} == {86400.0}
    modes = {name: oct(status.st_mode & 0o777) for name, status in found.items() if name != "link"}
    assert modes == {"tree": "0o755", "run.sh": "0o755", "data.txt": "0o644"}


def listed(tmp_path: Path, source: str) -> list[str]:
    write_files(tmp_path, {"app/shop/main.py": source, "app/shop/openai.py": ""})
    return imports.statements(tmp_path, [tmp_path / "app"])


def test_imports_of_others_are_listed_the_deferred_ones_too(tmp_path: Path) -> None:
    source = (
        "import json, fastapi, shop.openai\nfrom . import openai\n"
        "def answer():\n    from openai import OpenAI\n    importlib.import_module('agents.mcp')\n"
    )

    assert listed(tmp_path, source) == ["from openai import OpenAI", "import agents.mcp", "import fastapi"]


def test_what_the_code_can_do_without_is_marked(tmp_path: Path) -> None:
    source = (
        "try:\n    import magic\nexcept ImportError:\n    magic = None\n"
        "if DEBUG:\n    import pudb\n"
        "if TYPE_CHECKING:\n    from mypy_extensions import VarArg\n"
    )

    assert listed(tmp_path, source) == ["import magic  # optional", "import pudb  # optional"]


def test_an_import_that_is_needed_anywhere_is_needed(tmp_path: Path) -> None:
    assert listed(tmp_path, "if DEBUG:\n    import magic\nimport magic\n") == ["import magic"]


def test_libraries_that_are_opened_by_a_literal_name_are_listed(tmp_path: Path) -> None:
    source = "import ctypes\nctypes.CDLL('libmagic.so.1')\nfind_library('mount')\nctypes.CDLL(name)\n"

    assert listed(tmp_path, source) == ["ctypes.CDLL('libmagic.so.1')", "ctypes.util.find_library('mount')"]


def test_a_change_that_imports_nothing_new_leaves_the_list_alone(tmp_path: Path) -> None:
    before = listed(tmp_path, "import fastapi\nimport jwt\n")

    assert listed(tmp_path, "import jwt\nPRICE = 1\nimport fastapi\n") == before
