"""Libraries that are opened by name: what the trace of a start tells about them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT


def load(name: str) -> ModuleType:
    """Import the trace's main module under a name of its own: every folder like it has a `__main__`."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "image/trace/__main__.py")
    assert spec
    assert spec.loader
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


trace = load("image_trace")
LIBRARY = "/usr/lib/x86_64-linux-gnu/libmagic.so.1"


def seen(
    *loaded: str, by_name: tuple[str, ...] = (), looked_for: tuple[str, ...] = (), fault: str = ""
) -> object:
    return trace.Trace(frozenset(loaded), frozenset(by_name), frozenset(looked_for), fault)


def test_a_library_that_the_image_lacks_is_named_with_what_to_do() -> None:
    assert trace.judge(seen(LIBRARY, by_name=("libmagic.so.1",)), {LIBRARY}) == [
        f"{LIBRARY} is opened at run time and is not in the image; name libmagic.so.1 in EXTRA_FILES"
    ]


def test_what_an_opened_library_needs_is_not_named_beside_it() -> None:
    needed = "/usr/lib/x86_64-linux-gnu/liblzma.so.5"

    problems = trace.judge(seen(LIBRARY, needed, by_name=("libmagic.so.1",)), {LIBRARY, needed})

    assert len(problems) == 1


def test_a_library_that_is_nowhere_and_ends_the_application_is_named() -> None:
    fault = "ImportError: failed to find libmagic"

    assert trace.judge(seen(looked_for=("libmagic.so",), fault=fault), set()) == [
        f"the application looks for libmagic.so and ends with '{fault}';"
        " install what has it in `dependencies` and name it in EXTRA_FILES"
    ]


def test_a_library_that_an_application_does_without_is_no_fault() -> None:
    assert trace.judge(seen(looked_for=("libmagic.so",)), set()) == []


def test_a_start_that_fails_for_another_reason_is_no_missing_library() -> None:
    assert trace.judge(seen(LIBRARY, fault="KeyError: 'DATABASE_URL'"), set()) == []


def test_the_loaders_words_about_other_programs_do_not_count() -> None:
    lines = ["  7:\tcalling init: /lib/libpcre2-8.so.0", "  7:\tinitialize program: /bin/ls"]

    assert list(trace.pythons_own(lines)) == []
    assert list(trace.pythons_own([lines[0], f"  7:\tinitialize program: {sys.executable}"])) != []


def test_a_start_is_traced_to_what_it_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rootfs/app").mkdir(parents=True)
    (tmp_path / "rootfs/app/shop.py").write_text(
        "import ctypes\nctypes.CDLL('libresolv.so.2')\n"
        "try:\n    ctypes.CDLL('libgone.so.9')\nexcept OSError:\n    pass\n"
        "open('shop.db', 'w').close()\n"
        "def app():\n    raise KeyError('DATABASE_URL')\n"
    )
    (tmp_path / "written").mkdir()
    monkeypatch.setattr(trace, "ROOTFS", str(tmp_path / "rootfs"))
    monkeypatch.setenv("APP_ENTRY_POINT", "shop:app")
    monkeypatch.setenv("APP_FACTORY", "1")

    found = trace.start(tmp_path / "written", ["readline"])

    assert "libresolv.so.2" in found.by_name
    assert any(path.endswith("/libresolv.so.2") for path in found.loaded)
    assert found.looked_for == {"libresolv.so.2", "libgone.so.9"}
    assert found.fault == "KeyError: 'DATABASE_URL'"
    # What it wrote beside its code did not reach the tree that becomes a layer.
    assert [path.name for path in (tmp_path / "rootfs/app").iterdir()] == ["shop.py"]
