from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from drydock.publish.credentials import Credentials, load
from drydock.publish.errors import BadCredentials
from tests.conftest import FakeProgram

REGISTRY = "registry.example:5000"


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:

    def write(content: dict[str, Any] | str) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "config.json").write_text(text)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    return write


@pytest.fixture
def helper(fake_program: FakeProgram) -> Any:
    """Return a function that installs a credential helper; its ``get`` runs the given shell lines."""
    return lambda name, script: fake_program(f"docker-credential-{name}", f"read server\n{script}")


def auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_the_file_itself_may_hold_the_password(configure: Any) -> None:
    configure({"auths": {REGISTRY: auth("ann", "pass:word")}})

    assert load(REGISTRY) == Credentials("ann", "pass:word")


def test_a_url_in_the_file_is_the_same_registry(configure: Any) -> None:
    configure({"auths": {f"https://{REGISTRY}/v2/": auth("ann", "secret")}})

    assert load(REGISTRY) == Credentials("ann", "secret")


def test_docker_hub_is_found_under_its_old_address(configure: Any) -> None:
    configure({"auths": {"https://index.docker.io/v1/": auth("ann", "secret")}})

    assert load("docker.io") == Credentials("ann", "secret")


def test_a_registrys_own_helper_goes_before_the_common_store(configure: Any, helper: Any) -> None:
    answer = '{"ServerURL": "%s", "Username": "%s", "Secret": "secret"}'
    helper("own", f"printf '{answer}' $server own")
    helper("common", f"printf '{answer}' $server common")
    configure({"credHelpers": {REGISTRY: "own"}, "credsStore": "common"})

    assert load(REGISTRY) == Credentials("own", "secret")
    assert load("other.example") == Credentials("common", "secret")


def test_a_helper_may_give_an_identity_token(configure: Any, helper: Any) -> None:
    helper("own", """printf '{"Username": "<token>", "Secret": "identity"}'""")
    configure({"credHelpers": {REGISTRY: "own"}})

    assert load(REGISTRY) == Credentials(identity_token="identity")


def test_a_helper_that_knows_nothing_leaves_an_anonymous_user(configure: Any, helper: Any) -> None:
    helper("own", "echo 'credentials not found in native keychain'; exit 1")
    configure({"credsStore": "own"})

    assert load(REGISTRY) == Credentials()


def test_without_a_configuration_everybody_is_anonymous(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert load(REGISTRY) == Credentials()


def test_the_users_own_file_is_not_read_beside_a_named_folder(
    configure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure({"auths": {REGISTRY: auth("ann", "secret")}})
    (tmp_path / ".docker").mkdir()
    (tmp_path / "config.json").rename(tmp_path / ".docker/config.json")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert load(REGISTRY) == Credentials()


def test_a_missing_helper_is_an_error(configure: Any) -> None:
    configure({"credHelpers": {REGISTRY: "nowhere"}})

    with pytest.raises(BadCredentials) as caught:
        load(REGISTRY)
    assert "docker-credential-nowhere not installed or not available in PATH" in str(caught.value)
    assert str(caught.value).endswith(f"; fix it, or log in again with `docker login {REGISTRY}`")


def test_a_helper_that_fails_is_an_error(configure: Any, helper: Any) -> None:
    helper("own", "echo 'the keychain is locked'; exit 1")
    configure({"credsStore": "own"})

    with pytest.raises(BadCredentials, match="the keychain is locked"):
        load(REGISTRY)


def test_a_damaged_entry_is_an_error(configure: Any) -> None:
    configure({"auths": {REGISTRY: {"auth": "no base64!"}}})

    with pytest.raises(BadCredentials):
        load(REGISTRY)


@pytest.mark.parametrize("content", ['{"auths": ', "[]1", "[1]"])
def test_a_damaged_file_is_an_error(configure: Any, content: str) -> None:
    configure(content)

    with pytest.raises(BadCredentials):
        load(REGISTRY)


def test_a_password_is_never_shown() -> None:
    assert "secret" not in repr(Credentials("ann", "secret"))
    assert "secret" not in repr(Credentials(identity_token="secret"))


@pytest.mark.parametrize(
    ("credentials", "described"),
    [
        (Credentials(), "an anonymous user"),
        (Credentials("ann", "secret"), "user 'ann'"),
        (Credentials(identity_token="t"), "the identity token"),
    ],
)
def test_a_message_says_who_was_refused(credentials: Credentials, described: str) -> None:
    assert credentials.described == described
