"""A real Better Auth server on Node, with switches for its rare failures."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import jwt

from tests.support import packages, process
from tests.support.process import Server

# The address in browsers and in tokens; it does not answer. As in a cluster, the keys are read from another
# address.
PUBLIC_URL = "https://auth.todo.example"


@dataclass(frozen=True)
class User:
    """A user who signed up: the id is the tokens' subject, the session buys new tokens."""

    id: str
    session: str
    email: str
    password: str


@dataclass(frozen=True)
class SigningKey:
    """A private key and the id of its published public half."""

    kid: str
    jwk: jwt.PyJWK


class BetterAuth:
    """A running server.

    Args:
        address: An IP address of this machine, for the tests' own requests.
        public_url: The address in browsers and tokens.
    """

    def __init__(self, address: str, port: int, public_url: str) -> None:
        self.port = port
        self.public_url = public_url
        self._client = httpx2.Client(
            base_url=f"http://{address}:{port}", headers={"Origin": public_url}, timeout=10, trust_env=False
        )

    def jwks_url(self, host: str) -> str:
        """Return the URL of the keys for an app that knows this machine as ``host``."""
        return f"http://{host}:{self.port}/api/auth/jwks"

    def sign_up(self) -> User:
        """Create an account as a browser does."""
        email, password = f"{secrets.token_hex(8)}@todo.example", secrets.token_urlsafe(16)
        body = {"email": email, "password": password, "name": "Ada"}
        answer = self._post("/api/auth/sign-up/email", body)
        return User(answer["user"]["id"], answer["token"], email, password)

    def sign_in(self, user: User) -> User:
        """Open a new session for an account."""
        answer = self._post("/api/auth/sign-in/email", {"email": user.email, "password": user.password})
        return User(user.id, answer["token"], user.email, user.password)

    def token(self, user: User) -> str:
        """Return a fresh JWT for a session."""
        # The cookies of other sign-ups would win over the bearer session.
        self._client.cookies.clear()
        answer = self._client.get(
            "/api/auth/token", headers={"Authorization": f"Bearer {user.session}"}
        ).raise_for_status()
        return str(answer.json()["token"])

    def consent(self, user: User, authorization: str) -> str:
        """Follow an OAuth authorization URL as a signed-in browser, consent, and return the redirect URL."""
        self._client.cookies.clear()
        session = {"Authorization": f"Bearer {user.session}"}
        asked = self._client.get(authorization, headers=session)
        query = asked.headers["Location"].partition("?")[2]
        answer = self._client.post(
            "/api/auth/oauth2/consent", json={"accept": True, "oauth_query": query}, headers=session
        )
        return answer.headers["Location"]

    def key(self) -> SigningKey:
        """Return the current signing key, for tokens that are right only in their signature."""
        answer = self._post("/switch/key", {})
        return SigningKey(answer["kid"], jwt.PyJWK(answer["jwk"], answer["alg"]))

    def rotate(self, algorithm: str = "EdDSA") -> None:
        """Expire all keys: the next token gets a new one, and the old ones stay published."""
        self._post("/switch/rotate", {"alg": algorithm})

    def jwks(self, mode: str) -> None:
        """Set the JWKS's behaviour: ``up``, ``down``, ``hang`` or ``garbage``."""
        self._post("/switch/jwks", {"mode": mode})

    def jwks_requests(self) -> int:
        """Return the number of requests for the JWKS."""
        return int(self._post("/switch/requests", {})["jwks"])

    def _post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        self._client.cookies.clear()
        answer: dict[str, Any] = self._client.post(path, json=body).raise_for_status().json()
        return answer


@contextmanager
def better_auth(
    addresses: Sequence[str], port: int, *, public_url: str = PUBLIC_URL, resource: str | None = None
) -> Iterator[BetterAuth]:
    """Run a Better Auth server with its data in memory.

    Args:
        addresses: IP addresses of this machine to listen on.
        public_url: The address in browsers, and the tokens' issuer.
        resource: The MCP server that it authorizes, by Better Auth's MCP plug-in.
    """
    options = {
        "addresses": addresses,
        "port": port,
        "baseURL": public_url,
        "secret": secrets.token_hex(32),
        "resource": resource,
    }
    with process.folder("better-auth") as folder:
        command = [*packages.script("better_auth.mjs"), json.dumps(options)]
        server = Server("Better Auth", command, folder / "log")
        server.start(lambda: all(process.accepts(address, port) for address in addresses))
        try:
            yield BetterAuth(addresses[0], port, public_url)
        finally:
            server.stop()
