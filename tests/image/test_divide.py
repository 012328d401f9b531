from __future__ import annotations

import marshal
import sys
from pathlib import Path

import pytest
from divide import divide

from tests.conftest import write_files

TAG = sys.implementation.cache_tag


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_code_goes_one_way_and_everything_else_the_other(tmp_path: Path) -> None:
    tree, code, rest = (tmp_path / name for name in ("tree", "code", "rest"))
    names = ("app/shop/main.py", "app/shop/static/logo.svg", "opt/image/start.py", "opt/venv/lib/shop.py")
    write_files(tree, dict.fromkeys(names, ""))

    divide(tree, code, rest)

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

    divide(tree, code, rest)

    folders = [
        sorted(str(path.relative_to(half)) for path in half.rglob("*") if path.is_dir())
        for half in (code, rest)
    ]
    assert folders == [["app", "app/__pycache__", "app/empty"], ["app", "app/static", "app/static/page"]]


def test_a_folder_keeps_its_owner_where_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path / "tree", {"app/data/seed.csv": ""})
    owners: dict[str, tuple[int, int]] = {}
    monkeypatch.setattr("os.chown", lambda path, *owner: owners.setdefault(str(path), owner))

    divide(tmp_path / "tree", tmp_path / "code", tmp_path / "rest")

    found = (tmp_path / "tree/app/data").stat()
    assert owners[str(tmp_path / "rest/app/data")] == (found.st_uid, found.st_gid)


def test_bytecode_names_the_source_where_the_image_has_it(tmp_path: Path) -> None:
    write_files(tmp_path / "tree", {"app/main.py": ""})

    divide(tmp_path / "tree", tmp_path / "code", tmp_path / "rest")

    compiled = (tmp_path / f"code/app/__pycache__/main.{TAG}.pyc").read_bytes()
    assert marshal.loads(compiled[16:]).co_filename == "/app/main.py"  # noqa: S302 - written above


def test_a_module_that_does_not_compile_ends_the_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path / "tree", {"app/main.py": "def\n"})

    with pytest.raises(SystemExit):
        divide(tmp_path / "tree", tmp_path / "code", tmp_path / "rest")

    assert "SyntaxError" in capsys.readouterr().out
