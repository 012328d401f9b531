"""The only door to the Docker Engine."""

from __future__ import annotations

import functools
import http.client
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from drydock.engine import find
from drydock.engine.errors import EngineGone, NoEngine

if TYPE_CHECKING:
    import docker

# On every container that drydock starts, so that `clean` finds these and no others. Not on images: a
# container inherits its image's labels.
LABEL = "dev.drydock.started-by"
# On every image that drydock builds, with the project's image name, and so on its containers: `clean` spares
# those of other projects.
PROJECT_LABEL = "dev.drydock.project"

# The first major versions that build a Dockerfile with `RUN --network`: Docker's own BuildKit, and Podman.
OLDEST, OLDEST_PODMAN = 23, 5

MEMBERSHIP = (
    "have an administrator run `usermod --append --groups docker NAME`, and log in again; or choose an "
    "engine of your own with DOCKER_HOST"
)

PARAMIKO = (
    "install it beside drydock: `uv tool install --with paramiko fastapi-drydock`, or `pip install paramiko`"
)

# The SDK's own default of 60 s is too short for a large layer on a slow disk.
CALL_SECONDS = 300


def short_name(reference: str) -> str:
    """Return an image's name as Docker lists it; Podman lists whole names."""
    for place in ("docker.io/library/", "docker.io/", "localhost/"):
        if reference.startswith(place):
            return reference.removeprefix(place)
    return reference


def full_name(reference: str) -> str:
    """Return an image's whole name, as Podman's answers in Docker's place name it."""
    first, slash, _ = reference.partition("/")
    if slash and (first == "localhost" or "." in first or ":" in first):
        return reference
    return f"docker.io/{reference}" if slash else f"docker.io/library/{reference}"


@dataclass(frozen=True)
class Engine:
    """An engine that answers."""

    candidate: find.Candidate

    @property
    def host(self) -> str:
        """The endpoint, as DOCKER_HOST spells it."""
        return self.candidate.host

    @property
    def environment(self) -> dict[str, str]:
        """Variables that direct the docker CLI to this engine; none if it finds the engine by itself."""
        return {} if self.candidate.chosen else {"DOCKER_HOST": self.host}

    @functools.cached_property
    def sdk(self) -> docker.DockerClient:
        """The SDK's client, made at first use: its import costs a fifth of a second."""
        return find.client(self.candidate, timeout=CALL_SECONDS)

    @functools.cached_property
    def version(self) -> dict[str, Any]:
        """Its own description: version, architecture, components."""
        return self._asked("/version") or dict(self.sdk.version())

    @functools.cached_property
    def info(self) -> dict[str, Any]:
        """Its settings, its id and its storage."""
        return self._asked("/info") or dict(self.sdk.info())

    def image(self, reference: str) -> dict[str, Any] | None:
        """Return an image's description; None without an image of this name."""
        found = self._asked(f"/images/{quote(reference, safe='')}/json")
        if found is not None:
            return found or None
        import docker

        try:
            return dict(self.sdk.images.get(reference).attrs)
        except docker.errors.ImageNotFound:
            return None

    def history(self, image: str) -> list[dict[str, Any]]:
        """Return an image's instructions and their sizes, the last one first."""
        found = self._asked(f"/images/{quote(image, safe='')}/history")
        return list(found or self.sdk.images.get(image).history())

    def _asked(self, url: str) -> Any:
        """Return an engine's answer, empty for 404; None where the SDK has to ask, or to explain a refusal.

        Without the SDK, whose import takes longer than most commands ask for.
        """
        if not self.host.startswith("unix://") or "sdk" in vars(self):
            return None
        status, answer = self.request("GET", url)
        if status == http.client.OK:
            return json.loads(answer)
        return {} if status == http.client.NOT_FOUND else None

    def request(self, method: str, url: str, content: Mapping[str, Any] | None = None) -> tuple[int, bytes]:
        """Send a request of the Docker API, with content as JSON; return its status and its answer."""
        scheme, _, path = self.host.partition("://")
        if scheme != "unix":
            api = self.sdk.api
            answer = api.request(method, f"{api.base_url}{url}", json=content, timeout=CALL_SECONDS)
            return answer.status_code, answer.content
        try:
            return find.ask(path, method, url, CALL_SECONDS, content)
        except (OSError, http.client.HTTPException) as error:
            raise self.gone() from error

    def gone(self, said: str = "") -> EngineGone:
        """Return the error for an engine that answers no longer, with the last words of one of drydock's."""
        from drydock.engine.install import last_words

        return EngineGone(host=self.host, evidence="\n".join(filter(None, (said, last_words(self.host)))))

    @property
    def podman(self) -> bool:
        """Whether it is Podman's, which has no BuildKit inside."""
        return "podman" in str(self.version).lower()

    @property
    def containerd(self) -> bool:
        """Whether its images are in containerd's store."""
        return "io.containerd.snapshotter" in str(self.info.get("DriverStatus"))

    @property
    def name(self) -> str:
        return "Podman" if self.podman else "the Docker Engine"

    @property
    def oldest(self) -> int:
        """The first major version that builds a Dockerfile of drydock's form."""
        return OLDEST_PODMAN if self.podman else OLDEST

    @property
    def outdated(self) -> bool:
        """Whether it is too old to build a Dockerfile of drydock's form."""
        major = re.match(r"\d+", str(self.version.get("Version", "")))
        return major is not None and int(major[0]) < self.oldest

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Turn a broken connection to the engine into EngineGone."""
        try:
            yield
        except OSError as error:
            # The SDK does not wrap the exceptions of its HTTP client.
            import requests

            if not isinstance(error, requests.exceptions.RequestException) or error.response is not None:
                raise
            raise self.gone() from error


def connect() -> Engine:
    """Return the engine that the user selected, else the first that answers."""
    tried, denied = [], False
    for candidate in find.candidates():
        reason = find.answers(candidate)
        if reason is None:
            return Engine(candidate)
        tried.append(" ".join(filter(None, (candidate.source, candidate.host))) + f": {reason}")
        denied = denied or reason == find.DENIED
        if candidate.chosen:
            how = "start it, or choose another one with DOCKER_HOST or `docker context use`"
            how = {find.DENIED: MEMBERSHIP, find.NO_SSH: PARAMIKO}.get(reason, how)
            raise NoEngine(tried=tried[0], how=how)
    from drydock.engine.install import advice

    raise NoEngine(tried=", ".join(tried), how=MEMBERSHIP if denied else advice())
