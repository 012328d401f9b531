"""`lock` with the real tools against a small index: kept pins, upgrades, and the state after a failure."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from drydock import recipe
from drydock.detect.tools import Upgrade
from drydock.project.lock import pins, requirements_pins
from drydock.recipe import locking, packaged
from drydock.recipe.errors import NotInLock, NotLocked, NotResolved
from drydock.recipe.markers import are_equal, kept
from tests.conftest import ROOT, write_files
from tests.support.index import Index, served

MAIN = "from fastapi import FastAPI\n\napp = FastAPI()\n"
MANIFEST = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = [{}]\n'
DIFFERENCE = packaged.folder() / "install/difference.py"
BOTH = ("requirements.lock", "requirements-test.lock")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """An index with one version of each dependency of a small application and its tests."""
    with served(tmp_path / "index") as found:
        found.add("starlette", "1.0")
        found.add("fastapi", "1.0", ["starlette>=1"])
        for name in ("uvicorn", "httpx", "pytest", "orjson"):
            found.add(name, "1.0")
        found.add("setuptools", "80.0")
        monkeypatch.setenv("UV_DEFAULT_INDEX", found.url)
        monkeypatch.setenv("UV_NO_CONFIG", "1")
        monkeypatch.setenv("UV_NO_CACHE", "1")
        yield found


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of resolutions for this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def newer(index: Index) -> None:
    """Publish a newer version of all packages."""
    index.add("starlette", "1.1")
    index.add("fastapi", "1.1", ["starlette>=1"])
    for name in ("uvicorn", "httpx", "pytest", "orjson"):
        index.add(name, "1.1")


def texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()
    }


def held(folder: Path, name: str) -> Mapping[str, str]:
    return pins(name, (folder / name).read_text())


@pytest.fixture
def shop(index: Index, tmp_path: Path) -> Path:
    """A project with locks made by `lock`, and an index with newer versions."""
    manifest = MANIFEST.format('"fastapi", "uvicorn"')
    folder = write_files(tmp_path / "shop", {"main.py": MAIN, "pyproject.toml": manifest})
    locking.lock(folder)
    newer(index)
    return folder


def test_a_project_without_a_lock_gets_one_for_itself_and_one_for_its_tests(shop: Path) -> None:
    assert held(shop, "requirements.lock") == {"fastapi": "1.0", "starlette": "1.0", "uvicorn": "1.0"}
    assert held(shop, "requirements-test.lock") == {"pytest": "1.0", "httpx": "1.0"}
    assert (shop / "requirements.lock").read_text().count("--hash=sha256:") == 3


def test_a_title_in_the_place_of_a_name_does_not_end_the_lock_of_requirements(
    index: Index, tmp_path: Path
) -> None:
    manifest = '[project]\nname = "Todo Web Application"\nversion = "1"\n'
    files = {"main.py": MAIN, "pyproject.toml": manifest, "requirements.txt": "fastapi\nuvicorn\n"}
    folder = write_files(tmp_path / "shop", files)

    locking.lock(folder)

    assert held(folder, "requirements.lock") == {"fastapi": "1.0", "starlette": "1.0", "uvicorn": "1.0"}


def test_a_second_run_changes_no_byte(shop: Path) -> None:
    before = texts(shop)

    renewed = locking.lock(shop)

    assert texts(shop) == before
    assert [(one.path, one.changed) for one in renewed] == [(name, False) for name in BOTH]


def test_a_new_dependency_moves_no_other_pin(shop: Path) -> None:
    before = {name: (shop / name).read_text() for name in BOTH}
    write_files(shop, {"pyproject.toml": MANIFEST.format('"fastapi", "uvicorn", "orjson"')})

    locking.lock(shop)

    assert (shop / BOTH[1]).read_text() == before[BOTH[1]]
    after = (shop / BOTH[0]).read_text()
    assert held(shop, BOTH[0])["orjson"] == "1.1"
    assert re.sub(r"^orjson==.*\n(?:    --hash.*\n)+", "", after, flags=re.MULTILINE) == before[BOTH[0]]


def test_a_changed_bound_moves_that_pin_alone(shop: Path) -> None:
    write_files(shop, {"pyproject.toml": MANIFEST.format('"fastapi>=1.1", "uvicorn"')})

    locking.lock(shop)

    assert held(shop, BOTH[0]) == {"fastapi": "1.1", "starlette": "1.0", "uvicorn": "1.0"}
    assert held(shop, BOTH[1]) == {"pytest": "1.0", "httpx": "1.0"}


def test_a_removed_dependency_leaves_the_lock(shop: Path) -> None:
    write_files(shop, {"pyproject.toml": MANIFEST.format('"fastapi"')})
    command = "uv pip compile --universal --generate-hashes --no-header --no-annotate pyproject.toml"
    lock = shop / BOTH[0]
    lock.write_text(re.sub(r"^(#   ).*$", rf"\1{command}", lock.read_text(), flags=re.MULTILINE))

    locking.lock(shop)

    assert held(shop, BOTH[0]) == {"fastapi": "1.0", "starlette": "1.0"}
    assert f"#   {command}\n" in lock.read_text()


@pytest.mark.parametrize(("name", "of"), [("starlette", 0), ("pytest", 1)])
def test_one_package_is_upgraded_alone(shop: Path, name: str, of: int) -> None:
    before = [held(shop, lock) for lock in BOTH]
    before[of] = {**before[of], name: "1.1"}

    locking.lock(shop, Upgrade(names=(name,)))

    assert [held(shop, lock) for lock in BOTH] == before


def test_all_pins_move_when_asked_and_heads_and_hashes_stay(shop: Path) -> None:
    heads = [(shop / name).read_text().splitlines()[0] for name in BOTH]

    locking.lock(shop, Upgrade(all=True))

    assert {version for name in BOTH for version in held(shop, name).values()} == {"1.1"}
    assert [(shop / name).read_text().splitlines()[0] for name in BOTH] == heads
    assert [(shop / name).read_text().count("--hash=sha256:") for name in BOTH] == [3, 2]


def test_locks_without_a_head_keep_their_form(index: Index, tmp_path: Path) -> None:
    manifest = MANIFEST.format('"fastapi", "uvicorn"') + '[dependency-groups]\ntest = ["pytest"]\n'
    folder = write_files(tmp_path / "shop", {"main.py": MAIN, "pyproject.toml": manifest})
    locking.lock(folder)
    bare = "\n".join(line for line in (folder / BOTH[0]).read_text().splitlines() if line[:1] != "#") + "\n"
    write_files(folder, {BOTH[0]: bare, BOTH[1]: bare})
    newer(index)

    locking.lock(folder)

    assert (folder / BOTH[0]).read_text() == bare
    assert held(folder, BOTH[1]) == {**held(folder, BOTH[0]), "pytest": "1.1"}
    assert "#" not in (folder / BOTH[1]).read_text()


def test_pins_of_the_tests_that_production_s_newest_versions_do_not_suit_make_them_older(
    index: Index, tmp_path: Path
) -> None:
    for version in ("0.12", "0.16"):
        index.add("h11", version)
    index.add("uvicorn", "2.0", ["h11>=0.11"])
    index.add("httpx", "0.23", ["h11<0.13"])
    manifest = MANIFEST.format('"fastapi", "uvicorn"') + '[dependency-groups]\ndev = ["httpx==0.23"]\n'
    shop = write_files(tmp_path / "shop", {"main.py": MAIN, "pyproject.toml": manifest})

    recipe.init(shop, {})

    assert ["h11==0.12" in (shop / name).read_text() for name in BOTH] == [True, True]


def test_a_lock_by_pip_compile_keeps_its_head_and_notes(index: Index, tmp_path: Path) -> None:
    head = "#\n# This file is autogenerated by pip-compile with Python 3.11\n# by the following command:\n#\n"
    command = "#    pip-compile --generate-hashes requirements.in\n#\n"
    files = {"main.py": MAIN, "requirements.in": "fastapi\n", "requirements.txt": f"{head}{command}"}
    folder = write_files(tmp_path / "shop", files)
    locking.lock(folder)
    newer(index)
    write_files(folder, {"requirements.in": "fastapi\norjson\n"})

    locking.lock(folder)

    text = (folder / "requirements.txt").read_text()
    assert text.startswith(head + command)
    assert pins("requirements.txt", text) == {"fastapi": "1.0", "orjson": "1.1", "starlette": "1.0"}
    assert "# via fastapi" in text


def test_what_setup_py_declares_is_read_again(index: Index, tmp_path: Path) -> None:
    setup = "from setuptools import setup\n\nsetup(name='shop', install_requires=[{}])\n"
    files = {"main.py": MAIN, "setup.py": setup.format("'fastapi', 'uvicorn'")}
    folder = write_files(tmp_path / "shop", files)
    first = [one.path for one in locking.lock(folder)]
    newer(index)
    write_files(folder, {"setup.py": setup.format("'fastapi', 'uvicorn', 'orjson'")})

    assert [one.path for one in locking.lock(folder)] == first == [BOTH[0], "requirements-build.lock"]

    wanted = {"fastapi": "1.0", "orjson": "1.1", "starlette": "1.0", "uvicorn": "1.0"}
    assert held(folder, BOTH[0]) == wanted
    assert "fastapi uvicorn orjson | uv pip compile" in (folder / BOTH[0]).read_text()


def test_an_installed_project_gets_four_files_at_most_and_its_build_is_locked_with_the_tests(
    index: Index, tmp_path: Path, own_cache: None
) -> None:
    main = f"from importlib.metadata import entry_points\n\nentry_points(group='plugins')\n{MAIN}"
    more = '[project.entry-points.plugins]\na = "main:app"\n[dependency-groups]\ndev = ["orjson"]\n'
    manifest = MANIFEST.format('"fastapi", "uvicorn"') + more + '[build-system]\nrequires = ["setuptools"]\n'
    folder = write_files(tmp_path / "shop", {"main.py": main, "pyproject.toml": manifest})

    made = [change.path for change in recipe.init(folder, {}).changes]

    assert sorted(made) == [".dockerignore", "Dockerfile", "requirements-test.lock", "requirements.lock"]
    assert recipe.init(folder, {}).changes == ()
    text = (folder / "Dockerfile").read_text()
    assert "source=requirements-test.lock,target=/build.lock" in text
    cut = re.search(r"sed -n '\S.*?' /build.lock", text)
    assert cut
    words = shlex.split(cut[0].replace("/build.lock", f"{folder}/requirements-test.lock"))
    build = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert requirements_pins(build) == {"setuptools": "80.0"}
    # The tests' own part does not hold them.
    lock = str(folder / "requirements-test.lock")
    tests = subprocess.run(
        [sys.executable, str(DIFFERENCE), lock, "/nowhere"], check=True, capture_output=True
    )
    assert set(requirements_pins(tests.stdout.decode())) == {"httpx", "orjson", "pytest"}

    newer(index)
    index.add("setuptools", "81.0")
    locking.lock(folder)
    assert (folder / "requirements-test.lock").read_text().endswith(build)
    locking.lock(folder, Upgrade(names=("setuptools",)))
    assert held(folder, "requirements-test.lock")["setuptools"] == "81.0"
    assert held(folder, "requirements-test.lock")["orjson"] == "1.0"


def test_the_lock_of_the_tools_above_the_application_holds_all_groups(index: Index, tmp_path: Path) -> None:
    tools = (
        MANIFEST.format('"httpx"') + '[dependency-groups]\ndev = ["orjson"]\n[tool.drydock]\nsource = "api"\n'
    )
    files = {
        "pyproject.toml": tools,
        "requirements.lock": "httpx==1.0\n",
        "api/main.py": MAIN,
        "api/pyproject.toml": MANIFEST.format('"fastapi"'),
        "api/requirements.lock": "fastapi==1.0\n",
    }
    folder = write_files(tmp_path / "shop", files)
    newer(index)

    renewed = locking.lock(folder)

    assert {one.path: one.new for one in renewed} == {
        "api/requirements.lock": {"fastapi": "1.0", "starlette": "1.1"},
        "api/requirements-test.lock": {"httpx": "1.1", "pytest": "1.1"},
        "requirements.lock": {"httpx": "1.0", "orjson": "1.1"},
    }


def test_a_package_that_no_lock_holds_is_not_upgraded(shop: Path) -> None:
    before = texts(shop)

    with pytest.raises(NotInLock, match=r"contains 'starlete'; did you mean `starlette`\?"):
        locking.lock(shop, Upgrade(names=("starlete",)))

    assert texts(shop) == before


def test_a_declaration_that_cannot_be_met_leaves_every_lock(shop: Path) -> None:
    write_files(shop, {"pyproject.toml": MANIFEST.format('"fastapi", "orjson>=2"')})
    before = texts(shop)

    with pytest.raises(NotLocked, match="No solution found"):
        locking.lock(shop)

    assert texts(shop) == before


def test_a_cache_that_cannot_be_written_is_not_the_declarations_fault(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = texts(shop)
    monkeypatch.delenv("UV_NO_CACHE")
    monkeypatch.setenv("UV_CACHE_DIR", str(shop / "main.py/cache"))

    with pytest.raises(NotResolved, match=r"Failed to initialize cache.* and repeat the command"):
        locking.lock(shop)

    assert texts(shop) == before


def test_a_package_that_refuses_old_pythons_narrows_the_supported_ones(
    index: Index, tmp_path: Path, own_cache: None
) -> None:
    index.add("orjson", "2.0", python=">=3.12")
    files = {"main.py": MAIN, "requirements.txt": "fastapi\nuvicorn\norjson>=2\n"}
    folder = write_files(tmp_path / "shop", files)

    locking.lock(folder)

    assert held(folder, "requirements.lock")["orjson"] == "2.0"
    assert "--python-version=3.12" in (folder / "requirements.lock").read_text()


def test_versions_that_fit_together_on_no_python_are_refused(
    index: Index, tmp_path: Path, own_cache: None
) -> None:
    files = {"main.py": MAIN, "requirements.txt": "fastapi\nuvicorn\norjson>=2\n"}
    folder = write_files(tmp_path / "shop", files)

    with pytest.raises(NotLocked, match="No solution found"):
        locking.lock(folder)

    assert texts(folder) == files


def test_a_lock_that_cannot_be_written_takes_none_along(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(shop, {"pyproject.toml": MANIFEST.format('"fastapi>=1.1", "uvicorn"')})
    before = texts(shop)
    replace = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if target.name == "requirements-test.lock":
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        locking.lock(shop, Upgrade(all=True))

    assert texts(shop) == before


class Waiting(BaseHTTPRequestHandler):
    """Keeps a tool waiting for its answer."""

    asked = Event()

    def do_GET(self) -> None:
        self.asked.set()
        time.sleep(60)

    def log_message(self, *_: object) -> None:
        """Discard the line."""


def test_ctrl_c_leaves_the_old_locks(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(shop, {"pyproject.toml": MANIFEST.format('"fastapi", "orjson"')})
    before = texts(shop)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Waiting)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.server_port}")
    words = [sys.executable, "-m", "drydock.cli", "lock", "--upgrade", f"--project={shop}"]

    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert Waiting.asked.wait(30)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    server.shutdown()
    server.server_close()

    assert process.returncode != 0
    assert "Traceback" not in said
    assert texts(shop) == before


def test_uv_s_own_lock_is_renewed_by_uv(index: Index, tmp_path: Path) -> None:
    manifest = MANIFEST.format('"fastapi", "uvicorn"')
    folder = write_files(
        tmp_path / "shop", {"main.py": MAIN, "pyproject.toml": f"{manifest}[tool.uv]\npackage = false\n"}
    )
    locking.lock(folder)
    newer(index)
    write_files(
        folder,
        {
            "pyproject.toml": MANIFEST.format('"fastapi", "uvicorn", "orjson"')
            + "[tool.uv]\npackage = false\n"
        },
    )

    locking.lock(folder)
    after = held(folder, "uv.lock")
    locking.lock(folder, Upgrade(names=("starlette",)))

    assert set(texts(folder)) == {"main.py", "pyproject.toml", "uv.lock"}
    assert (after["fastapi"], after["starlette"], after["orjson"]) == ("1.0", "1.0", "1.1")
    assert held(folder, "uv.lock") == {**after, "starlette": "1.1"}


POETRY = """\
[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = [{wanted}]
[tool.poetry]
package-mode = false
[[tool.poetry.source]]
name = "here"
url = "{url}"
[tool.poetry.group.test.dependencies]
pytest = "*"
"""
PDM = """\
[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = [{wanted}]
[dependency-groups]
test = ["pytest"]
[tool.pdm]
distribution = false
[[tool.pdm.source]]
name = "pypi"
url = "{url}"
"""
PIPFILE = """\
[[source]]
name = "here"
url = "{url}"
verify_ssl = false
[packages]
{wanted}
[dev-packages]
pytest = "*"
"""


@pytest.mark.parametrize(
    ("manifest", "text", "lock", "along"),
    [
        ("pyproject.toml", POETRY, "poetry.lock", []),
        ("pyproject.toml", PDM, "pdm.lock", []),
        # Pipenv upgrades a package together with its dependencies.
        ("Pipfile", PIPFILE, "Pipfile.lock", ["starlette"]),
    ],
    ids=["Poetry", "PDM", "Pipenv"],
)
@pytest.mark.acceptance
def test_a_project_s_own_tool_renews_its_lock(
    index: Index,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    manifest: str,
    text: str,
    lock: str,
    along: list[str],
) -> None:
    def declare(*names: str) -> None:
        pipfile = "\n".join(f'{name} = "*"' for name in names)
        wanted = pipfile if manifest == "Pipfile" else ", ".join(f'"{name}"' for name in names)
        write_files(folder, {manifest: text.format(wanted=wanted, url=index.url)})

    for name in ("POETRY_CACHE_DIR", "PDM_CACHE_DIR", "PIPENV_CACHE_DIR", "PIP_CACHE_DIR", "WORKON_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("UV_DEFAULT_INDEX")  # the tool itself comes from another index
    folder = write_files(tmp_path / "shop", {"main.py": MAIN})
    declare("fastapi", "uvicorn")
    locking.lock(folder)
    made = locking.held(lock, (folder / lock).read_text())
    newer(index)
    declare("fastapi", "uvicorn", "orjson")

    locking.lock(folder)
    grown = locking.held(lock, (folder / lock).read_text())
    locking.lock(folder, Upgrade(names=("fastapi",)))
    moved = locking.held(lock, (folder / lock).read_text())
    locking.lock(folder, Upgrade(all=True))

    assert made == dict.fromkeys(("fastapi", "pytest", "starlette", "uvicorn"), "1.0")
    assert grown == {**made, "orjson": "1.1"}
    assert moved == {**grown, **dict.fromkeys(["fastapi", *along], "1.1")}
    assert set(locking.held(lock, (folder / lock).read_text()).values()) == {"1.1"}
    assert set(texts(folder)) == {"main.py", manifest, lock}
    assert "sha256:" in (folder / lock).read_text()


@pytest.mark.parametrize(
    ("old", "new", "equal"),
    [
        ("(a == '1' and b == '2') or (a == '1' and c == '3')", "a == '1' and (b == '2' or c == '3')", True),
        ("a == '1' or b == '2'", "b == '2' or a == '1'", True),
        ("a == '1' and b == '2'", "a == '1' or b == '2'", False),
        ("python_version ~= '3.11'", "python_version ~= '3.12'", False),
    ],
)
def test_markers_are_compared_by_their_alternatives(old: str, new: str, equal: bool) -> None:
    assert are_equal(old, new) is equal
    lines = [f"x==1 ; {marker} \\\n    --hash=sha256:00\n" for marker in (old, new)]
    assert kept(*lines) == lines[0 if equal else 1]


def test_the_marker_of_another_version_is_the_new_one() -> None:
    old, new = "x==1 ; a == '1' or b == '2'\n", "x==2 ; b == '2' or a == '1'\n"

    assert kept(old, new) == new
