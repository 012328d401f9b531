"""Libraries opened by name, found by the trace of imports and of a start."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT, write_files


def load(name: str, file: str) -> ModuleType:
    """Import one of the trace's modules under a unique name: every such folder has a `__main__`."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "drydock/container/trace" / file)
    assert spec
    assert spec.loader
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The main module imports it by this name.
loader = load("loader", "loader.py")
trace = load("image_trace", "__main__.py")
LIBRARY = "/usr/lib/x86_64-linux-gnu/libmagic.so.1"


def seen(
    *loaded: str, by_name: tuple[str, ...] = (), looked_for: tuple[str, ...] = (), fault: str = ""
) -> object:
    faults = (loader.Fault("the application", fault, frozenset(looked_for)),) if fault else ()
    return loader.Trace(frozenset(loaded), frozenset(by_name), faults)


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
        " install the package with it in `dependencies` and name it in EXTRA_FILES"
    ]


def test_a_library_that_is_asked_for_by_every_systems_name_is_named_once_and_as_here() -> None:
    names = (
        "cairo-2",
        "libcairo.so.2",
        "libcairo.so",
        "liblibcairo.so.2.so",
        "libcairo.2.dylib",
        "libcairo-2.dll",
    )
    fault = "OSError: no library called cairo-2 was found\n" * 9

    [problem] = trace.judge(seen(looked_for=names, fault=fault), set())

    assert problem.startswith("the application looks for libcairo.so.2 and ends with 'OSError: no library")
    assert len(problem) < 400


def test_a_missing_library_is_named_though_another_was_found() -> None:
    names = ("libmagic.so.1", "libgone.so.9")

    [problem] = trace.judge(seen(LIBRARY, looked_for=names, fault="OSError: no"), set())

    assert problem.startswith("the application looks for libgone.so.9 and ends")


def test_what_the_loader_misses_is_named() -> None:
    fault = "ImportError: libpq.so.5: cannot open shared object file: No such file or directory"

    [problem] = trace.judge(seen(fault=fault), set())

    assert problem.startswith("the application looks for libpq.so.5 and ends with ")


def test_a_start_that_fails_for_another_reason_is_no_missing_library() -> None:
    assert trace.judge(seen(LIBRARY, fault="KeyError: 'DATABASE_URL'"), set()) == []


def test_the_loaders_words_about_other_programs_do_not_count() -> None:
    lines = ["  7:\tcalling init: /lib/libpcre2-8.so.0", "  7:\tinitialize program: /bin/ls"]

    assert list(loader.pythons_own(lines)) == []
    assert list(loader.pythons_own([lines[0], f"  7:\tinitialize program: {sys.executable}"])) != []


def test_a_start_is_traced_to_what_it_opens(tmp_path: Path) -> None:
    (tmp_path / "rootfs/app").mkdir(parents=True)
    (tmp_path / "rootfs/app/shop.py").write_text(
        "import ctypes\nctypes.CDLL('libresolv.so.2')\n"
        "try:\n    ctypes.CDLL('libgone.so.9')\nexcept OSError:\n    pass\n"
        "open('shop.db', 'w').close()\n"
        "def app():\n    raise KeyError('DATABASE_URL')\n"
    )
    (tmp_path / "written").mkdir()
    served = {"application": "shop:app", "factory": True, "path": ["/app"], "workdir": "/app"}
    write_files(tmp_path / "rootfs", {"opt/image/serve.json": json.dumps(served)})

    found = trace.start(tmp_path / "rootfs", tmp_path / "written", ["readline"])

    assert "libresolv.so.2" in found.by_name
    assert any(path.endswith("/libresolv.so.2") for path in found.loaded)
    names = frozenset({"libresolv.so.2", "libgone.so.9"})
    assert found.faults == (loader.Fault("the application", "KeyError: 'DATABASE_URL'", names),)
    # Files written beside its code did not reach the tree that becomes a layer.
    assert [path.name for path in (tmp_path / "rootfs/app").iterdir()] == ["shop.py"]


def test_statements_are_traced_each_by_itself(tmp_path: Path) -> None:
    statements = "ctypes.CDLL('libgone.so.9')\nctypes.CDLL('libresolv.so.2')\nimport nowhere  # optional\n"
    listing = write_files(tmp_path, {"imports.txt": statements}) / "imports.txt"

    script = [str(ROOT / "drydock/container/trace/statements.py"), str(listing)]
    found = loader.watched(script, tmp_path / "written", [])

    assert any(path.endswith("/libresolv.so.2") for path in found.loaded)
    gone, nowhere = found.faults
    assert (gone.what, gone.looked_for) == ("`ctypes.CDLL('libgone.so.9')`", {"libgone.so.9"})
    assert (gone.expected, nowhere.expected) == (False, True)


FIND = "import ctypes, ctypes.util\nname = ctypes.util.find_library('resolv')\n"


@pytest.mark.parametrize(
    ("module", "line", "refused"),
    [
        (f"{FIND}if name: ctypes.CDLL(name)\n", "import binding", False),
        (f"{FIND}try: ctypes.CDLL('libresolv.so.2')\nexcept OSError: pass\n", "import binding", False),
        (f"{FIND}ctypes.CDLL(name)\n", "import binding", True),
        (f"{FIND}if not name: raise ImportError('no resolv')\nctypes.CDLL(name)\n", "import binding", True),
        ("import ctypes\nctypes.CDLL('libresolv.so.2')\n", "import binding", True),
        # The application has it in a `try`: then it would go on without the whole module.
        ("import ctypes\nctypes.CDLL('libresolv.so.2')\n", "import binding  # optional", True),
        ("", "ctypes.CDLL('libresolv.so.2')  # caught", False),
        ("", "ctypes.CDLL('libresolv.so.2')  # optional", True),
        ("", "ctypes.CDLL('libresolv.so.2')", True),
    ],
)
def test_a_library_is_refused_if_anything_fails_without_it(
    module: str,
    line: str,
    refused: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_files(tmp_path, {"imports.txt": f"{line}\n", "lib/binding.py": module})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    # An image that has all libraries but this one.
    monkeypatch.setattr(trace, "has", lambda path, _: "libresolv" not in path)
    monkeypatch.setattr(trace, "absent", lambda _: [])
    monkeypatch.setattr(trace, "left_out", lambda _: {})

    code = trace.main("imports", str(tmp_path / "imports.txt"))

    [said] = capsys.readouterr().err.splitlines()
    kind, how = ("error", "") if refused else ("drydock", " to have it")
    assert said.startswith(f"{kind}: /")
    assert said.endswith(f"name libresolv.so.2 in EXTRA_FILES{how}")
    assert code == int(refused)


def test_a_library_that_another_caller_than_ctypes_opens_stays_needed() -> None:
    first = seen(LIBRARY, by_name=("libmagic.so.1",))

    assert trace.dispensable(first, seen(LIBRARY), {LIBRARY}) == set()
    assert trace.dispensable(first, seen(), {LIBRARY}) == {LIBRARY}


def test_of_two_libraries_the_one_that_a_failure_names_is_needed() -> None:
    cairo = "/usr/lib/x86_64-linux-gnu/libcairo.so.2"
    first = seen(LIBRARY, cairo, by_name=("libmagic.so.1", "libcairo.so.2"))

    without = seen(fault="OSError: libcairo.so.2: no", looked_for=("libcairo.so.2",))
    assert trace.dispensable(first, without, {LIBRARY, cairo}) == {LIBRARY}
    assert trace.dispensable(first, seen(fault="KeyError: 1"), {LIBRARY, cairo}) == set()


def test_modules_that_the_image_lacks_cannot_be_imported(tmp_path: Path) -> None:
    listing = write_files(tmp_path, {"imports.txt": "import readline\n"}) / "imports.txt"
    (tmp_path / "written").mkdir()

    script = [str(ROOT / "drydock/container/trace/statements.py"), str(listing)]
    [fault] = loader.watched(script, tmp_path / "written", ["readline"]).faults

    assert fault.what == "`import readline`"


@pytest.mark.parametrize(
    ("why", "alike"),
    [
        ("ModuleNotFoundError: No module named 'pytest'", True),
        ("ModuleNotFoundError: No module named '_curses'", False),
        ("RuntimeError: no configuration", False),
    ],
)
def test_a_failure_is_alike_in_slim_if_its_module_is_installed_nowhere(why: str, alike: bool) -> None:
    assert trace.alike(loader.Fault("import shop", why), ["_curses", "_tkinter"]) is alike


@pytest.mark.parametrize(
    ("line", "refused"),
    [("import ensurepip", True), ("import ensurepip  # optional", False), ("import turtle", False)],
)
def test_a_module_that_only_slims_standard_library_has_is_refused(
    line: str,
    refused: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_files(tmp_path, {"imports.txt": f"{line}\n"})
    monkeypatch.setattr(trace, "absent", lambda _: [])
    monkeypatch.setattr(trace, "has", lambda path, _: not path.endswith(("/ensurepip", "/turtle.py")))

    assert trace.main("imports", str(tmp_path / "imports.txt")) == int(refused)

    said = capsys.readouterr().err
    assert ("/ensurepip in EXTRA_FILES" in said) is refused


def test_a_module_that_a_distribution_brings_is_not_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, {"std/test/__init__.py": "", "std/json.py": "", "site/test/__init__.py": ""})
    monkeypatch.setattr(
        trace.sysconfig, "get_path", lambda name: str(tmp_path / {"stdlib": "std", "purelib": "site"}[name])
    )

    assert trace.left_out([]) == {"json": tmp_path / "std/json.py"}
