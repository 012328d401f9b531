"""Run an image interactively, with its database if asked, and show its addresses and a request."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from drydock import detect, services
from drydock.detect import Findings
from drydock.engine.runtime import Run, Running, healthy, started
from drydock.gates.smoke import SCHEMA, token
from drydock.project import Project, configured
from drydock.recipe import backing
from drydock.report import console
from drydock.report.progress import waiting
from drydock.report.tables import key_values
from drydock.services import envfile
from drydock.workspace import Workspace

OK = range(200, 300)
# FastAPI's default paths of its documentation, asked after the detected one.
DOCS = ("/docs", "/redoc")


def look(
    workspace: Workspace, target: str, port: int, env_file: Path | None = None, beside: Sequence[str] = ()
) -> None:
    """Run a target, built first if missing, until Ctrl-C, restricted as in production.

    Args:
        port: The port of this machine; 0 for a free one.
        env_file: Variables that override those of the configuration.
        beside: Names of services to start with it, such as postgres.
    """
    project = workspace.project
    given = envfile.read(env_file) if env_file else {}
    environment = {**project.development.environment, **given}
    found = detect.detect(project.source, configured(project.source))
    built = workspace.built(target)
    shown: dict[str, str] = {}
    with ExitStack() as stack:
        wanted = Run(built.image_id, port=project.port, host_port=port, environment=environment, owner="run")
        for name in beside:
            kind = services.BY_NAME[name]
            started_one = services.running(workspace.engine, project, kind, workspace.say, waiting)
            service = stack.enter_context(started_one)
            variables = environment | _variables(service, found, environment)
            workspace.say(f"{', '.join(variables)}: from the {name} that was started")
            hosts = {service.host: service.address}
            wanted = replace(wanted, environment=variables, network=service.network, extra_hosts=hosts)
            with waiting("migrating the database" if found.migrate else "asking the image for a migration"):
                seconds = services.migrate(workspace.engine, wanted)
            shown["database"] = f"{name}, without a migration: none is configured"
            if seconds is not None:
                shown["database"] = f"{name}, migrated in {seconds:.1f} s"
        if not beside and not env_file and found.migrate:
            # Only this container has the database: nothing else can migrate it.
            wanted = replace(wanted, environment={"RUN_MIGRATIONS": "1", **environment})
        running = stack.enter_context(started(workspace.engine, wanted))
        with waiting(f"waiting for {project.ready_path or 'an answer'}") as tell:
            seconds = running.wait_until_ready(project.ready_path, tell=tell)
        docs = (found.docs.value, *DOCS) if found.docs else DOCS
        try:
            show(running, project, {"ready": f"in {seconds:.1f} s", **shown}, docs)
            for chunk in running.container.logs(stream=True, follow=True, tail=0):
                sys.stderr.buffer.write(chunk)
                sys.stderr.flush()
        except KeyboardInterrupt:
            running.stop()
            return
        raise running.exited("while it was running")


def _variables(service: services.Service, found: Findings, given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of settings and env file that point to a service, with its values."""
    settings = [one.value for one in found.settings]
    others = given.keys() - {one.name for one in settings}
    settings += [detect.Setting(name, "plain", False, given[name]) for name in given if name in others]
    requirements = found.dependencies.value.requirements if found.dependencies else ()
    drivers = backing.names(requirements)
    return backing.variables(service.backing, settings, drivers, service.host, service.password)


def show(running: Running, project: Project, rows: Mapping[str, str], pages: Sequence[str]) -> None:
    """Print the addresses of a container and a request that it answers.

    Args:
        rows: What to print first.
        pages: Paths where its documentation may be.
    """
    bearer = token(running, project)
    headers = {"Host": running.host} if running.host else {}
    headers |= {"Authorization": f"Bearer {bearer}"} if bearer else {}
    docs = next((path for path in pages if running.get(path) in OK), "")
    shown = {**rows, "url": running.url}
    if running.host:
        shown["Host header"] = f"{running.host}, as the image's own probe sends"
    if docs:
        shown["docs"] = f"{running.url}{docs}"
    key_values(console(), {**shown, "stop": "Ctrl-C"})
    for path in _candidates(running, project, docs):
        status = running.get(path, headers)
        if status in OK:
            header = "".join(f" -H '{name}: {value}'" for name, value in headers.items())
            # Outside of the table, which would wrap it: users copy this line.
            sys.stdout.write(f"\ncurl -s{header} {running.url}{path}\n\n")
            break
    else:
        sys.stdout.write("\nno path that drydock knows answers 2xx; set example-path to one that does\n\n")
    sys.stdout.flush()


def _candidates(running: Running, project: Project, docs: str) -> Iterator[str]:
    """Yield paths to try: the project's own, routes without parameters, probes, documentation."""
    yield project.development.example_path
    probes = [path for path in (project.ready_path, project.health_path) if path]
    yield from (path for path in _routes(running) if path not in probes)
    yield from filter(None, (*probes, docs))


def _routes(running: Running) -> Iterator[str]:
    """Yield the GET routes in the application's OpenAPI document that need no parameters."""
    try:
        answer = running.send("GET", SCHEMA)
        described = json.loads(answer.body) if healthy(answer.status) else {}
    except ValueError:
        return
    for path, methods in dict(described.get("paths", {})).items():
        needed = [one for one in methods.get("get", {}).get("parameters", ()) if one.get("required")]
        if "get" in methods and "{" not in path and not needed:
            yield path
