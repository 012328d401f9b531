"""The application's neighbourhood: its servers, its network, and containers of the image."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import httpx2

from drydock.engine import LABEL, Engine, runtime
from tests.support import certificates, process
from tests.support.better_auth import PUBLIC_URL, BetterAuth, User, better_auth
from tests.support.model import Model, model
from tests.support.pgbouncer import pgbouncer
from tests.support.postgres import Postgres, postgres

LOOPBACK = "127.0.0.1"
PORT = 8000
READY = "/readyz"
# Neon's names for one database: with a pooler in front, and direct.
POOLED_HOST = "ep-quiet-sea-a1b2c3-pooler.eu-central-1.aws.neon.example"
DIRECT_HOST = "ep-quiet-sea-a1b2c3.eu-central-1.aws.neon.example"
AUTH_HOST = "auth.default.svc"
MODEL_HOST = "model.default.svc"


@dataclass(frozen=True)
class Account:
    user: User
    token: str


@dataclass
class Ledger:
    """All log output of the run, and the secrets that must not be in it."""

    secrets: set[str] = field(default_factory=set)
    logs: dict[str, str] = field(default_factory=dict)

    def told(self, *logs: str) -> list[str]:
        """Return the secrets that are in the kept logs or in these, whole or in part."""
        text = "\n".join([*self.logs.values(), *logs])
        parts = {part for secret in self.secrets for part in (secret, *secret.split("."))}
        # Short values are ordinary words; a token's header only names its signing key.
        telling = {part for part in parts if len(part) >= 16 and not part.startswith("eyJhbGciOi")}
        return sorted(part for part in telling if part in text)


# The workers are the other processes spawned by multiprocessing; this one contains the word, too.
LIST_WORKERS = """
import contextlib, os, pathlib
for process in pathlib.Path("/proc").glob("[0-9]*"):
    with contextlib.suppress(FileNotFoundError):
        if "spawn_main" in (process / "cmdline").read_text() and process.name != str(os.getpid()):
            print(process.name)
"""


@dataclass(frozen=True)
class App:
    running: runtime.Running
    ledger: Ledger

    @property
    def url(self) -> str:
        """Its address, as this machine reaches it."""
        return self.running.url

    def client(self, token: str | None = None, *, path: str = "", seconds: float = 20.0) -> httpx2.Client:
        """Return a client, with a bearer token if given, whose paths start at ``path``."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if token:
            self.ledger.secrets.add(token)
        return httpx2.Client(
            base_url=self.url + path,
            headers=headers,
            timeout=seconds,
            trust_env=False,
            limits=httpx2.Limits(max_connections=200),
        )

    def api(self, account: Account, *, seconds: float = 20.0) -> httpx2.Client:
        """Return a client for one account's part of the API: ``api.get("/tasks")``."""
        return self.client(account.token, path=f"/api/{account.user.id}", seconds=seconds)

    def log(self) -> str:
        return self.running.container.logs().decode("utf-8", "replace")

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a program inside the container; return its exit code and output."""
        done = self.running.execute(*arguments)
        return done.code, done.stdout + done.stderr

    def workers(self) -> set[int]:
        """Return the workers' process ids inside the container; none if one process serves alone."""
        code, output = self.run("python3", "-c", LIST_WORKERS)
        assert code == 0, output
        return set(map(int, output.split()))


@dataclass(frozen=True)
class Systems:
    """The servers for tests, and the way to start the application among them.

    Args:
        run_id: Label of everything that this run creates on the engine.
        network: The engine's network that the containers join.
        gateway: This machine's address on that network, for the model, Better Auth and PgBouncer.
        bridge: This machine's address on the default bridge, for PostgreSQL: a pooler and the server behind
            it can so have the same port, as Neon's have.
    """

    engine: Engine
    image: str
    run_id: str
    network: str
    gateway: str
    bridge: str
    certificate: certificates.Certificate
    postgres: Postgres
    auth: BetterAuth
    model: Model
    model_port: int
    ledger: Ledger

    def account(self) -> Account:
        """Sign a new user up and get a token."""
        user = self.auth.sign_up()
        token = self.auth.token(user)
        self.ledger.secrets |= {token, user.session, user.password}
        return Account(user, token)

    def environment(self, database: str, host: str = POOLED_HOST) -> dict[str, str]:
        """Return the settings of a production start on one database, with a URL in Neon's form."""
        return {
            "ENVIRONMENT": "production",
            "DATABASE_URL": self.postgres.url(host, database),
            "RUN_MIGRATIONS": "1",
            # Tests may rotate keys at any time; the tests of the cool-down set one.
            "AUTH_JWKS_COOLDOWN_SECONDS": "0",
            "BETTER_AUTH_ISSUER": PUBLIC_URL,
            "BETTER_AUTH_JWKS_URL": self.auth.jwks_url(AUTH_HOST),
            "OPENAI_API_KEY": self.openai_key,
            "OPENAI_BASE_URL": f"http://{MODEL_HOST}:{self.model_port}/v1",
            "OPENAI_MODEL": "double-1",
            "OPENAI_MAX_RETRIES": "0",
            "RATE_LIMIT_PER_MINUTE": "0",
            "CHAT_RATE_LIMIT_PER_MINUTE": "0",
            "LOG_FORMAT": "json",
            "DOCS": "1",
        }

    @property
    def openai_key(self) -> str:
        """The application's key for the model."""
        return f"sk-{self.run_id}-never-to-be-logged"

    def hosts(self, **addresses: str) -> dict[str, str]:
        """Return the names that containers resolve; both of Neon's lead straight to PostgreSQL here."""
        return {
            POOLED_HOST: self.bridge,
            DIRECT_HOST: self.bridge,
            AUTH_HOST: self.gateway,
            MODEL_HOST: self.gateway,
            **addresses,
        }

    @contextmanager
    def container(
        self,
        environment: Mapping[str, str],
        *,
        hosts: Mapping[str, str] | None = None,
        command: Sequence[str] = (),
        mounts: Mapping[str, str] | None = None,
        host_port: int = 0,
    ) -> Iterator[App]:
        """Start a container of the image as Kubernetes would, ready or not, and keep its log."""
        run = runtime.Run(
            image=self.image,
            port=PORT,
            host_port=host_port,
            command=command,
            environment=environment,
            owner=f"tests-{self.run_id}",
            network=self.network,
            extra_hosts=self.hosts() if hosts is None else hosts,
            mounts=mounts or {},
        )
        with runtime.started(self.engine, run) as running:
            app = App(running, self.ledger)
            try:
                yield app
            finally:
                self.ledger.logs[str(running.container.id)] = app.log()

    @contextmanager
    def app(
        self,
        environment: Mapping[str, str],
        *,
        hosts: Mapping[str, str] | None = None,
        mounts: Mapping[str, str] | None = None,
        host_port: int = 0,
    ) -> Iterator[App]:
        """Start a container of the image and wait until it is ready."""
        with self.container(environment, hosts=hosts, mounts=mounts, host_port=host_port) as app:
            app.running.wait_until_ready(READY)
            yield app

    @contextmanager
    def pooler(self, *, prepared_statements: int) -> Iterator[Mapping[str, str]]:
        """Run a PgBouncer on PostgreSQL's port; yield the names that lead containers to it."""
        with pgbouncer(
            self.postgres,
            [self.gateway],
            self.postgres.port,
            self.certificate,
            prepared_statements=prepared_statements,
        ):
            yield self.hosts(**{POOLED_HOST: self.gateway})

    def run_to_end(
        self,
        environment: Mapping[str, str],
        *command: str,
        hosts: Mapping[str, str] | None = None,
        seconds: float = 60,
    ) -> tuple[int, str]:
        """Run a container to its end; return its exit code and output."""
        with self.container(environment, command=command, hosts=hosts) as app:
            code = app.running.container.wait(timeout=seconds)["StatusCode"]
            return int(code), app.log()


@contextmanager
def systems(engine: Engine, image: str) -> Iterator[Systems]:
    """Start all servers, wait until they are ready, and remove everything afterwards."""
    with ExitStack() as stack:
        run_id = secrets.token_hex(4)
        network = f"drydock-tests-{run_id}"
        gateway = stack.enter_context(_network(engine, network, f"tests-{run_id}"))
        bridge = _gateway(engine, "bridge")
        addresses = [LOOPBACK, bridge, gateway]
        certificate = certificates.make([POOLED_HOST, DIRECT_HOST], addresses)
        ports = [process.free_port(addresses) for _ in range(3)]
        auth = stack.enter_context(better_auth([LOOPBACK, gateway], ports[1]))
        database = stack.enter_context(postgres([bridge, LOOPBACK], ports[0], certificate))
        double = stack.enter_context(model(gateway, ports[2]))
        found = Systems(
            engine=engine,
            image=image,
            run_id=run_id,
            network=network,
            gateway=gateway,
            bridge=bridge,
            certificate=certificate,
            postgres=database,
            auth=auth,
            model=double,
            model_port=ports[2],
            ledger=Ledger(),
        )
        found.ledger.secrets |= {database.role.password, found.openai_key}
        yield found


@contextmanager
def _network(engine: Engine, name: str, owner: str) -> Iterator[str]:
    network = engine.sdk.networks.create(name, driver="bridge", labels={LABEL: owner})
    try:
        yield _gateway(engine, name)
    finally:
        network.remove()


def _gateway(engine: Engine, network: str) -> str:
    """Return this machine's address on one of the engine's networks."""
    return str(engine.sdk.networks.get(network).attrs["IPAM"]["Config"][0]["Gateway"])
