"""Detection, gates, provenance and logs agree on secret names."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from drydock import command
from drydock.detect.settings import kind_of
from drydock.gates.expectations.model import Metadata
from drydock.gates.security import metadata
from drydock.image import Config
from drydock.secrets import WITHHELD, is_secret, leaks, public, shown

SECRET = (
    *(
        "S3_ACCESSKEY",
        "SENTRY_DSN",
        "APP_SALT",
        "SIGNINGKEY",
    ),  # a regression: one reader treated it as secret, another did not
    *("SECRET_KEY", "API_KEY", "KEY", "db_password", "DB_PASS", "GITHUB_TOKEN", "NPM_AUTH", "DATABASE_URL"),
    *(
        "AWS_SECRET_ACCESS_KEY",
        "JWT_SECRET",
        "REDIS_URL",
        "SESSIONKEY",
        "GOOGLE_CREDENTIALS",
        "TLS_PRIVATE_KEY",
    ),
)
PLAIN = (
    *(
        "LOG_LEVEL",
        "PORT",
        "AUTHOR",
        "MONKEY",
        "BYPASS",
        "COMPASS_HOST",
        "TOKEN_URL",
        "JWT_ALGORITHM",
        "PUBLIC_KEY",
    ),
    *("PRIMARY_KEY", "SECRET_KEY_FILE", "PASSWORD_MIN_LENGTH", "ACCESS_TOKEN_EXPIRE_MINUTES", "USE_TOKENS"),
)


@pytest.mark.parametrize("name", [*SECRET, *PLAIN])
def test_detection_gate_provenance_and_logs_give_one_answer(name: str) -> None:
    value = "https://x@y.example/1" if name.endswith(("DSN", "URL")) and name in SECRET else "v4lue"
    config = replace(Config.of({}, {}), env=(f"{name}={value}",))
    found = {finding.check for finding in metadata.check(config, Metadata())}
    answers = {
        is_secret(name),
        kind_of(name) == "secret",
        "env-secret" in found,
        public(name, value) == WITHHELD,
        value not in shown(["docker", "build", f"--build-arg={name}={value}"]),
    }
    assert answers == {name in SECRET}


@pytest.mark.parametrize(
    ("value", "secret"),
    [("sqlite:///./data.db", False), ("postgresql://db/x", False), ("postgresql://u:p@db/x", True)],
)
def test_value_of_an_address_decides_where_it_is_known(value: str, secret: bool) -> None:
    assert is_secret("DATABASE_URL", value) is secret


def test_error_of_a_command_withholds_secrets() -> None:
    words = ["API_KEY=s3cret", "--build-arg=APP_SALT=s3cret", "https://ann:s3cret@index.example/simple"]
    with pytest.raises(command.CommandFailed) as failed:
        command.run([sys.executable, "-c", "raise SystemExit(3)", *words])
    assert "s3cret" not in str(failed.value)
    assert "https://index.example/simple" in str(failed.value)


def test_private_key_is_a_secret_by_its_form() -> None:
    assert leaks("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert not leaks("-----BEGIN CERTIFICATE-----")
