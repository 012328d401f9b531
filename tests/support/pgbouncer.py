"""A PgBouncer in transaction mode, with TLS and SCRAM on both sides."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support import packages, process
from tests.support.certificates import Certificate
from tests.support.postgres import ACCOUNT, Postgres
from tests.support.process import Server

POOL_SIZE = 4
SETTINGS = """\
[databases]
* = host={host} port={server_port}

[pgbouncer]
listen_addr = {addresses}
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
max_prepared_statements = {prepared_statements}
default_pool_size = {pool_size}
max_client_conn = 200
auth_type = scram-sha-256
auth_file = {folder}/users.txt
client_tls_sslmode = require
client_tls_cert_file = {folder}/server.crt
client_tls_key_file = {folder}/server.key
server_tls_sslmode = verify-full
server_tls_ca_file = {folder}/ca.crt
"""


@contextmanager
def pgbouncer(
    database_server: Postgres,
    addresses: Sequence[str],
    port: int,
    certificate: Certificate,
    *,
    prepared_statements: int,
) -> Iterator[Server]:
    """Run a PgBouncer in front of a PostgreSQL server.

    Args:
        database_server: It connects to the first of the server's addresses.
        addresses: IP addresses of this machine to listen on.
        port: The same on every address.
        certificate: Must be valid for the database server's first address.
        prepared_statements: Kept for each client; 0 refuses them.
    """
    user = process.unprivileged(ACCOUNT)
    with process.folder("pgbouncer", user) as folder:
        certificate.write(folder)
        role = database_server.role
        (folder / "users.txt").write_text(f'"{role.name}" "{role.password}"\n')
        (folder / "pgbouncer.ini").write_text(
            SETTINGS.format(
                host=database_server.addresses[0],
                server_port=database_server.port,
                addresses=",".join(addresses),
                port=port,
                prepared_statements=prepared_statements,
                pool_size=POOL_SIZE,
                folder=folder,
            )
        )
        _give(folder, user)
        # It refuses to run as root. It switches the user itself, because only root may read its program's
        # folder.
        switch = ["-u", user] if user else []
        command = [*packages.pgbouncer(), *switch, str(folder / "pgbouncer.ini")]
        server = Server("PgBouncer", command, folder / "log")
        server.start(lambda: process.accepts(addresses[0], port))
        try:
            yield server
        finally:
            server.stop()


def _give(folder: Path, user: str | None) -> None:
    if user:
        entry = pwd.getpwnam(user)
        for path in folder.iterdir():
            os.chown(path, entry.pw_uid, entry.pw_gid)
