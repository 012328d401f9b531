"""Find the user's Docker Engine."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import re
import shutil
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
# Where the docker CLI looks for its plugins, after the user's folders.
PLUGINS = tuple(
    f"/usr/{place}/docker/cli-plugins" for place in ("local/lib", "local/libexec", "lib", "libexec")
)


@dataclass(frozen=True)
class Candidate:
    host: str
    source: str
    chosen: bool = False  # the user chose it, so no other candidate is tried
    context: str | None = None  # the docker context that carries its TLS material, if any


DEFAULT = Candidate("unix:///var/run/docker.sock", "default socket")


def candidates(environment: Mapping[str, str] = os.environ) -> Iterator[Candidate]:
    """Yield where an engine may answer: in the docker CLI's own order, then at the usual sockets."""
    if host := environment.get("DOCKER_HOST"):
        yield Candidate(host, "DOCKER_HOST", chosen=True)
        return
    if (context := current_context(environment)) is not None:
        yield context
        return
    yield DEFAULT
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
    folder = _folder(environment)
    name = environment.get("DOCKER_CONTEXT") or settings(folder / "config.json").get("currentContext")
    if not name or name == "default":
        return None
    for meta in sorted(folder.glob("contexts/meta/*/meta.json")):
        content = settings(meta)
        if content.get("Name") == name:
            host = content.get("Endpoints", {}).get("docker", {}).get("Host", "")
            return Candidate(host, f"docker context {name}", chosen=True, context=str(name))
    return Candidate("", f"docker context {name}, which does not exist", chosen=True, context=str(name))


def buildx(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the command that starts buildx: the plugin itself, since the docker CLI takes longer to find it.

    A script in the CLI's place may do more, and so has the last word.
    """
    docker = shutil.which("docker", path=environment.get("PATH"))
    if docker and not _is_script(Path(docker)):
        own = _folder(environment)
        extra = settings(own / "config.json").get("cliPluginsExtraDirs") or ()
        for folder in (*extra, own / "cli-plugins", *PLUGINS):
            if (plugin := Path(folder, "docker-buildx")).is_file() and os.access(plugin, os.X_OK):
                return (str(plugin),)
    return ("docker", "buildx")


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def _folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of the docker CLI's settings."""
    return Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or "/") / ".docker")


def settings(path: Path) -> dict[str, Any]:
    """Return a JSON file's object; empty if there is none."""
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
    try:
        status, _ = ask(path, "GET", "/_ping", PING_SECONDS)
    except FileNotFoundError:
        return "no socket"
    except PermissionError:
        return DENIED
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    return None if status == http.client.OK else f"status {status}"


def ask(
    socket_path: str, method: str, url: str, seconds: float, content: Mapping[str, Any] | None = None
) -> tuple[int, bytes]:
    """Send a request, with content as JSON, and return the engine's status and answer, without the SDK."""
    connection = http.client.HTTPConnection("localhost", timeout=seconds)
    try:
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(seconds)
        connection.sock.connect(socket_path)
        body = None if content is None else json.dumps(content)
        connection.request(method, url, body, {} if body is None else {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def client(candidate: Candidate, timeout: int) -> docker.DockerClient:
    """Return an SDK client for a candidate; the SDK resolves a context's TLS material."""
    import docker

    environment = dict(os.environ)
    if not candidate.chosen:
        environment["DOCKER_HOST"] = candidate.host
    over_ssh = candidate.host.startswith("ssh://")
    return docker.from_env(environment=environment, timeout=timeout, use_ssh_client=over_ssh)
