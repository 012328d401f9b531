from __future__ import annotations

from pathlib import Path

import pytest

from drydock import errors
from drydock.compression import Compression
from drydock.project import MB, Budget, Growth, Request, ca_bundle, load
from tests.conftest import ROOT, MakeProject

HEAD = '[project]\nname = "Shop.Api"\nversion = "1.4.2"\ndescription = "Sells"\nrequires-python = ">=3.12"\n'


def test_defaults_come_from_the_projects_metadata(make_project: MakeProject) -> None:
    project = make_project({"pyproject.toml": HEAD})

    assert (project.name, project.version, project.image, project.python) == (
        "Shop.Api",
        "1.4.2",
        "shop-api",
        "3.12",
    )
    assert project.base == "python:3.12-slim"
    assert project.budgets == {"production": Budget(150 * MB), "slim": Budget(300 * MB)}
    assert project.origins["python"] == "pyproject.toml requires-python"
    assert project.origins["port"] == "default"


def test_configuration_wins_over_detection(make_project: MakeProject) -> None:
    table = '[tool.drydock]\nimage = "acme/shop"\nport = 9000\nbudgets.slim = { on-disk-mb = 200.5 }\n'

    project = make_project({"pyproject.toml": HEAD + table})

    assert (project.image, project.port) == ("acme/shop", 9000)
    assert project.budgets["slim"] == Budget(200_500_000)
    assert str(project.compression) == "zstd:12"
    assert project.origins["port"] == "pyproject.toml [tool.drydock] port"


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
        ('port = "8000"', r"\[tool.drydock\] port: '8000' is no whole number"),
        ("port = true", r"\[tool.drydock\] port: True is no whole number"),
        ("factory = 1", r"\[tool.drydock\] factory: 1 is no boolean"),
        ('image = "Shop API"', r"\[tool.drydock\] image: 'Shop API' is no legal repository name"),
        (
            "budgets = { prod = { on-disk-mb = 1 } }",
            r"budgets.prod: unknown target; use one of production, slim",
        ),
        ("budgets = { slim = { on-disk-mb = -1 } }", r"budgets.slim.on-disk-mb: -1 is no size"),
        ("budgets = { slim = 3 }", r"budgets.slim: 3 is no budget"),
        ("budgets = { slim = { on-wire-mb = 3 } }", r"budgets.slim: .* is no budget"),
        (
            "budgets = { slim = { on-disk-mb = 3, over-main = {} } }",
            r"budgets.slim.over-main: {} is no growth",
        ),
        (
            "budgets = { slim = { on-disk-mb = 3, over-base = { on-disk-mb = true } } }",
            r"budgets.slim.over-base.on-disk-mb: True is no size; give megabytes \(10\^6 bytes\), or 0",
        ),
        ('compression = "lzma"', r"compression: 'lzma' is no compression; write zstd or gzip"),
        ('compression = "zstd:22"', r"compression: zstd has the levels 1 to 19, not '22'"),
        ('smoke = [{ method = "GET", path = "/" }]', r"smoke\[0\].status: missing"),
        ('smoke = [{ metod = "GET" }]', r"smoke\[0\].metod: unknown key"),
        ("development = { tokens = 1 }", r"development.tokens: unknown key"),
    ],
)
def test_malformed_configuration_names_the_key(make_project: MakeProject, table: str, message: str) -> None:
    with pytest.raises(errors.BadConfiguration, match=message):
        make_project({"pyproject.toml": f"{HEAD}[tool.drydock]\n{table}\n"})


def test_broken_toml_is_named_with_its_place(make_project: MakeProject) -> None:
    with pytest.raises(errors.BadConfiguration, match=r"pyproject.toml: no valid TOML: .*line 1"):
        make_project({"pyproject.toml": "[project\n"})


def test_a_folder_without_pyproject_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        errors.NoProject, match=r"has no pyproject\.toml; name the project's folder with --project"
    ):
        load(tmp_path)


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
