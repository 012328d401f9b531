from __future__ import annotations

from pathlib import Path

import pytest

from drydock.project import lock
from drydock.project.errors import LockMissing, LockStale
from tests.conftest import MakeProject

PROJECT = """\
[project]
name = "shop"
requires-python = ">=3.13"
dependencies = ["FastAPI>=0.100", "x_y[z]"]
"""
PINS = """\
fastapi==0.165.0 \\
    --hash=sha256:00
x-y[z]==1.0 ; sys_platform == 'linux' \\
    --hash=sha256:00
"""


def test_hashed_requirements_are_read_as_pins() -> None:
    assert lock.requirements_pins(PINS) == {"fastapi": "0.165.0", "x-y": "1.0"}


def test_wheels_of_the_project_and_addresses_are_pins() -> None:
    hashed = "\\\n    --hash=sha256:00\n"
    text = (
        f"vendor/case_tool-1.0-py3-none-any.whl {hashed}./other-2.0+x-1-cp313-cp313-linux_x86_64.whl {hashed}"
        f"files @ https://example.org/files-3.0.zip {hashed}git-tool[a] @ git+https://example.org/tool@0000\n"
    )

    found = lock.requirements_pins(text)

    assert found == {"case-tool": "1.0", "other": "2.0+x", "files": "", "git-tool": ""}


@pytest.mark.parametrize(
    ("source", "is_compared"),
    [
        ('{ path = "libs/lib" }', False),
        ("{ workspace = true }", False),
        ('{ path = "lib-main.zip" }', False),
        ('[{ path = "libs/lib", marker = "sys_platform == \'linux\'" }]', False),
        ('{ path = "lib-1.0-py3-none-any.whl" }', True),
        ('{ git = "https://example.org/lib" }', True),
    ],
)
def test_a_distribution_that_a_lock_does_not_name_is_not_asked_of_it(
    source: str, is_compared: bool, make_project: MakeProject
) -> None:
    manifest = PROJECT.replace('"x_y[z]"', '"Some_Lib>=1"') + f"[tool.uv.sources]\nsome-lib = {source}\n"
    project = make_project({"pyproject.toml": manifest, "requirements.lock": PINS})

    if not is_compared:
        assert lock.find(project).name == "requirements.lock"
        return
    with pytest.raises(LockStale, match="Some_Lib is not in it"):
        lock.find(project)


def test_only_tables_are_sources() -> None:
    row = {"git": "https://example.org/lib"}
    given = {"lib": [row, 3], "other": "elsewhere"}

    assert list(lock.uv_sources({"tool": {"uv": {"sources": given}}})) == [("lib", row)]
    assert list(lock.uv_sources({"tool": {"uv": {"sources": 3}}})) == []


def test_a_lock_that_meets_the_manifest_is_found(make_project: MakeProject) -> None:
    project = make_project({"pyproject.toml": PROJECT, "requirements.lock": PINS})

    assert lock.find(project).name == "requirements.lock"


def test_uv_lock_wins_over_requirements_as_in_the_dockerfile(make_project: MakeProject) -> None:
    uv = '[[package]]\nname = "fastapi"\nversion = "0.165.0"\n[[package]]\nname = "x-y"\nversion = "2"\n'

    project = make_project({"pyproject.toml": PROJECT, "requirements.lock": PINS, "uv.lock": uv})

    assert lock.find(project).name == "uv.lock"


def test_a_uv_lock_that_never_reaches_the_build_is_not_looked_at(make_project: MakeProject) -> None:
    files = {"requirements.lock": PINS, "uv.lock": "", ".dockerignore": "*\n!requirements.lock\n"}

    assert lock.find(make_project({"pyproject.toml": PROJECT, **files})).name == "requirements.lock"


def test_a_missing_lock_names_the_command_that_makes_one(make_project: MakeProject) -> None:
    with pytest.raises(
        LockMissing, match=r"has no lock file \(looked for uv.lock, requirements.lock\); make one"
    ):
        lock.find(make_project({"pyproject.toml": PROJECT}))


@pytest.mark.parametrize(
    ("pins", "mismatch"),
    [
        ("fastapi==0.99.0\nx-y==1\n", "FastAPI 0.99.0 is not >=0.100"),
        ("fastapi==0.165.0\n", "x_y is not in it"),
    ],
)
def test_a_stale_lock_names_what_does_not_match(make_project: MakeProject, pins: str, mismatch: str) -> None:
    with pytest.raises(LockStale, match=mismatch):
        lock.find(make_project({"pyproject.toml": PROJECT, "requirements.lock": pins}))


POETRY = '[[package]]\nname = "fastapi"\nversion = "0.1"\n'
PIPFILE = '{"default": {"FastAPI": {"version": "==0.1", "hashes": []}}, "develop": {}}'
PYLOCK = '[[packages]]\nname = "fastapi"\nversion = "0.1"\n'


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("poetry.lock", POETRY),
        ("pdm.lock", POETRY),
        ("Pipfile.lock", PIPFILE),
        ("pylock.toml", PYLOCK),
        ("requirements.txt", "fastapi==0.1 \\\n    --hash=sha256:00\n"),
    ],
)
def test_every_kind_of_lock_file_is_read_as_pins(kind: str, text: str) -> None:
    assert lock.pins(kind, text) == {"fastapi": "0.1"}


def test_a_declaration_pins_nothing() -> None:
    assert lock.pins("requirements.txt", "fastapi==0.1\n") == {}


def test_the_configured_lock_is_the_one_that_counts(make_project: MakeProject) -> None:
    table = '[tool.drydock]\nlock = "poetry.lock"\n'

    project = make_project({"pyproject.toml": table, "poetry.lock": POETRY, "requirements.lock": PINS})

    assert lock.find(project).name == "poetry.lock"


def test_a_lock_older_than_requirements_txt_says_how_it_was_made(make_project: MakeProject) -> None:
    command = "uv pip compile --universal requirements.txt -o requirements.lock"
    project = make_project(
        {
            "pyproject.toml": "[tool.drydock]\n",
            "requirements.txt": "-r other.txt\nfastapi>=0.200  # routes\n",
            "requirements.lock": f"# Locked by uv. After a change:\n#   {command}\n{PINS}",
        }
    )

    with pytest.raises(LockStale, match=r"match requirements.txt: fastapi 0.165.0 is not >=0.200") as caught:
        lock.find(project)

    assert str(caught.value).endswith(f"renew it with `drydock lock --project {project.root}`")


def test_requirements_for_other_platforms_and_pythons_need_no_pin() -> None:
    wanted = ["pywin32; sys_platform == 'win32'", "tomli; python_version < '3.11'"]

    assert lock.mismatches(wanted, {}, "3.13") == []


def test_a_lock_is_compared_with_what_it_was_made_from(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\ndependencies = ["orjson"]\n')
    (tmp_path / "requirements.txt").write_text("httpx\n")
    made = "# Locked by uv:\n#   uv pip compile requirements.txt -o requirements.lock\nhttpx==0.28.1\n"

    assert lock.declared(tmp_path) == ("pyproject.toml", ["orjson"])
    assert lock.declared(tmp_path, made) == ("requirements.txt", ["httpx"])


@pytest.mark.parametrize("kind", ["poetry.lock", "pdm.lock", "uv.lock"])
def test_requirements_beside_a_tool_s_own_lock_make_it_no_older(kind: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.poetry.dependencies]\nfastapi = "^0.115"\n')
    (tmp_path / "requirements.txt").write_text("black==24.1.0\n")

    assert lock.declared(tmp_path, "", kind) == ("pyproject.toml", [])


UV_TESTS = """\
[[package]]
name = "shop"
source = {{ virtual = "." }}
dependencies = [{{ name = "fastapi" }}]
{more}

[[package]]
name = "fastapi"
version = "0.165.0"

[[package]]
name = "pytest-xdist"
version = "3.8.0"
"""


def test_lock_of_the_tests_tells_what_they_have(make_project: MakeProject) -> None:
    files = {"pyproject.toml": PROJECT, "requirements.lock": PINS}
    with_xdist = {**files, "requirements-test.lock": f"{PINS}pytest_xdist==3.8.0 \\\n    --hash=sha256:00\n"}

    assert lock.tests_have(make_project(with_xdist), "pytest-xdist")


def test_project_without_a_lock_of_its_tests_has_no_more_than_the_image(make_project: MakeProject) -> None:
    files = {"pyproject.toml": PROJECT, "requirements.lock": f"{PINS}pytest-xdist==3.8.0\n"}

    assert not lock.tests_have(make_project(files), "pytest-xdist")


@pytest.mark.parametrize(
    ("more", "has"),
    [
        ('[package.dev-dependencies]\ntest = [{ name = "pytest-xdist" }]', True),
        ('[package.optional-dependencies]\ntest = [{ name = "pytest-xdist" }]', False),
    ],
    ids=["group", "extra"],
)
def test_groups_of_uv_lock_are_the_tests_and_extras_are_not(
    make_project: MakeProject, more: str, has: bool
) -> None:
    project = make_project({"pyproject.toml": PROJECT, "uv.lock": UV_TESTS.format(more=more)})

    assert lock.tests_have(project, "pytest-xdist") is has


def test_requirements_that_powershell_wrote_are_read(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes("fastapi\r\nuvicorn\r\n".encode("utf-16"))

    assert lock.declared(tmp_path) == ("requirements.txt", ["fastapi", "uvicorn"])
