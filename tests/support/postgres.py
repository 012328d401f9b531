"""A PostgreSQL server with TLS and SCRAM, on its own data folder."""

from __future__ import annotations

import os
import pwd
import secrets
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from drydock import command
from tests.support import packages, process
from tests.support.certificates import Certificate
from tests.support.process import Server

ACCOUNT = "postgres"
SETTINGS = """\
ssl = on
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
password_encryption = 'scram-sha-256'
max_connections = 60
shared_buffers = '32MB'
log_min_messages = 'warning'
"""
# TCP requires TLS with SCRAM, as at Neon; tests use the socket in the private folder.
ACCESS = """\
local   all all trust
hostssl all all 0.0.0.0/0 scram-sha-256
"""


@dataclass(frozen=True)
class Role:
    """An account of the database server."""

    name: str
    password: str


class Postgres:
    """A running server.

    Args:
        folder: For the data, the certificate, the local socket and the log.
        addresses: IP addresses of this machine to listen on.
        port: The same on every address.
    """

    def __init__(self, folder: Path, addresses: Sequence[str], port: int) -> None:
        self.addresses = addresses
        self.port = port
        self.role = Role("neondb_owner", "npg_" + secrets.token_hex(12))
        self._folder = folder
        self._user = process.unprivileged(ACCOUNT)
        self._bin = packages.postgres_bin()
        self.server = Server(
            "PostgreSQL",
            [
                str(self._bin / "postgres"),
                *("-D", str(folder / "data")),
                *("-c", f"listen_addresses={','.join(addresses)}"),
                *("-c", f"port={port}"),
                *("-c", f"unix_socket_directories={folder}"),
            ],
            folder / "log",
            user=self._user,
            stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown; SIGTERM would wait for every client
        )

    def create(self, certificate: Certificate) -> None:
        """Create the data folder, the certificate files and the databases' owner."""
        data = self._folder / "data"
        initdb = [str(self._bin / "initdb"), "-D", str(data), "-U", ACCOUNT, "-E", "UTF8", "--locale=C.UTF-8"]
        as_account = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups"]
        # initdb reads its working directory, and the account may lack access to this process's.
        command.run([*as_account, *initdb] if self._user else initdb, cwd=Path("/"))
        certificate.write(data)
        if self._user:
            entry = pwd.getpwnam(self._user)
            os.chown(data / "server.key", entry.pw_uid, entry.pw_gid)
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        (data / "pg_hba.conf").write_text(ACCESS)
        self.start()
        self.run(f"CREATE ROLE {self.role.name} LOGIN CREATEDB PASSWORD '{self.role.password}'")

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        self.server.start(self._answers)

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Stop the server and cut every session, as a planned restart does."""
        self.server.stop()

    def kill(self) -> None:
        """Stop the server without a clean shutdown; the next start recovers from its log."""
        self.server.stop(signal.SIGQUIT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze all of the server's processes: connections stay open without answers."""
        self.server.send_to_all(signal.SIGSTOP)
        try:
            yield
        finally:
            self.server.send_to_all(signal.SIGCONT)

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """Connect as superuser through the local socket."""
        return psycopg.connect(
            host=str(self._folder), port=self.port, user=ACCOUNT, dbname=database, autocommit=True
        )

    def run(self, statement: str, *values: object, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as superuser and return its rows."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def create_database(self, name: str) -> str:
        """Create an empty database of the role and return its name."""
        self.run(f"CREATE DATABASE {name} OWNER {self.role.name}")
        return name

    def terminate_idle(self, database: str) -> int:
        """End a database's idle sessions, as scaling to zero does; return their number.

        The server waits until each has said goodbye: before that its socket is silent, and looks alive.
        """
        rows = self.run(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = %s AND state = 'idle' AND pid <> pg_backend_pid()",
            database,
        )
        return len(rows)

    def sessions(self, database: str) -> list[tuple[bool, str]]:
        """Return TLS on or off, and the TLS version, for each session of a database."""
        return self.run(
            "SELECT ssl, version FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) "
            "WHERE datname = %s AND client_addr IS NOT NULL",
            database,
        )

    def url(self, host: str, database: str, options: str = "sslmode=require&channel_binding=require") -> str:
        """Return a connection URL in Neon's form."""
        return f"postgresql://{self.role.name}:{self.role.password}@{host}:{self.port}/{database}?{options}"


@contextmanager
def postgres(addresses: Sequence[str], port: int, certificate: Certificate) -> Iterator[Postgres]:
    """Run a PostgreSQL server and remove it with its data afterwards."""
    packages.postgres_bin()  # creates the account
    with process.folder("postgres", process.unprivileged(ACCOUNT)) as folder:
        server = Postgres(folder, addresses, port)
        try:
            server.create(certificate)
            yield server
        finally:
            server.stop()
