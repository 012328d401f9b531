"""MCP clients authorize themselves at a Better Auth server with its MCP plug-in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx2
import jwt
import pytest

from tests.support import process
from tests.support.better_auth import BetterAuth, better_auth
from tests.support.mcp_clients import OAUTH_CLIENTS, Authorized, Call
from tests.support.systems import AUTH_HOST, LOOPBACK, App, Systems

METADATA = "/.well-known/oauth-protected-resource/mcp"


@dataclass(frozen=True)
class Service:
    """The application, and the authorization server of its tools."""

    app: App
    auth: BetterAuth

    @property
    def resource(self) -> str:
        """The identifier of the MCP resource: its address."""
        return f"{self.app.url}/mcp"


@pytest.fixture(scope="module")
def service(neighbourhood: Systems) -> Iterator[Service]:
    """A container configured with its public address, and Better Auth with the MCP plug-in for it."""
    addresses = [LOOPBACK, neighbourhood.gateway]
    port, auth_port = process.free_port(), process.free_port(addresses)
    public_url, auth_url = f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{auth_port}"
    with better_auth(addresses, auth_port, public_url=auth_url, resource=f"{public_url}/mcp") as auth:
        database = neighbourhood.postgres.create_database("mcp_authorization")
        environment = neighbourhood.environment(database)
        del environment["BETTER_AUTH_ISSUER"]
        environment |= {
            "PUBLIC_URL": public_url,
            "BETTER_AUTH_URL": auth_url,
            "BETTER_AUTH_JWKS_URL": auth.jwks_url(AUTH_HOST),
        }
        with neighbourhood.app(environment, host_port=port) as app:
            yield Service(app, auth)


@pytest.mark.parametrize("name", OAUTH_CLIENTS)
def test_an_official_client_finds_the_server_authorizes_itself_and_calls(service: Service, name: str) -> None:
    authorized, user = _authorize(service, name)
    # RFC 8707: the client names the resource, and the token is for it.
    asked = parse_qs(urlsplit(authorized.authorization).query)
    assert asked["resource"] == [service.resource]
    claims = jwt.decode(authorized.token, options={"verify_signature": False})
    assert (claims["sub"], claims["iss"]) == (user, f"{service.auth.public_url}/api/auth")
    assert service.resource in claims["aud"]
    added = authorized.visit.results[0]
    assert added.content["title"] == "Splice the rope"


def test_a_refused_client_is_led_to_the_authorization_server(service: Service) -> None:
    with service.app.client() as client:
        challenge = client.post("/mcp", json={}).headers["WWW-Authenticate"]
        assert f'resource_metadata="{service.app.url}{METADATA}"' in challenge
        document = client.get(METADATA).json()
    assert document["resource"] == service.resource
    (issuer,) = document["authorization_servers"]
    found = httpx2.get(f"{issuer}/.well-known/oauth-authorization-server", trust_env=False).json()
    assert found["issuer"] == issuer


def test_a_token_for_the_resource_opens_mcp_alone_and_one_for_the_api_opens_both(service: Service) -> None:
    authorized, user = _authorize(service, "Python")
    headers = {"Accept": "application/json, text/event-stream"}
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}

    def statuses(token: str, owner: str) -> tuple[int, int]:
        with service.app.client(token) as client:
            mcp = client.post("/mcp", json=listing, headers=headers)
            return mcp.status_code, client.get(f"/api/{owner}/tasks").status_code

    assert statuses(authorized.token, user) == (200, 401)
    member = service.auth.sign_up()
    assert statuses(service.auth.token(member), member.id) == (200, 200)


def _authorize(service: Service, name: str) -> tuple[Authorized, str]:
    """Let a client authorize itself for a new user; also return the user's id."""
    user = service.auth.sign_up()
    authorized = OAUTH_CLIENTS[name](
        service.resource,
        lambda address: service.auth.consent(user, address),
        [Call("add_task", {"title": "Splice the rope"})],
    )
    service.app.ledger.secrets |= {authorized.token, user.session, user.password}
    return authorized, user.id
