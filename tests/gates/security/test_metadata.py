"""Checks on the configuration, each with the smallest configuration that triggers it."""

from __future__ import annotations

from typing import Any

import pytest

from drydock.gates.expectations.model import Health, Metadata
from drydock.gates.security import metadata
from drydock.image import Config

GOOD: dict[str, Any] = {
    "User": "10001:10001",
    "Env": ["PATH=/usr/bin"],
    "Entrypoint": ["/opt/venv/bin/python3", "/opt/start.py"],
    "Healthcheck": {"Test": ["CMD", "/probe"], "Interval": 10_000_000_000, "Timeout": 3_000_000_000},
}


def findings(changes: dict[str, Any], expected: Metadata | None = None) -> list[str]:
    config = Config.of({"architecture": "amd64"}, GOOD | changes)
    return [str(finding) for finding in metadata.check(config, expected or Metadata())]


def test_good_configuration_has_no_finding() -> None:
    assert findings({}) == []


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"User": ""}, "user image: runs as root"),
        ({"User": "0:0"}, "user image: runs as 0"),
        ({"User": "app"}, "user image: 'app' is a name"),
        ({"Env": ["DATABASE_PASSWORD=x"]}, "env-secret DATABASE_PASSWORD: looks like a secret"),
        ({"Env": ["GREETING=-----BEGIN RSA PRIVATE KEY-----"]}, "env-secret GREETING: looks like"),
        ({"Env": ["DATABASE_URL=postgresql://u:p@db/x"]}, "env-secret DATABASE_URL: looks like"),
        ({"Entrypoint": []}, "entrypoint image: has neither"),
        ({"Entrypoint": ["/bin/sh", "-c", "serve"]}, "shell-form image: starts through a shell"),
        ({"StopSignal": "SIGKILL"}, "stop-signal image: SIGKILL"),
        ({"ExposedPorts": {"22/tcp": {}}}, "ports 22/tcp: is SSH's"),
        ({"ExposedPorts": {"80/tcp": {}}}, "ports 80/tcp: needs a privilege"),
        ({"Volumes": {"/etc": {}}}, "sensitive-volume /etc: is a folder of the system"),
        ({"OnBuild": ["RUN id"]}, "on-build image: leaves a trigger"),
        ({"Labels": {"x": "ghp_" + "a" * 36}}, "labels x: contains something that looks like a secret"),
        ({"Healthcheck": None}, "healthcheck image: has no HEALTHCHECK"),
        ({"Healthcheck": {"Test": ["NONE"]}}, "healthcheck image: has no HEALTHCHECK"),
        ({"Healthcheck": {"Test": ["CMD-SHELL", "curl"]}}, "healthcheck image: runs through a shell"),
    ],
)
def test_fault_is_found(changes: dict[str, Any], finding: str) -> None:
    found = findings(changes)
    assert any(one.startswith(finding) for one in found), found


@pytest.mark.parametrize("name", ["AUTH_SECRET_FILE", "TOKEN_TTL", "PASSWORD_PATH", "TOKENIZER"])
def test_place_of_a_secret_is_no_secret(name: str) -> None:
    assert findings({"Env": [f"{name}=/run/secrets/x"]}) == []


def test_empty_variable_is_no_secret() -> None:
    assert findings({"Env": ["API_KEY="]}) == []


@pytest.mark.parametrize(
    ("expected", "finding"),
    [
        (Metadata(user="1:1"), "user image: '10001:10001', not '1:1'"),
        (Metadata(entrypoint=("x",)), "entrypoint image: "),
        (Metadata(cmd=("serve",)), "cmd image: (), not ('serve',)"),
        (Metadata(workdir="/app"), "workdir image: '', not '/app'"),
        (Metadata(stop_signal="SIGTERM"), "stop-signal image: '', not 'SIGTERM'"),
        (Metadata(ports=("8000/tcp",)), "ports image: (), not ('8000/tcp',)"),
        (Metadata(volumes=("/data",)), "volumes image: (), not ('/data',)"),
        (Metadata(architectures=("arm64",)), "architecture image: is 'amd64'"),
        (Metadata(env={"PORT": "8000"}), "env PORT: is not set"),
        (Metadata(env={"PATH": "~/opt/.*"}), "env PATH: is '/usr/bin', not '~/opt/.*'"),
        (Metadata(env_absent=("PATH",)), "env PATH: is set"),
        (Metadata(labels={"maintainer": "~.+"}), "labels maintainer: is not set"),
        (Metadata(health=Health(test=("/other",))), "healthcheck image: ('/probe',), not ('/other',)"),
        (Metadata(health=Health(interval=5)), "healthcheck interval: is 10 s, more than 5 s"),
        (Metadata(health=Health(timeout=2)), "healthcheck timeout: is 3 s, more than 2 s"),
        (Metadata(health=Health(retries=2)), "healthcheck retries: are 3, more than 2"),
    ],
)
def test_difference_from_what_is_expected_is_found(expected: Metadata, finding: str) -> None:
    found = findings({}, expected)
    assert len(found) == 1
    assert found[0].startswith(finding)


def test_pattern_is_for_the_whole_text() -> None:
    assert metadata.matches("~[0-9a-f]{4}", "beef")
    assert not metadata.matches("~[0-9a-f]{4}", "beefy")
    assert not metadata.matches("b.ef", "beef")
