"""Run an image as Kubernetes would: read-only, without capabilities, as the user that the image names."""

from __future__ import annotations

import http.client
import io
import json
import struct
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from drydock.command import Completed
from drydock.engine import LABEL, Engine
from drydock.engine.errors import ContainerExited, ImageMissing, NotReady, NotStarted, PortTaken
from drydock.interrupts import held

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

READY_SECONDS = 60.0
GRACE_SECONDS = 30
POLL_SECONDS = 0.05
QUICK_SECONDS = 1.0
LOG_LINES = 30
PROBE_SECONDS = 5.0
# A first request may import as much as a start does, and the machine may be busy.
ANSWER_SECONDS = READY_SECONDS
NANOSECONDS = 1_000_000_000
# Fields of a JSON log line that hold its text.
MESSAGES = ("message", "msg", "event")
# How the image's start script and probe serve the application.
SERVE = "/opt/image/serve.json"
# Before each piece of an output: its stream (1 or 2), three empty bytes, its length.
FRAME = struct.Struct(">BxxxL")


@dataclass(frozen=True)
class Run:
    image: str
    port: int | None = None  # of the image, inside; None publishes nothing
    host_port: int = 0  # this machine's loopback port; 0 for a free one
    command: Sequence[str] = ()
    entrypoint: Sequence[str] = ()  # in place of the image's
    environment: Mapping[str, str] = field(default_factory=dict)
    owner: str = "run"  # the label's value: the task or gate that started this container
    restricted: bool = True  # apply Pod Security "restricted" and a read-only root
    network: str = ""
    extra_hosts: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)  # host path by container path, mounted read-only
    memory: int = 0  # bytes the container may use; 0 for no limit
    # The image's own HEALTHCHECK, to be run each second, where one failure counts; empty to leave it alone.
    healthcheck: Mapping[str, Any] = field(default_factory=dict)
    dns: Sequence[str] = ()

    @property
    def listening(self) -> int | None:
        """The port inside that the application listens on: the image's or one that the environment names."""
        named = self.environment.get("PORT", "")
        return int(named) if self.port and named.isdecimal() else self.port


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; without one, status 0 and the error."""

    status: int
    body: str
    media_type: str = ""


@dataclass(frozen=True)
class Running:
    container: Container
    run: Run

    @property
    def port(self) -> int:
        """The port of this machine that leads to the application."""
        self.container.reload()
        published = self.container.ports.get(f"{self.run.listening}/tcp") or []
        if not published:
            raise self.exited("while starting")
        return int(published[0]["HostPort"])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @cached_property
    def host(self) -> str:
        """The Host header that the image's own probe sends; empty when the application takes any."""
        import docker

        if named := self.run.environment.get("HEALTH_HOST", ""):
            return named
        try:
            chunks, _ = self.container.get_archive(SERVE)
        except docker.errors.NotFound:
            return ""
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            file = archive.extractfile(SERVE.rpartition("/")[2])
            assert file is not None  # noqa: S101 - the only member is a file
            return str(json.load(file).get("health_host", ""))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> int:
        """Return the status of a GET request.

        Raises:
            OSError, http.client.HTTPException: There was no answer.
        """
        return self._ask(self.port, "GET", path, headers or {}, None, PROBE_SECONDS).status

    def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, content: str | None = None
    ) -> Answer:
        """Return the answer to a request, or the error in its place."""
        try:
            return self._ask(self.port, method, path, headers or {}, content, ANSWER_SECONDS)
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, str(error) or type(error).__name__)

    def _ask(
        self,
        port: int,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: str | None,
        seconds: float,
    ) -> Answer:
        named = {"Host": self.host} if self.host else {}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
        try:
            connection.request(method, path, body=content, headers={**named, **headers})
            response = connection.getresponse()
            body = response.read().decode("utf-8", "replace")
            return Answer(response.status, body, response.headers.get_content_type())
        finally:
            connection.close()

    def log(self, lines: int = LOG_LINES) -> str:
        return self.container.logs(tail=lines).decode("utf-8", "replace").rstrip()

    def exited(self, when: str) -> ContainerExited:
        """Return the error for a container that ended, with its log."""
        self.container.reload()
        code = self.container.attrs["State"]["ExitCode"]
        return ContainerExited(image=self.run.image, code=code, when=when, evidence=self.log())

    @property
    def _api(self) -> docker.APIClient:
        client = self.container.client
        assert client is not None  # noqa: S101 - the engine's
        return client.api

    def execute(self, *words: str) -> Completed:
        """Run a program inside and wait for its end.

        The SDK's own function reads the socket past a buffer, and loses what arrived in it with the answer's
        head: all of the output where this machine is busy and the program quick.
        """
        import docker
        import requests

        api = self._api
        made = api.exec_create(self.container.id, list(words))["Id"]
        answer = api.post(f"{api.base_url}/exec/{made}/start", json={"Detach": False, "Tty": False})
        try:
            answer.raise_for_status()
        except requests.HTTPError as error:
            docker.errors.create_api_error_from_http_exception(error)
        streams = {1: bytearray(), 2: bytearray()}
        framed = memoryview(answer.content)
        while framed:
            stream, length = FRAME.unpack_from(framed)
            streams[stream] += framed[FRAME.size : FRAME.size + length]
            framed = framed[FRAME.size + length :]
        # An output may end a moment before its program.
        while (found := api.exec_inspect(made))["Running"]:
            time.sleep(POLL_SECONDS)
        said, wrong = (bytes(content).decode("utf-8", "replace") for content in streams.values())
        return Completed(words, int(found["ExitCode"]), said, wrong)

    def alive(self) -> bool:
        self.container.reload()
        return bool(self.container.status == "running")

    def probe(self) -> None:
        """Have Podman run the image's HEALTHCHECK: its own timer is systemd's, which containers lack."""
        api = self._api
        api.get(f"{api.base_url}/v5.0.0/libpod/containers/{self.container.id}/healthcheck")

    def wait_until_ready(
        self, path: str, seconds: float = READY_SECONDS, tell: Callable[[str], None] = lambda _: None
    ) -> float:
        """Wait for a healthy status at a path and return the seconds; fail at once when the container ends.

        Without a path, any answer counts.
        """
        began = time.monotonic()
        port = self.port  # asked for once: each look at it is a request to the engine
        last = "the application does not listen yet"
        while time.monotonic() - began < seconds:
            try:
                status = self._ask(port, "GET", path or "/", {}, None, PROBE_SECONDS).status
                if healthy(status) or not path:
                    return time.monotonic() - began
                last = f"status {status}"
            except TimeoutError:
                last = "the application does not answer"
            except (OSError, http.client.HTTPException):
                last = "the application does not listen yet"
            if not self.alive():
                raise self.exited("before it was ready")
            # A quick start needs no message, and each look at the log is a request to the engine.
            if time.monotonic() - began > QUICK_SECONDS:
                tell(" · ".join(filter(None, (last, message(self.log(lines=1))))))
            time.sleep(POLL_SECONDS)
        raise NotReady(image=self.run.image, path=path, seconds=seconds, last=last, evidence=self.log())

    def stop(self, seconds: int = GRACE_SECONDS) -> tuple[int, float]:
        """Send SIGTERM, and SIGKILL after the grace period; return the exit code and the seconds taken."""
        began = time.monotonic()
        self.container.stop(timeout=seconds)
        taken = time.monotonic() - began
        return int(self.container.wait()["StatusCode"]), taken


def message(line: str) -> str:
    """Return a log line's text, which may be in a JSON field."""
    try:
        fields = json.loads(line)
    except ValueError:
        return line
    found = (fields.get(name) for name in MESSAGES) if isinstance(fields, dict) else ()
    return str(next(filter(None, found), line))


def healthy(status: int) -> bool:
    """Tell whether a probe accepts a status, as Kubernetes' and the image's own do: redirects count."""
    return http.client.OK <= status < http.client.BAD_REQUEST


@contextmanager
def started(engine: Engine, run: Run) -> Iterator[Running]:
    """Start a container; remove it with its volumes at the end."""
    import docker

    options: dict[str, Any] = {}
    if run.restricted:
        options = {
            "read_only": True,
            "tmpfs": {"/tmp": "mode=1777"},  # noqa: S108 - a mount inside the container
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
        }
    if run.listening:
        # Without a host port, the engine picks a free one.
        options["ports"] = {
            f"{run.listening}/tcp": ("127.0.0.1", run.host_port) if run.host_port else ("127.0.0.1",)
        }
    if run.network:
        options["network"] = run.network
    if run.memory:
        options["mem_limit"] = run.memory
    if run.healthcheck:
        # Whole, since Podman takes all settings or none. The start period has an interval of its own in the
        # engine, so it ends at once.
        own = {"Interval": NANOSECONDS, "Retries": 1, "StartPeriod": NANOSECONDS // 1000}
        options["healthcheck"] = {**run.healthcheck, **own}
    wanted = created(
        engine,
        run.image,
        run.owner,
        command=list(run.command) or None,
        entrypoint=list(run.entrypoint) or None,
        environment=dict(run.environment),
        extra_hosts=dict(run.extra_hosts) or None,
        dns=list(run.dns) or None,
        volumes={host: {"bind": inside, "mode": "ro"} for inside, host in run.mounts.items()} or None,
        **options,
    )
    with wanted as container:
        try:
            container.start()
        except docker.errors.APIError as error:
            if "port is already allocated" in str(error) or "address already in use" in str(error):
                raise PortTaken(port=run.host_port) from error
            raise NotStarted(image=run.image, reason=error.explanation or error) from error
        yield Running(container, run)


@contextmanager
def created(engine: Engine, image: str, owner: str, **options: Any) -> Iterator[Container]:
    """Create a container without starting it; remove it with its volumes at the end."""
    import docker

    with ExitStack() as stack:
        with held():
            try:
                container = engine.sdk.containers.create(image, labels={LABEL: owner}, **options)
            except docker.errors.ImageNotFound as error:
                raise ImageMissing(reference=image) from error
            except docker.errors.APIError as error:
                raise NotStarted(image=image, reason=error.explanation or error) from error
            stack.callback(_remove, container)
        yield container


def _remove(container: Container) -> None:
    import docker

    # `clean` may have removed it already.
    with held(), suppress(docker.errors.NotFound):
        container.remove(force=True, v=True)
