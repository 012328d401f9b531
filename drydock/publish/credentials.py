"""Credentials for registries, from the docker configuration and the helpers that it names."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drydock.publish.errors import BadCredentials


@dataclass(frozen=True)
class Credentials:
    """How to log in to one registry."""

    user: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.described})"

    @property
    def described(self) -> str:
        """Who this is, for a message."""
        if self.identity_token:
            return "the identity token"
        return f"user {self.user!r}" if self.user else "an anonymous user"


def load(registry: str) -> Credentials:
    """Look up the credentials for a registry: its helper, the common store, then the file itself."""
    import docker
    from docker import auth

    try:
        content = _configuration()
        if not content:
            return Credentials()
        with warnings.catch_warnings():
            # A missing helper is an error here, raised below; the SDK warns of it as well.
            warnings.simplefilter("ignore")
            found = auth.load_config(config_dict=content).resolve_authconfig(registry)
    except (docker.errors.DockerException, OSError, ValueError, LookupError) as error:
        raise BadCredentials(registry=registry, reason=_reason(error)) from error
    return _read(found or {})


def _configuration() -> dict[str, Any]:
    """Read the docker CLI's configuration.

    Not left to the SDK, which takes a damaged file for an empty one, and another file where DOCKER_CONFIG
    names a folder without one.
    """
    folder = os.environ.get("DOCKER_CONFIG")
    path = (Path(folder) if folder else Path.home() / ".docker") / "config.json"
    if not path.exists():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no JSON object")
    return content


def _read(found: dict[str, Any]) -> Credentials:
    """Read what the SDK returns, which spells its keys in two ways."""
    values = {key.lower(): str(value or "") for key, value in found.items()}
    return Credentials(
        values.get("username", ""), values.get("password", ""), values.get("identitytoken", "")
    )


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text.splitlines()[0].removeprefix("Credentials store error: ")
