"""How a registry wants its users to log in: with Basic authentication, or with a token from another server.

See the distribution project's "Token Authentication Specification" and "OAuth2 Token Authentication".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Generator, Mapping

import httpx2

from drydock.publish.credentials import Credentials
from drydock.publish.errors import RegistryFault

CLIENT_ID = "drydock"
REFUSED = (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN)


class Login(httpx2.Auth):
    """Answers a registry's challenge, and sends what worked along with later requests."""

    requires_response_body = True

    def __init__(self, credentials: Credentials, *, insecure: bool) -> None:
        self._credentials = credentials
        self._insecure = insecure
        self._header = ""

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Send a request; after a 401, send it once more with what the challenge asks for."""
        if self._header:
            request.headers["Authorization"] = self._header
        response = yield request
        if response.status_code != httpx2.codes.UNAUTHORIZED:
            return
        scheme, parameters = challenge(response.headers.get("WWW-Authenticate", ""))
        self._header = ""
        if scheme == "basic" and self._credentials.user:
            self._header = self._basic()
        elif scheme == "bearer" and self._may_ask(parameters.get("realm", "")):
            answer = yield self._token_request(parameters)
            if answer.is_server_error or answer.status_code in REFUSED:
                # The caller reads it like an answer of the registry's own.
                return
            self._header = f"Bearer {_token(request, answer)}"
        if self._header:
            request.headers["Authorization"] = self._header
            yield request

    def _may_ask(self, realm: str) -> bool:
        """A password goes to no server over plain HTTP unless its registry may be spoken to that way."""
        return realm.startswith("https://") or (self._insecure and realm.startswith("http://"))

    def _basic(self) -> str:
        pair = f"{self._credentials.user}:{self._credentials.password}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    def _token_request(self, parameters: Mapping[str, str]) -> httpx2.Request:
        """Ask for a token as the user, for exactly what the registry named."""
        realm = parameters["realm"]
        asked = {key: parameters[key] for key in ("service", "scope") if key in parameters}
        if self._credentials.identity_token:
            form = {
                **asked,
                "grant_type": "refresh_token",
                "refresh_token": self._credentials.identity_token,
                "client_id": CLIENT_ID,
            }
            return httpx2.Request("POST", realm, data=form)
        headers = {"Authorization": self._basic()} if self._credentials.user else {}
        url = httpx2.URL(realm).copy_merge_params(asked)
        return httpx2.Request("GET", url, headers=headers)


def _token(request: httpx2.Request, answer: httpx2.Response) -> str:
    """Return the token in a token server's answer."""
    try:
        content = answer.json() if answer.is_success else {}
        if token := content.get("token") or content.get("access_token"):
            return str(token)
        reason = "no token in its answer"
    except (ValueError, AttributeError):
        reason = "its answer is not a JSON object"
    raise RegistryFault(
        registry=request.url.netloc.decode(),
        status=answer.status_code,
        request=f"{answer.request.method} {answer.request.url.copy_with(query=None)}",
        reason=reason,
    )


def challenge(header: str) -> tuple[str, dict[str, str]]:
    """Read a WWW-Authenticate header: its scheme in lower case, and its parameters."""
    scheme, _, rest = header.partition(" ")
    found = re.findall(r'([A-Za-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', rest)
    return scheme.lower(), {key.lower(): quoted or plain for key, quoted, plain in found}
