"""Create the database at the first start, as the official image does, and become the server."""

import os
import subprocess
from pathlib import Path

data = Path(os.environ["PGDATA"])
user, database = os.environ["POSTGRES_USER"], os.environ["POSTGRES_DB"]

if not (data / "PG_VERSION").exists():
    passwords = os.environ["POSTGRES_PASSWORD_FILE"]
    made_by = [
        "initdb",
        f"--username={user}",
        f"--pwfile={passwords}",
        "--auth=scram-sha-256",
        "--locale=C.UTF-8",
    ]
    subprocess.run([*made_by, "--encoding=UTF8", data], check=True)
    with (data / "pg_hba.conf").open("a") as access:
        access.write("host all all all scram-sha-256\n")
    single = ["postgres", "--single", "-D", data, "postgres"]
    subprocess.run(single, input=f"CREATE DATABASE {database}\n", text=True, check=True)

os.execvp("postgres", ["postgres", "-D", str(data), "-c", "listen_addresses=*"])  # noqa: S606 - it becomes the server
