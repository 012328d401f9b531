"""Start a database beside an application, on a network of its own."""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from drydock import base as bases
from drydock.base import make, pull
from drydock.engine import LABEL, Engine
from drydock.engine.runtime import Run, Running, started
from drydock.interrupts import held
from drydock.progress import Patience, Say
from drydock.project import Project
from drydock.recipe.backing import POSTGRES, Backing, environment
from drydock.services.errors import MigrationFailed, NoService, NotAnswering

OWNER = "run"
READY_SECONDS = 60.0
POLL_SECONDS = 0.2
# The start script's exit code if no migration is configured.
NONE_CONFIGURED = 69
RELEASE, MAJOR = "trixie", 17
DATA = "/var/lib/postgresql/data"
START = Path(__file__).with_name("start-postgres.sh")
HOOKS = (
    # The package would make a cluster at its installation.
    'mkdir -p "$1/etc/postgresql-common/createcluster.d"; '
    'echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.d/none.conf"',
    f'install -m 755 "{START}" "$1/usr/local/bin/start-postgres"; '
    f'mkdir -p "$1{DATA}"; chroot "$1" chown -R postgres:postgres /var/lib/postgresql',
)
BY_NAME: Mapping[str, Backing] = {"postgres": POSTGRES}


@dataclass(frozen=True)
class Service:
    """A running service; `host` is its name for containers on its network, with the address there."""

    backing: Backing
    host: str
    address: str
    network: str
    password: str


@contextmanager
def running(
    engine: Engine, project: Project, backing: Backing, say: Say, patience: Patience
) -> Iterator[Service]:
    """Start a service and wait until it answers; its container, data and network are removed at the end."""
    reference = image(engine, project, backing, say)
    password = secrets.token_hex(16)
    with _network(engine) as network:
        run = Run(
            reference,
            environment=environment(backing, password),
            owner=OWNER,
            restricted=False,
            network=network,
        )
        with started(engine, run) as container:
            with patience(f"waiting for {backing.name}"):
                wait(container, backing)
            attached = container.container.attrs["NetworkSettings"]["Networks"][network]
            yield Service(backing, backing.name, str(attached["IPAddress"]), network, password)


def image(engine: Engine, project: Project, backing: Backing, say: Say) -> str:
    """Return a service's image: a local one of any version, else a pulled one, else one made here."""
    repository = backing.image.partition(":")[0]
    local = [tag for one in engine.sdk.images.list(name=repository) for tag in one.tags]
    if local:
        return backing.image if backing.image in local else max(local)
    instead = make.reference(backing.image)
    if bases.look(engine, instead):
        return instead
    memory = pull.Memory(project.state / f"{backing.name}.json")
    refused = memory.refusal(backing.image)
    if refused is None:
        say(f"pulling {backing.image}")
        refused = pull.pull(engine, backing.image, say)
        if refused is None:
            return backing.image
        memory.remember(backing.image, refused)
    say(f"{backing.image} cannot be pulled ({refused})")
    plan = make.plan_of(engine, backing.image, RELEASE)
    if isinstance(plan, str):
        raise NoService(reference=backing.image, pull=refused, make=plan)
    make.make(engine, _postgres(plan), say)
    return instead


def _postgres(plan: make.Plan) -> make.Plan:
    """Return the plan of an image that accepts the official one's variables."""
    variables = make.ENVIRONMENT | {"PGDATA": DATA}
    variables["PATH"] = f"/usr/lib/postgresql/{MAJOR}/bin:{variables['PATH']}"
    return replace(
        plan,
        packages=("postgresql",),
        hooks=(f"--essential-hook={HOOKS[0]}", f"--customize-hook={HOOKS[1]}"),
        runs={
            "Env": [f"{name}={value}" for name, value in variables.items()],
            "User": "postgres",
            "Cmd": ["start-postgres"],
            "Volumes": {DATA: {}},
            "StopSignal": "SIGINT",
        },
    )


@contextmanager
def _network(engine: Engine) -> Iterator[str]:
    name = f"drydock-run-{secrets.token_hex(4)}"
    with ExitStack() as stack:
        with held():
            network = engine.sdk.networks.create(name, driver="bridge", labels={LABEL: OWNER})
            stack.callback(network.remove)
        yield name


def wait(running: Running, backing: Backing) -> None:
    """Wait until a service answers; fail at once when it ends."""
    began = time.monotonic()
    while running.alive():
        if running.execute(*backing.health).code == 0:
            running.container.reload()
            return
        if time.monotonic() - began > READY_SECONDS:
            raise NotAnswering(name=backing.name, seconds=READY_SECONDS, evidence=running.log())
        time.sleep(POLL_SECONDS)
    raise running.exited("before it was ready")


def migrate(engine: Engine, run: Run) -> float | None:
    """Run an image's migration and return its seconds; None if the image has none."""
    began = time.monotonic()
    with started(engine, replace(run, port=None, command=("migrate",))) as container:
        code = int(container.container.wait()["StatusCode"])
        if code == NONE_CONFIGURED:
            return None
        if code:
            raise MigrationFailed(image=run.image, code=code, evidence=container.log())
    return time.monotonic() - began
