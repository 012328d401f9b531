"""Findings of `invoke doctor` about a network, with proxies, bundles, registries and clocks in that state."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from drydock.doctor import network
from drydock.doctor.finding import Severity
from drydock.project import Project
from tests.conftest import MakeProject
from tests.support.registry import Registry, docker_configuration

PROXY = "http://shipper:secret@proxy.example:3128"


@pytest.mark.parametrize(
    ("environment", "info", "severity", "words"),
    [
        ({}, {}, Severity.OK, "none"),
        ({}, {"HttpProxy": PROXY}, Severity.OK, "the engine's own, http://proxy.example:3128"),
        ({"https_proxy": PROXY}, {}, Severity.WARNING, "NO_PROXY lacks localhost and 127.0.0.1"),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "localhost"}, {}, Severity.WARNING, "NO_PROXY lacks 127.0.0.1"),
        (
            {"HTTPS_PROXY": "http://127.0.0.1:3128", "NO_PROXY": "localhost,127.0.0.1"},
            {},
            Severity.WARNING,
            "another one inside a container",
        ),
        (
            {"HTTPS_PROXY": PROXY, "NO_PROXY": "localhost, 127.0.0.1"},
            {},
            Severity.WARNING,
            "the engine has none for its own pulls",
        ),
        (
            {"HTTPS_PROXY": PROXY, "NO_PROXY": "*"},
            {"HttpsProxy": PROXY},
            Severity.OK,
            "the engine has its own, http://proxy.example:3128",
        ),
    ],
)
def test_proxies_that_do_not_serve_are_told(
    environment: dict[str, str], info: dict[str, str], severity: Severity, words: str
) -> None:
    found = network.proxies(info, environment)

    assert (found.severity, words in found.fact) == (severity, True)
    assert "secret" not in found.fact


def test_a_ca_bundle_that_is_named_and_not_there_is_told(tmp_path: Path) -> None:
    missing = tmp_path / "ca.pem"

    found = network.certificates({"SSL_CERT_FILE": str(missing)})

    assert (found.severity, found.fact) == (
        Severity.FAILURE,
        f"SSL_CERT_FILE names {missing}, which is not a file",
    )


def test_a_ca_bundle_without_a_certificate_is_told(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("")

    assert network.certificates({"SSL_CERT_FILE": str(empty)}).fact == f"{empty} holds no certificate"


def at(make_project: MakeProject, host: str) -> Project:
    """Return a project with its registry on a host."""
    manifest = '[project]\nname = "shop"\nversion = "1"\n[tool.drydock]\nregistry = "{}/team"\n'
    return make_project({"pyproject.toml": manifest.format(host)})


def test_a_registry_that_lets_us_in_is_well(
    make_project: MakeProject, plain: Registry, own_info: Any
) -> None:
    found = network.registry(own_info, at(make_project, plain.address))

    assert (found.severity, found.fact) == (Severity.OK, f"{plain.address} answers an anonymous user")


def test_a_registry_that_nobody_knows_is_told(make_project: MakeProject, own_info: Any) -> None:
    found = network.registry(own_info, at(make_project, "registry.invalid"))

    assert found.severity is Severity.WARNING
    assert found.advice == "check registry.invalid/team and the network"


@pytest.mark.parametrize("password", ["", "expired"])
def test_a_login_that_is_absent_or_refused_is_told(
    make_project: MakeProject,
    private: Registry,
    own_info: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    password: str,
) -> None:
    folder = tmp_path / "docker"
    if password:
        docker_configuration(folder, private.address, password)
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))

    found = network.registry(own_info, at(make_project, private.address))

    who = "user 'shipper'" if password else "an anonymous user"
    assert (found.severity, found.fact) == (Severity.WARNING, f"{private.address} refuses {who}")
    assert found.advice == f"log in: `docker login {private.address}`"


def test_a_docker_configuration_that_cannot_be_read_is_told(
    make_project: MakeProject, plain: Registry, own_info: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text("{broken")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    found = network.registry(own_info, at(make_project, plain.address))

    assert found.severity is Severity.WARNING
    assert "credentials" in found.fact


@pytest.fixture
def own_info() -> dict[str, Any]:
    """The description of an engine that trusts registries on this machine."""
    return {"RegistryConfig": {"InsecureRegistryCIDRs": ["127.0.0.0/8"]}}


@contextmanager
def server(offset: timedelta) -> Iterator[str]:
    """Run a web server with a wrong clock."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def date_time_string(self, _moment: float | None = None) -> str:
            return format_datetime(datetime.now(UTC) + offset, usegmt=True)

        def log_message(self, *args: object) -> None:
            """Keep the tests' output clean."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/simple/"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("offset", "severity"),
    [
        (timedelta(), Severity.OK),
        (timedelta(hours=-1), Severity.WARNING),
        (timedelta(days=1), Severity.WARNING),
    ],
)
def test_a_clock_that_differs_from_the_indexs_is_told(
    make_project: MakeProject, offset: timedelta, severity: Severity
) -> None:
    with server(offset) as address:
        found = network.remote_clock(make_project({}), {"PIP_INDEX_URL": address})

    assert found.severity is severity


def test_an_index_that_does_not_answer_tells_no_time(make_project: MakeProject) -> None:
    found = network.remote_clock(
        make_project({}), {"UV_DEFAULT_INDEX": "http://me:secret@127.0.0.1:9/simple"}
    )

    assert found.severity is Severity.UNKNOWN
    assert "secret" not in found.fact
