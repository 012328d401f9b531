"""The choice of Python by the available wheels of a resolution."""

from __future__ import annotations

from pathlib import Path

import pytest

from drydock import recipe
from drydock.detect import detect
from drydock.recipe import resolve
from drydock.recipe.wheels import choose
from tests.conftest import write_files

PYLOCK = """\
lock-version = "1.0"

[[packages]]
name = "pydantic-core"
version = "2.20.1"
wheels = [
    {{ url = "https://files.invalid/pydantic_core-2.20.1-cp311-cp311-manylinux_2_17_x86_64.whl" }},
    {{ url = "https://files.invalid/pydantic_core-2.20.1-cp312-cp312-manylinux_2_17_x86_64.whl" }},
]

[[packages]]
name = "tinysegmenter"
version = "0.3"
sdist = {{ url = "https://files.invalid/tinysegmenter-0.3.tar.gz" }}

{more}
"""


def test_the_newest_version_with_wheels_is_taken() -> None:
    found = choose(PYLOCK.format(more=""), ("3.13", "3.12", "3.11", "3.10"))

    assert list(found.items()) == [("3.12", ["tinysegmenter 0.3"]), ("3.11", ["tinysegmenter 0.3"])]


def test_a_first_candidate_with_wheels_stays() -> None:
    assert list(choose(PYLOCK.format(more=""), ("3.11", "3.13"))) == ["3.11"]


def test_a_wheel_of_the_project_counts() -> None:
    wheel = (
        '[[packages]]\nname = "tool"\narchive = { path = "vendor/tool-1.0-cp312-cp312-linux_x86_64.whl" }\n'
    )

    assert list(choose(wheel, ("3.13", "3.12")).items()) == [("3.12", [])]


def test_a_package_for_another_version_does_not_count() -> None:
    only = '[[packages]]\nname = "tomli"\nversion = "2.0"\nmarker = "python_full_version < \'3.11\'"\n'

    choice = choose(PYLOCK.format(more=only), ("3.10", "3.11"))

    assert list(choice) == ["3.11"]


def old_lock(*versions: str) -> str:
    """Return a resolution whose old asyncpg has wheels for some Pythons."""
    files = [f"asyncpg-0.22.0-cp3{v}-cp3{v}-manylinux_2_17_x86_64.whl" for v in versions]
    wheels = "".join(f'    {{ url = "https://files.invalid/{file}" }},\n' for file in files)
    return f'[[packages]]\nname = "asyncpg"\nversion = "0.22.0"\nwheels = [\n{wheels}]\n'


@pytest.mark.parametrize(
    ("pin", "requires", "python"),
    [
        ("asyncpg==0.22.0", "", "3.9"),
        # Nothing holds the project to this release: a resolution that is old for another reason is compiled.
        ("asyncpg", "", "3.13"),
        ("asyncpg==0.22.0", ">=3.11", "3.13"),
    ],
)
def test_a_pin_without_wheels_for_a_maintained_python_is_served_by_an_older_one(
    pin: str, requires: str, python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compiled(folder: Path, words: list[str], *_: object) -> str:
        return old_lock("8", "9") if "--python-version=3.9" in words else old_lock()

    monkeypatch.setattr(resolve, "compiled", compiled)
    files = {"main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n"}
    files["requirements.txt"] = f"fastapi==0.63.0\nuvicorn==0.13.4\n{pin}\n"
    if requires:
        files["setup.cfg"] = f"[options]\npython_requires = {requires}\n"
    found = resolve.fitted(recipe.plan(detect(write_files(tmp_path, files))))

    assert found.python == python


@pytest.mark.parametrize(
    ("pin", "also"),
    [
        ("3.12", ("3.11", "3.13", "3.14")),  # older ones first; 3.15 lacks many wheels
        ("3.8", ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")),
    ],
)
def test_a_python_without_a_base_is_replaced_by_its_neighbours(
    pin: str, also: tuple[str, ...], tmp_path: Path
) -> None:
    files = {
        "main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n",
        "requirements.txt": "fastapi\nuvicorn\n",
        "setup.cfg": f"[options]\npython_requires = >={min(pin, '3.11', key=lambda v: int(v[2:]))}\n",
        ".python-version": f"{pin}\n",
    }
    found = recipe.plan(detect(write_files(tmp_path, files)))

    assert (found.python, found.python_also) == (pin, also)


@pytest.mark.parametrize(
    ("code", "oldest"),
    [
        ("", "3.9"),
        ("def dock(ship: str | None) -> None: ...\n", "3.10"),
        ("match app:\n    case None:\n        raise SystemExit\n", "3.10"),
        ("try:\n    pass\nexcept* OSError:\n    pass\n", "3.11"),
    ],
)
def test_no_neighbour_lacks_the_codes_own_syntax(code: str, oldest: str, tmp_path: Path) -> None:
    files = {
        "main.py": f"from fastapi import FastAPI\n\napp = FastAPI()\n{code}",
        "requirements.txt": "fastapi\nuvicorn\n",
        ".python-version": "3.12\n",
    }
    found = recipe.plan(detect(write_files(tmp_path, files)))

    others = filter(None, (*found.python_also, found.python_last))
    assert min(others, key=lambda version: int(version[2:])) == oldest


def test_code_that_this_python_cannot_read_has_no_neighbours(tmp_path: Path) -> None:
    files = {
        "main.py": "import dock\nfrom fastapi import FastAPI\n\napp = FastAPI()\n",
        "dock.py": "this is of a later Python\n",
        "requirements.txt": "fastapi\nuvicorn\n",
        ".python-version": "3.15\n",
    }
    found = recipe.plan(detect(write_files(tmp_path, files)))

    assert (found.python, found.python_also) == ("3.15", ())
