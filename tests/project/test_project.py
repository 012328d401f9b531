from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from drydock.detect.errors import Undecided
from drydock.detect.project import load
from drydock.errors import BadConfiguration
from drydock.project import MB, Budget, Growth, Request, ca_bundle, configured
from drydock.project.compression import Compression
from drydock.project.errors import NoProject
from tests.conftest import ROOT, MakeProject, write_files

HEAD = '[project]\nname = "Shop.Api"\nversion = "1.4.2"\ndescription = "Sells"\nrequires-python = ">=3.12"\n'


def test_defaults_come_from_the_projects_metadata(make_project: MakeProject) -> None:
    project = make_project({"pyproject.toml": HEAD})

    assert (project.name, project.version, project.image, project.python) == (
        "Shop.Api",
        "1.4.2",
        "shop-api",
        "3.13",
    )
    assert project.base == "python:3.13-slim"
    assert project.budgets == {"production": Budget(150 * MB), "slim": Budget(300 * MB)}


def test_configuration_wins_over_detection(make_project: MakeProject) -> None:
    table = '[tool.drydock]\nimage = "acme/shop"\nport = 9000\nbudgets.slim = { on-disk-mb = 200.5 }\n'

    project = make_project({"pyproject.toml": HEAD + table})

    assert (project.image, project.port) == ("acme/shop", 9000)
    assert project.budgets["slim"] == Budget(200_500_000)
    assert str(project.compression) == "zstd:12"


def test_a_platform_can_have_a_budget_of_its_own(make_project: MakeProject) -> None:
    table = '[tool.drydock.budgets]\n"slim linux/arm64" = { on-disk-mb = 303 }\n'
    project = make_project({"drydock.toml": table.replace("tool.drydock.", "")})

    assert project.budget("slim linux/arm64") == Budget(303 * MB)
    assert project.budget("slim linux/amd64") == project.budget("slim") == Budget(300 * MB)


def test_growth_is_limited_apart_from_size(make_project: MakeProject) -> None:
    table = (
        '[tool.drydock]\ncompression = "gzip:9"\n[tool.drydock.budgets.slim]\non-disk-mb = 200\n'
        "over-base = { on-disk-mb = 100 }\nover-main = { on-disk-mb = 0, on-wire-mb = 1.5 }\n"
    )

    project = make_project({"pyproject.toml": HEAD + table})

    assert project.budgets["slim"] == Budget(200 * MB, None, Growth(100 * MB, None), Growth(0, 1_500_000))
    assert project.compression == Compression("gzip", 9)


def test_metadata_is_read_from_the_source_folder(make_project: MakeProject) -> None:
    project = make_project(
        {
            "pyproject.toml": '[tool.drydock]\nsource = "api"\n',
            "api/pyproject.toml": '[project]\nname = "inner"\n',
        }
    )

    assert project.name == "inner"
    assert project.source == project.root / "api"


def test_smoke_requests_are_read_in_order(make_project: MakeProject) -> None:
    table = '[[tool.drydock.smoke]]\nmethod = "GET"\npath = "/"\nstatus = 200\nauthorised = false\n'

    assert make_project({"pyproject.toml": HEAD + table}).smoke == (
        Request("GET", "/", 200, authorised=False),
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("porrt = 1", r"\[tool.drydock\] porrt: unknown key; use one of base, "),
        ('port = "8000"', r"\[tool.drydock\] port: '8000' is not a whole number"),
        ("port = true", r"\[tool.drydock\] port: True is not a whole number"),
        ("factory = 1", r"\[tool.drydock\] factory: 1 is not a boolean; write true or false"),
        ('python = "2.7"', r"python: '2.7' is not a version of Python that an image can have; write a minor"),
        ('volumes = ["../x"]', r"volumes: '../x' is not a folder of the image; write folders of the project"),
        ('health-path = "healthz"', r"health-path: 'healthz' is not the path of a route; begin it with /"),
        (
            'system-packages = "git, a;b"',
            r"system-packages: 'a;b' is not the name of a Debian package; write",
        ),
        ('build-packages = "-y"', r"build-packages: '-y' is not the name of a Debian package; write names"),
        ('image = "Shop API"', r"\[tool.drydock\] image: 'Shop API' is not a legal repository name"),
        (
            "budgets = { prod = { on-disk-mb = 1 } }",
            r"budgets.prod: unknown target; use one of production, slim, or one with a platform",
        ),
        ("budgets = { slim = { on-disk-mb = -1 } }", r"budgets.slim.on-disk-mb: -1 is not a size"),
        ("budgets = { slim = 3 }", r"budgets.slim: 3 is not a table"),
        (
            "budgets = { slim = { on-wire-mb = 3 } }",
            r"budgets.slim.on-disk-mb: missing; budgets.slim needs on-disk-mb",
        ),
        (
            "budgets = { slim = { on-disk-mb = 3, over-main = {} } }",
            r"budgets.slim.over-main: an empty table; write { on-disk-mb",
        ),
        (
            "budgets = { slim = { on-disk-mb = 3, over-base = { on-disk-mb = true } } }",
            r"budgets.slim.over-base.on-disk-mb: True is not a size; give megabytes \(10\^6 bytes\), or 0",
        ),
        ('compression = "lzma"', r"compression: 'lzma' is not a compression; write zstd or gzip"),
        ('compression = "zstd:22"', r"compression: zstd has the levels 1 to 19, not '22'"),
        ('smoke = [{ method = "GET", path = "/" }]', r"smoke\[0\].status: missing"),
        ('smoke = [{ metod = "GET" }]', r"smoke\[0\].metod: unknown key"),
        ("development = { tokens = 1 }", r"development.tokens: unknown key"),
        ("labels = { a = 1 }", r"labels.a: 1 is not a string"),
        ("python-also = [3.10]", r"python-also\[0\]: 3.1 is not a string"),
    ],
)
def test_malformed_configuration_names_the_key(make_project: MakeProject, table: str, message: str) -> None:
    with pytest.raises(BadConfiguration, match=message):
        make_project({"pyproject.toml": f"{HEAD}[tool.drydock]\n{table}\n"})


def test_broken_toml_is_named_with_its_place(make_project: MakeProject) -> None:
    with pytest.raises(BadConfiguration, match=r"pyproject.toml: not valid TOML: .*line 1"):
        make_project({"pyproject.toml": "[project\n"})


def test_a_folder_with_nothing_to_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        NoProject,
        match=r"neither pyproject\.toml nor drydock\.toml; name the project's folder with --project",
    ):
        load(tmp_path)


@pytest.mark.parametrize("read", [load, configured])
def test_a_folder_that_is_not_there_is_refused(read: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(NoProject, match=r"/shop is not a folder; name the project's folder with --project"):
        read(tmp_path / "shop")


def test_this_repository_is_a_project() -> None:
    project = load(ROOT)

    assert project.source == ROOT / "backend"
    assert project.image == "todo-chatbot-api"


def test_the_ca_bundle_named_by_the_environment_comes_first(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.crt"
    bundle.write_text("")

    assert (
        ca_bundle({"SSL_CERT_FILE": str(tmp_path / "missing"), "REQUESTS_CA_BUNDLE": str(bundle)}) == bundle
    )


APPLICATION = """\
from fastapi import FastAPI

app = FastAPI()

@app.get("/health")
def health() -> str:
    return "ok"
"""


WANTED = {"requirements.txt": "fastapi\n"}


def test_detection_fills_what_nobody_has_set(tmp_path: Path) -> None:
    project = load(write_files(tmp_path, {"shop/__init__.py": "", "shop/main.py": APPLICATION, **WANTED}))

    assert (project.entry_point, project.factory, project.port) == ("shop.main:app", False, 8000)
    assert (project.health_path, project.ready_path) == ("/health", "/health")


def test_a_value_set_by_hand_wins_over_detection(tmp_path: Path) -> None:
    files = {
        "main.py": APPLICATION,
        "requirements.txt": "fastapi\n",
        "drydock.toml": 'health-path = "/up"\n[budgets]\nslim = { on-disk-mb = 1 }\n',
    }

    project = load(write_files(tmp_path, files))

    assert (project.health_path, project.ready_path) == ("/up", "/health")
    assert project.budgets["slim"] == Budget(MB)


def test_a_contradiction_lists_the_candidates_and_the_option_that_decides(tmp_path: Path) -> None:
    files = {"one.py": APPLICATION, "two.py": APPLICATION, "requirements.txt": "fastapi\n"}

    with pytest.raises(Undecided, match=r"1 of the facts about .* cannot be decided") as caught:
        load(write_files(tmp_path, files))

    assert "one:app (one.py:3), two:app (two.py:3); set entry-point" in caught.value.evidence


def test_no_route_for_a_probe_leaves_the_path_empty(tmp_path: Path) -> None:
    files = {"main.py": "from fastapi import FastAPI\napp = FastAPI()\n", "requirements.txt": "fastapi\n"}

    assert load(write_files(tmp_path, files)).health_path == ""


def test_two_configurations_are_refused(tmp_path: Path) -> None:
    files = {"pyproject.toml": "[tool.drydock]\nport = 1\n", "drydock.toml": "port = 2\n"}

    with pytest.raises(BadConfiguration, match=r"is beside a drydock.toml; keep one of them"):
        load(write_files(tmp_path, files))


def test_a_member_of_a_workspace_is_built_from_where_it_was_set_up(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {
            "Dockerfile": "FROM scratch\n",
            "pyproject.toml": '[tool.drydock]\nsource = "services/api"\nimage = "shop"\n',
            "services/api/main.py": APPLICATION,
            "services/api/requirements.txt": "fastapi\n",
        },
    )

    assert load(tmp_path / "services/api") == load(tmp_path)


def test_this_repository_needs_no_detection(monkeypatch: pytest.MonkeyPatch) -> None:
    def detect(*_: object) -> None:
        pytest.fail("every value is configured, and detection takes its time")

    monkeypatch.setattr("drydock.detect.detect", detect)

    assert load(ROOT).entry_point == "todo_api.main:create_app"
