"""Find the user's Docker Engine."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker

PING_SECONDS = 3
DENIED = "permission denied"
NO_SSH = "the SDK needs paramiko for ssh, and it is not installed"
# The SDK's errors wrap those of three libraries; the innermost says it in two words.
_CAUSE = re.compile(r"\[Errno -?\d+\] ([^'\")]+)|(timed out)")


@dataclass(frozen=True)
class Candidate:
    host: str
    source: str
    chosen: bool = False  # the user chose it, so no other candidate is tried
    context: str | None = None  # the docker context that carries its TLS material, if any


def candidates(environment: Mapping[str, str] = os.environ) -> Iterator[Candidate]:
    """Yield where an engine may answer: in the docker CLI's own order, then at the usual sockets."""
    if host := environment.get("DOCKER_HOST"):
        yield Candidate(host, "DOCKER_HOST", chosen=True)
        return
    if (context := current_context(environment)) is not None:
        yield context
        return
    yield Candidate("unix:///var/run/docker.sock", "default socket")
    runtime = Path(environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    home = Path(environment.get("HOME") or "/")
    for path, source in (
        (runtime / "docker.sock", "rootless socket"),
        (home / ".docker/run/docker.sock", "Docker Desktop's socket"),
        (runtime / "podman/podman.sock", "Podman's socket"),
        (Path("/run/podman/podman.sock"), "Podman's socket"),
    ):
        if path.exists():
            yield Candidate(f"unix://{path}", source)


def current_context(environment: Mapping[str, str]) -> Candidate | None:
    """Read the selected docker context from the CLI's own files; None for the default one."""
    folder = Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or "/") / ".docker")
    name = environment.get("DOCKER_CONTEXT") or _read_json(folder / "config.json").get("currentContext")
    if not name or name == "default":
        return None
    for meta in sorted(folder.glob("contexts/meta/*/meta.json")):
        content = _read_json(meta)
        if content.get("Name") == name:
            host = content.get("Endpoints", {}).get("docker", {}).get("Host", "")
            return Candidate(host, f"docker context {name}", chosen=True, context=str(name))
    return Candidate("", f"docker context {name}, which does not exist", chosen=True, context=str(name))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def answers(candidate: Candidate) -> str | None:
    """Return why a candidate does not answer; None if it does."""
    scheme, _, address = candidate.host.partition("://")
    if scheme == "unix":
        return _ping_socket(address)
    if not address:
        return "no address such as unix:///var/run/docker.sock" if candidate.host else "no endpoint"
    if scheme == "ssh" and importlib.util.find_spec("paramiko") is None:
        return NO_SSH
    # Only the SDK and the CLI know the TLS material and helpers of TCP and SSH endpoints.
    import docker

    try:
        sdk = client(candidate, timeout=PING_SECONDS)
        try:
            sdk.ping()
        finally:
            sdk.close()
    except (docker.errors.DockerException, OSError) as error:
        found = _CAUSE.search(str(error))
        return (found[1] or found[2]).lower() if found else str(error).splitlines()[0]
    return None


def _ping_socket(path: str) -> str | None:
    connection = http.client.HTTPConnection("localhost", timeout=PING_SECONDS)
    try:
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(PING_SECONDS)
        connection.sock.connect(path)
        connection.request("GET", "/_ping")
        status = connection.getresponse().status
    except FileNotFoundError:
        return "no socket"
    except PermissionError:
        return DENIED
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return None if status == http.client.OK else f"status {status}"


def client(candidate: Candidate, timeout: int) -> docker.DockerClient:
    """Return an SDK client for a candidate; the SDK resolves a context's TLS material."""
    import docker

    environment = dict(os.environ)
    if not candidate.chosen:
        environment["DOCKER_HOST"] = candidate.host
    over_ssh = candidate.host.startswith("ssh://")
    return docker.from_env(environment=environment, timeout=timeout, use_ssh_client=over_ssh)
