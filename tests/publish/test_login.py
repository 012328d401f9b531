from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import parse_qs

import httpx2
import pytest

from drydock.publish.credentials import Credentials, Login, challenge
from drydock.publish.errors import RegistryFault

REALM = "https://auth.example/token"
BEARER = f'Bearer realm="{REALM}",service="registry.example",scope="repository:acme/todo:pull,push"'
KNOWN = Credentials("ann", "secret")
BASIC = "Basic " + base64.b64encode(b"ann:secret").decode()


class Servers:
    """A registry with a challenge, and the token server that it names."""

    def __init__(
        self, header: str, accepted: str, token: Callable[[httpx2.Request], httpx2.Response]
    ) -> None:
        self.requests: list[httpx2.Request] = []
        self._header = header
        self._accepted = accepted
        self._token = token

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if request.url.host == "auth.example":
            return self._token(request)
        if request.headers.get("Authorization") == self._accepted:
            return httpx2.Response(200)
        return httpx2.Response(401, headers={"WWW-Authenticate": self._header})


def ask(servers: Servers, credentials: Credentials, *, insecure: bool = False, times: int = 1) -> int:
    login = Login(credentials, insecure=insecure)
    with httpx2.Client(transport=httpx2.MockTransport(servers), auth=login) as client:
        return [client.get("https://registry.example/v2/").status_code for _ in range(times)][-1]


def token(name: str) -> Callable[[httpx2.Request], httpx2.Response]:
    return lambda _: httpx2.Response(200, json={name: "opened"})


def test_a_challenge_is_read_with_its_parameters() -> None:
    assert challenge(BEARER) == (
        "bearer",
        {"realm": REALM, "service": "registry.example", "scope": "repository:acme/todo:pull,push"},
    )
    assert challenge("Basic realm=plain") == ("basic", {"realm": "plain"})
    assert challenge("") == ("", {})


@pytest.mark.parametrize("name", ["token", "access_token"])
def test_a_token_is_asked_for_as_the_user_and_for_what_was_named(name: str) -> None:
    servers = Servers(BEARER, "Bearer opened", token(name))

    assert ask(servers, KNOWN) == 200

    asked = servers.requests[1]
    assert asked.headers["Authorization"] == BASIC
    assert dict(asked.url.params) == {
        "service": "registry.example",
        "scope": "repository:acme/todo:pull,push",
    }


def test_a_token_is_kept_for_the_next_request() -> None:
    servers = Servers(BEARER, "Bearer opened", token("token"))

    assert ask(servers, KNOWN, times=3) == 200

    assert [request.url.host for request in servers.requests].count("auth.example") == 1


def test_an_identity_token_is_traded_in() -> None:
    servers = Servers(BEARER, "Bearer opened", token("access_token"))

    assert ask(servers, Credentials(identity_token="identity")) == 200

    form = parse_qs(servers.requests[1].content.decode())
    assert form == {
        "service": ["registry.example"],
        "scope": ["repository:acme/todo:pull,push"],
        "grant_type": ["refresh_token"],
        "refresh_token": ["identity"],
        "client_id": ["drydock"],
    }


def test_an_anonymous_user_asks_for_a_token_without_a_name() -> None:
    servers = Servers(BEARER, "Bearer opened", token("token"))

    assert ask(servers, Credentials()) == 200

    assert "Authorization" not in servers.requests[1].headers


def test_a_basic_challenge_gets_the_password() -> None:
    assert ask(Servers('Basic realm="r"', BASIC, token("token")), KNOWN) == 200


def test_nothing_is_sent_where_nothing_was_asked() -> None:
    servers = Servers("", "", token("token"))

    assert ask(servers, KNOWN) == 401

    assert "Authorization" not in servers.requests[0].headers


@pytest.mark.parametrize(("insecure", "status", "asked"), [(False, 401, 0), (True, 200, 1)])
def test_a_password_goes_over_plain_http_only_for_an_insecure_registry(
    insecure: bool, status: int, asked: int
) -> None:
    servers = Servers(BEARER.replace("https", "http"), "Bearer opened", token("token"))

    assert ask(servers, KNOWN, insecure=insecure) == status

    assert sum(request.url.host == "auth.example" for request in servers.requests) == asked


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_a_refusal_of_the_token_server_is_the_answer(status: int) -> None:
    assert ask(Servers(BEARER, "", lambda _: httpx2.Response(status)), KNOWN) == status


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx2.Response(404), "no token in its answer"),
        (httpx2.Response(200, json={}), "no token in its answer"),
        (httpx2.Response(200, json=[]), "its answer is not a JSON object"),
        (httpx2.Response(200, text="<html>"), "its answer is not a JSON object"),
    ],
)
def test_a_token_server_that_gives_no_token_is_an_error(answer: httpx2.Response, reason: str) -> None:
    with pytest.raises(RegistryFault) as caught:
        ask(Servers(BEARER, "", lambda _: answer), KNOWN)
    assert str(caught.value).startswith(
        f"error: registry registry.example answered {answer.status_code} to GET {REALM}: {reason}; "
    )
