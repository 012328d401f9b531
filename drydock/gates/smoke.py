"""Start both images as Kubernetes would, ask them over HTTP, and stop them."""

import http.client
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

from drydock.engine.errors import ContainerExited, NotReady
from drydock.engine.runtime import GRACE_SECONDS, Answer, Run, Running, healthy, started
from drydock.gates.errors import GateFailed
from drydock.gates.gate import Facts
from drydock.gates.subject import Subject
from drydock.project import TARGETS, Project, Request
from drydock.spelling import counted
from drydock.verdict import Outcome, Verdict, and_more

GATE = "smoke"


def settings(project: Project, _target: str) -> Mapping[str, Any]:
    return {
        "requests": [asdict(request) for request in project.smoke],
        "development": asdict(project.development),
        "paths": [project.health_path, project.ready_path],
        "port": project.port,
        "extra_files": list(project.extra_files),
    }


FACTS = Facts(targets=TARGETS, settings=settings, rank=30)
# Where FastAPI has it; a project that moves it or turns it off is asked for `/`.
SCHEMA = "/openapi.json"
BUILD_TOOLS = frozenset(
    {"gcc", "cc", "g++", "c++", "cpp", "make", "cmake", "ld", "as", "cargo", "rustc"}
    | {"uv", "uvx", "curl", "wget", "git"}
)
# Further programs that help an attacker and not the application.
PRODUCTION_BANS = frozenset(
    {"sh", "bash", "dash", "ash", "busybox", "apt", "apt-get", "dpkg", "pip", "pip3", "perl", "su", "mount"}
)
# 128 + SIGTERM would mean that the signal ended the process before it finished its work.
CLEAN_EXIT = 0


def forbidden(paths: Iterable[str], target: str) -> list[str]:
    """Return the programs that a target must not carry, by path."""
    bans = BUILD_TOOLS | PRODUCTION_BANS if target == "production" else BUILD_TOOLS
    programs = (PurePosixPath("/", path) for path in paths)
    return sorted(str(path) for path in programs if path.name in bans and path.parent.name in {"bin", "sbin"})


def judge(subject: Subject) -> Verdict:
    """Prove that an image starts, answers, and stops, restricted as in production."""
    project, target = subject.project, subject.target
    declared = {PurePosixPath(name).name for name in project.extra_files}
    tools = [
        path for path in forbidden(subject.anatomy.tree, target) if path.rpartition("/")[2] not in declared
    ]
    faults = [f"{path} is in the {target} image" for path in tools]
    wanted = Run(subject.image_id, port=project.port, environment=project.development.environment, owner=GATE)
    try:
        with started(subject.engine, wanted) as running:
            ready = running.wait_until_ready(project.ready_path)
            faults += _faults(project, running)
            code, stopped = running.stop(GRACE_SECONDS)
            log = running.log()
    except (ContainerExited, NotReady) as error:
        return Verdict.failed(GATE, error)
    if code != CLEAN_EXIT or stopped >= GRACE_SECONDS:
        faults.append(f"SIGTERM ended it with exit code {code} after {stopped:.1f} s of {GRACE_SECONDS} s")
    requests = len(project.smoke) or 1
    figures = {"ready_seconds": round(ready, 3), "stop_seconds": round(stopped, 3), "requests": requests}
    if faults:
        return Verdict(GATE, Outcome.FAILED, f"{target}: {and_more(faults)}", tuple(faults), log, figures)
    summary = f"{target} ready in {ready:.1f} s, {counted(requests, 'request')} answered"
    summary += f", stopped in {stopped:.1f} s"
    return Verdict(GATE, Outcome.PASSED, summary, measurements=figures)


def _faults(project: Project, running: Running) -> list[str]:
    faults = []
    user = running.container.image.attrs["Config"].get("User", "") if running.container.image else ""
    if not user.split(":")[0].isdigit() or user.split(":")[0] == "0":
        faults.append(f"the image's user is {user or 'root'!r}, not a number above 0")
    for path in filter(None, (project.health_path, project.ready_path)):
        if not healthy(status := running.get(path)):
            faults.append(f"GET {path} answered {status}")
    return faults + (round_of_requests(running, project) if project.smoke else unasked(running))


def unasked(running: Running) -> list[str]:
    """Ask a project that names no requests for its schema, which FastAPI makes from every route.

    Without one, any answer to `/` will do: it may need a database.
    """
    schema = running.send("GET", SCHEMA)
    if schema.status == http.client.NOT_FOUND:
        root = running.send("GET", "/")
        return [] if root.status else [f"GET / was not answered: {root.body}"]
    if 0 < schema.status < http.client.INTERNAL_SERVER_ERROR:
        return []
    return [f"GET {SCHEMA} answered {schema.status or schema.body}"]


def token(running: Running, project: Project) -> str:
    """Return a development token from inside a container; empty when the project needs none."""
    command = project.development.token_command
    if not command:
        return ""
    done = running.execute(*command)
    text = done.stdout.strip()
    if done.code != 0 or not text:
        raise GateFailed(
            gate="token-command",
            summary=f"`{' '.join(command)}` exited with {done.code} in the container",
            how="fix [tool.drydock.development] token-command",
            evidence=(done.stderr + done.stdout).strip(),
        )
    return text.splitlines()[-1]


def exchanges(running: Running, project: Project) -> Iterator[tuple[Request, str, Answer | None]]:
    """Send the project's smoke requests in order; yield each with path and answer, or why it was not sent."""
    bearer = token(running, project)
    saved: dict[str, Any] = {}
    for request in project.smoke:
        try:
            path = request.path.format_map(saved)
        except KeyError as error:
            yield request, f"{error} was never answered", None
            continue
        answer = send(running, request, path, bearer)
        if answer.status == request.status and request.contains in answer.body:
            saved |= {name: _field(answer.body, key) for name, key in request.save.items()}
        yield request, path, answer


def round_of_requests(running: Running, project: Project) -> list[str]:
    faults = []
    for request, path, answer in exchanges(running, project):
        if answer is None:
            faults.append(f"{request.method} {request.path} was not sent: {path}")
        elif answer.status != request.status:
            fault = f"{answer.status}, not {request.status}: {answer.body[:200]!r}"
            faults.append(f"{request.method} {path} answered {fault}")
        elif request.contains not in answer.body:
            fault = f"{answer.body[:200]!r}, without {request.contains!r}"
            faults.append(f"{request.method} {path} answered {fault}")
    return faults


def send(running: Running, request: Request, path: str, bearer: str) -> Answer:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer and request.authorised else {}
    content = None
    if request.body is not None:
        content = json.dumps(request.body)
        headers["Content-Type"] = "application/json"
    return running.send(request.method, path, headers, content)


def _field(body: str, key: str) -> Any:
    try:
        content: Mapping[str, Any] = json.loads(body)
        return content[key]
    except (ValueError, KeyError, TypeError):
        return f"<no {key}>"
