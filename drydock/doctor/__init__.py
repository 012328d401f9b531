"""Examine the requirements of builds, gates and pushes; a finding is ok or comes with advice."""

from collections import Counter
from collections.abc import Collection, Iterator

from drydock import base as bases
from drydock.doctor import base, engine, host, network
from drydock.doctor.errors import MachineFails, MachineWarns
from drydock.doctor.finding import Finding, Severity, failure, unknown
from drydock.engine import connect
from drydock.engine.errors import NoEngine
from drydock.project import Project

__all__ = ["Finding", "Severity", "examine", "judge"]

IN_A_PROJECT = "examine them too: `drydock doctor --project DIR`"


def examine(project: Project | None) -> Iterator[Finding]:
    """Yield the findings as they are made, the most basic first; without a project only the machine's."""
    yield engine.context()
    try:
        found = connect()
    except NoEngine as error:
        yield failure("engine", str(error.values["tried"]), str(error.values["how"]))
        yield network.proxies({})
        yield network.certificates()
        return
    yield engine.version(found)
    yield engine.buildx(found)
    yield engine.builder(found)
    info = found.sdk.info()
    yield engine.clock(info)
    yield engine.storage(info)
    yield engine.disk(found, info)
    if found.host.startswith("unix://"):
        if not found.podman:
            yield engine.records(info)
        yield from host.examine(info)
    yield network.proxies(info)
    yield network.certificates()
    if project is None:
        fact = "none in this folder; its base image and registry were not examined"
        yield unknown("project", fact, IN_A_PROJECT)
        return
    yield engine.room("project", project.root, "free some space beside the project")
    image = bases.present(found, project)
    yield base.age(found, project, image)
    if image:
        yield network.inside(found, network.question(found, image.reference))
    else:
        yield unknown("container", "not asked for the network: there is no base image to ask with")
    yield network.registry(info, project)
    yield network.remote_clock(project)


def judge(findings: Collection[Finding]) -> None:
    """Raise an error if a finding is a failure or a warning."""
    seen = Counter(finding.severity for finding in findings)
    if count := seen[Severity.FAILURE]:
        raise MachineFails(count=count)
    if count := seen[Severity.WARNING]:
        raise MachineWarns(count=count)
