"""Registry credentials from the docker configuration, and the authentication schemes of registries.

See the distribution project's "Token Authentication Specification" and "OAuth2 Token Authentication".
"""

import base64
import json
import os
import re
import warnings
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from drydock.publish.errors import BadCredentials, RegistryFault

REFUSED = (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN, httpx2.codes.TOO_MANY_REQUESTS)


@dataclass(frozen=True, repr=False)
class Credentials:
    """A login to one registry: anonymous without a user; some helpers return an identity token instead."""

    user: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        # Never show the password, not even in a traceback.
        return f"Credentials({self.described})"

    @property
    def described(self) -> str:
        """The user, for a message."""
        if self.identity_token:
            return "the identity token"
        return f"user {self.user!r}" if self.user else "an anonymous user"

    @property
    def basic(self) -> str:
        """The header of Basic authentication."""
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


def load(registry: str) -> Credentials:
    """Return a registry's credentials: from its helper, the common store, then the file itself."""
    import docker
    from docker import auth

    try:
        content = _configuration()
        with warnings.catch_warnings():
            # A missing helper is an error here, raised below; the SDK warns of it too.
            warnings.simplefilter("ignore")
            found = auth.load_config(config_dict=content).resolve_authconfig(registry) if content else None
    except (docker.errors.DockerException, OSError, ValueError, LookupError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        reason = reason.removeprefix("Credentials store error: ")
        raise BadCredentials(registry=registry, reason=reason) from error
    # The SDK spells its keys in two ways.
    values = {key.lower(): str(value or "") for key, value in (found or {}).items()}
    return Credentials(*(values.get(name, "") for name in ("username", "password", "identitytoken")))


def _configuration() -> dict[str, Any]:
    """Read the docker CLI's configuration; empty if there is none.

    The SDK would take a damaged file for an empty one, and read another file if DOCKER_CONFIG names a folder
    without one.
    """
    folder = os.environ.get("DOCKER_CONFIG")
    path = (Path(folder) if folder else Path.home() / ".docker") / "config.json"
    if not path.exists():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path} does not contain a JSON object")
    return content


class Login(httpx2.Auth):
    """Answers a registry's challenge, and reuses the answer for later requests."""

    requires_response_body = True

    def __init__(self, credentials: Credentials, *, insecure: bool) -> None:
        self._credentials = credentials
        self._insecure = insecure
        self._header = ""

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Send a request; after a 401, repeat it with the authorization that the registry asks for."""
        if self._header:
            request.headers["Authorization"] = self._header
        response = yield request
        if response.status_code != httpx2.codes.UNAUTHORIZED:
            return
        scheme, parameters = challenge(response.headers.get("WWW-Authenticate", ""))
        header = ""
        if scheme == "basic" and self._credentials.user:
            header = self._credentials.basic
        elif scheme == "bearer" and self._may_ask(parameters.get("realm", "")):
            answer = yield self._token_request(parameters)
            if answer.is_server_error or answer.status_code in REFUSED:
                # The caller treats it like an answer of the registry itself.
                return
            header = f"Bearer {_token(request, answer)}"
        self._header = header
        if header:
            request.headers["Authorization"] = header
            yield request

    def _may_ask(self, realm: str) -> bool:
        """Allow sending a password over plain HTTP only for insecure registries."""
        return realm.startswith("https://") or (self._insecure and realm.startswith("http://"))

    def _token_request(self, parameters: Mapping[str, str]) -> httpx2.Request:
        """Return the request for a token, as the user, with the registry's service and scope."""
        realm = parameters["realm"]
        asked = {key: parameters[key] for key in ("service", "scope") if key in parameters}
        if token := self._credentials.identity_token:
            form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "drydock"}
            return httpx2.Request("POST", realm, data=asked | form)
        headers = {"Authorization": self._credentials.basic} if self._credentials.user else {}
        url = httpx2.URL(realm).copy_merge_params(asked)
        return httpx2.Request("GET", url, headers=headers)


def _token(request: httpx2.Request, answer: httpx2.Response) -> str:
    try:
        content = answer.json() if answer.is_success else {}
        if token := content.get("token") or content.get("access_token"):
            return str(token)
        reason = "no token in its answer"
    except (ValueError, AttributeError):
        reason = "its answer is not a JSON object"
    asked = f"{answer.request.method} {answer.request.url.copy_with(query=None)}"
    registry = request.url.netloc.decode()
    raise RegistryFault(registry=registry, status=answer.status_code, request=asked, reason=reason)


def challenge(header: str) -> tuple[str, dict[str, str]]:
    """Parse a WWW-Authenticate header: the scheme in lower case, and the parameters."""
    scheme, _, rest = header.partition(" ")
    found = re.findall(r'([A-Za-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', rest)
    return scheme.lower(), {key.lower(): quoted or plain for key, quoted, plain in found}
