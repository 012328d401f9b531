"""The standard library in its archive, as the interpreter of these tests reads it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from assemble import library
from assemble.tree import Tree

from tests.conftest import write_files

ZIP = f"python{sys.version_info.major}{sys.version_info.minor}.zip"


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive of two modules, of which one was measured."""
    monkeypatch.setattr(library, "archive", lambda: Path("/") / ZIP)
    sources = {
        "shop/__init__.py": b"def order():\n    return 1 / 0\n",
        "stock.py": b"print('imported', __file__)\n",
    }
    library.pack(Tree(tmp_path), sources, frozenset({"shop/__init__.py"}))
    return tmp_path / ZIP


def run(script: str, *path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", "-c", script],
        env={"PYTHONPATH": ":".join(map(str, path))},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_archive_is_where_the_interpreter_looks_first() -> None:
    assert library.archive() == Path(sys.base_prefix, sys.platlibdir, ZIP)


def test_only_what_was_measured_has_bytecode_and_everything_its_source(packed: Path) -> None:
    assert ZipFile(packed).namelist() == ["shop/__init__.pyc", "shop/__init__.py", "stock.py"]


def test_tracebacks_from_the_archive_show_source_lines(packed: Path) -> None:
    script = "import shop, traceback\ntry: shop.order()\nexcept ArithmeticError: traceback.print_exc()"

    done = run(script, packed)

    assert f'File "/{ZIP}/shop/__init__.py", line 2, in order' in done.stderr
    assert "return 1 / 0" in done.stderr


def test_packing_twice_gives_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    sources = {name: ZipFile(packed).read(name) for name in ("shop/__init__.py", "stock.py")}
    once = packed.read_bytes()

    library.pack(Tree(tmp_path), sources, frozenset({"shop/__init__.py"}))

    assert packed.read_bytes() == once


def test_modules_are_named_by_their_source_and_decoded_once(packed: Path) -> None:
    customization = Path(library.__file__).parent
    script = (
        "import sys, zipimport; read = []\n"
        "decode = zipimport._get_module_code\n"
        "zipimport._get_module_code = lambda *given: read.append(given[1]) or decode(*given)\n"
        "import shop, stock; print(shop.__file__, read)"
    )

    done = run(script, customization, packed)

    assert done.stdout.splitlines() == [
        f"imported {packed}/stock.py",
        f"{packed}/shop/__init__.py ['shop', 'stock']",
    ]


def test_a_package_with_data_stays_a_folder(tmp_path: Path) -> None:
    write_files(tmp_path, {"json/__init__.py": "", "venv/__init__.py": "", "venv/activate": "", "a.py": ""})

    moved = library.modules(tmp_path, [*sorted(tmp_path.rglob("*.*")), tmp_path / "venv/activate"])

    assert [str(path.relative_to(tmp_path)) for path in moved] == ["a.py", "json/__init__.py"]


@pytest.mark.parametrize(
    ("name", "frozen"), [("os.py", True), ("importlib/util.py", True), ("json/__init__.py", False)]
)
def test_what_the_interpreter_holds_itself_is_known(name: str, frozen: bool) -> None:
    assert library.is_frozen(Path("/lib"), Path("/lib") / name) is frozen
