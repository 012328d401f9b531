"""Findings of `invoke doctor` with a real engine: containers in a broken network."""

from __future__ import annotations

import http.server
import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drydock import base as bases
from drydock.base import make
from drydock.doctor import base, network
from drydock.doctor.finding import Finding, Severity
from drydock.engine import Engine
from tests.conftest import MakeProject
from tests.support import certificates
from tests.support.registry import tiny_image

pytestmark = pytest.mark.live

MANIFEST = '[project]\nname = "s"\nversion = "1"\n[tool.drydock]\nbase = "{}"\n'
HOST = "index.example"
PAGE = b'<!DOCTYPE html><a href="pip-99.0-py3-none-any.whl">pip-99.0-py3-none-any.whl</a>'


@pytest.fixture
def gateway(engine: Engine) -> str:
    """This machine's address on the containers' network."""
    configuration = engine.sdk.networks.get("bridge").attrs["IPAM"]["Config"]
    return str(configuration[0]["Gateway"])


@pytest.fixture
def index(gateway: str, tmp_path: Path) -> Iterator[str]:
    """The address of a package index with a certificate that only ``ca.crt`` vouches for."""
    certificates.make([HOST]).write(tmp_path)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(PAGE)))
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, *args: object) -> None:
            """Keep the tests' output clean."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    with http.server.ThreadingHTTPServer((gateway, 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"https://{HOST}:{server.server_port}/simple/"
        server.shutdown()
        thread.join()


@pytest.fixture
def ask(engine: Engine, python_image: str, gateway: str) -> Callable[..., Finding]:
    """Return a function that lets a container query an index, in an environment set by the test."""

    def asked(environment: dict[str, str], **surroundings: Any) -> Finding:
        run = network.question(engine, python_image, environment)
        return network.inside(engine, replace(run, extra_hosts={HOST: gateway}, **surroundings))

    return asked


def test_a_container_with_the_right_bundle_reaches_the_index(
    ask: Callable[..., Finding], index: str, tmp_path: Path
) -> None:
    found = ask({"PIP_INDEX_URL": index, "SSL_CERT_FILE": str(tmp_path / "ca.crt")})

    assert found.fact == "reaches the package index: names, certificates, proxy"
    assert found.severity is Severity.OK


def test_a_certificate_that_a_container_does_not_trust_is_told(
    ask: Callable[..., Finding], index: str
) -> None:
    found = ask({"PIP_INDEX_URL": index})

    assert found.fact == "a container does not trust the package index's certificate"
    assert found.severity is Severity.FAILURE
    assert "SSL_CERT_FILE" in found.advice


def test_a_container_without_dns_is_told(ask: Callable[..., Finding]) -> None:
    found = ask({"PIP_INDEX_URL": "https://elsewhere.example/simple/"}, dns=("127.0.0.1",))

    assert (found.severity, found.fact) == (Severity.FAILURE, "a container cannot resolve names")


def test_a_proxy_that_a_container_does_not_reach_is_told(ask: Callable[..., Finding], index: str) -> None:
    found = ask({"PIP_INDEX_URL": index, "HTTPS_PROXY": "http://127.0.0.1:9"})

    assert (found.severity, found.fact) == (Severity.FAILURE, "a container does not reach the proxy")


def test_an_old_base_image_is_told(engine: Engine, make_project: MakeProject, tmp_path: Path) -> None:
    reference = "drydock-test-old-base:1"
    made = datetime.now(UTC) - timedelta(days=400)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nLABEL purpose=test\n")
    subprocess.run(
        ["docker", "buildx", "build", "--quiet", "--load", f"--tag={reference}", tmp_path],
        env={**os.environ, **engine.environment, "SOURCE_DATE_EPOCH": str(int(made.timestamp()))},
        check=True,
        capture_output=True,
    )
    project = make_project({"pyproject.toml": MANIFEST.format(reference)})
    try:
        found = base.age(engine, project, bases.present(engine, project))
    finally:
        engine.sdk.images.remove(reference)

    assert (found.severity, found.fact) == (Severity.WARNING, f"{reference} (local), 400 days old")


def test_a_base_that_is_not_there_yet_is_not_judged(engine: Engine, make_project: MakeProject) -> None:
    project = make_project({"pyproject.toml": MANIFEST.format("drydock-test/none:1")})

    assert base.age(engine, project, bases.present(engine, project)).severity is Severity.UNKNOWN


def test_a_base_made_here_is_as_old_as_its_making(engine: Engine, make_project: MakeProject) -> None:
    reference = "drydock-test-made-base:1"
    project = make_project({"pyproject.toml": MANIFEST.format(reference)})
    with tiny_image(engine, {make.KIND_LABEL: "made"}) as image:
        engine.sdk.images.get(image).tag(reference)
        try:
            found = base.age(engine, project, bases.present(engine, project))
        finally:
            engine.sdk.images.remove(reference)

    assert (found.severity, found.fact) == (Severity.OK, f"{reference} (made), 0 days old")
