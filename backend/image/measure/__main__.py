r"""Run the image's application on the paths whose speed matters, and list the source files that it imports.

    docker run --rm --volume "$PWD/backend/image/measure:/measure:ro" todo-chatbot-api:dev-slim \
        python3 /measure /opt/image/start.py > backend/image/bytecode.txt

Readiness is measured with the embedded database, with several workers, and with PostgreSQL (up to its driver,
since no server answers here). The other paths are an issuer's first token, the first chat turns, the
migration and the health probe. The list has one source file a line, relative to the standard library or
site-packages; the production image ships bytecode for these. Standard error names the modules without
bytecode, which had to be compiled.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import model
from listen import COMPILED

HERE = Path(__file__).resolve().parent
SECONDS = 90.0
MODEL = {"OPENAI_API_KEY": "none", "OPENAI_MODEL": "stand-in"}
# A missing database: the driver is loaded before it finds that out.
POSTGRESQL = "postgresql://nobody:nothing@127.0.0.1:1/nothing?connect_timeout=2"


def main() -> None:
    start = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "imports"
        measure(start, Path(folder), trace)
        read = trace.read_text().splitlines()
    roots = [Path(sysconfig.get_path("stdlib")), *site_packages()]
    sys.stdout.write("".join(f"{path}\n" for path in listed(read, roots)))
    for path in compiled(read):
        print(f"compiled at run time: {path}", file=sys.stderr)


def site_packages() -> list[Path]:
    """Return the folders of installed distributions."""
    return [Path(path) for path in sys.path if path.endswith("-packages")]


def listed(read: Iterable[str], roots: Iterable[Path]) -> list[str]:
    """Return the imported source files, relative to their roots."""
    found = set()
    for line in read:
        name = line.removeprefix(COMPILED)
        source = Path(importlib.util.source_from_cache(name) if "/__pycache__/" in name else name)
        # The deepest root: site-packages may be inside the standard library's folder.
        holders = [root for root in roots if source.is_relative_to(root) and source.is_file()]
        if holders:
            found.add(str(source.relative_to(max(holders, key=lambda root: len(root.parts)))))
    return sorted(found)


def compiled(lines: Iterable[str]) -> list[str]:
    """Return the modules that were compiled for lack of bytecode."""
    return sorted({line.removeprefix(COMPILED) for line in lines if line.startswith(COMPILED)})


def measure(start: Path, folder: Path, trace: Path) -> None:
    """Take every path once, and write all imports to `trace`."""
    with model.served() as address:
        environment = {
            **os.environ,
            **MODEL,
            "PYTHONPATH": str(HERE),
            "IMPORTS_TO": str(trace),
            "DATA_DIR": str(folder),
            "OPENAI_BASE_URL": f"{address}/v1",
        }
        with serving(start, environment) as (url, own):
            token = run([sys.executable, "-m", "todo_api", "dev-token", "--user", "ada"], own)
            wait_until(url + "/readyz", 200)
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            send(f"{url}/api/ada/tasks", headers, {"title": "measure"})
            send(f"{url}/api/ada/chat", headers, {"message": "measure"})
            send(f"{url}/api/ada/chat", {**headers, "Accept": "text/event-stream"}, {"message": "measure"})
            run([sys.executable, str(start.with_name("probe.py"))], own)
        with serving(start, environment | {"WEB_CONCURRENCY": "2"}) as (url, _):
            wait_until(url + "/readyz", 200)
        remote = {
            "DATABASE_URL": POSTGRESQL,
            "ENVIRONMENT": "production",
            "BETTER_AUTH_URL": address,
        }
        with serving(start, environment | remote) as (url, _):
            wait_until(url + "/readyz", 503)
            # The answer 401 needs the issuer's keys. If the application ended while fetching them, it would
            # warn (anyio forgets a coroutine), and a warning imports modules that no path to readiness needs.
            wait_until(url + "/api/ada/tasks", 401, {"Authorization": f"Bearer {forged()}"})
        # A minute's tries follow, which import nothing else.
        run_until("waiting for the database", [sys.executable, str(start), "migrate"], environment | remote)


@contextmanager
def serving(start: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Start the application as the image does, yield its address and environment, and stop it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    own = {**environment, "PORT": str(port), "HOST": "127.0.0.1"}
    command = [sys.executable, str(start), "serve"]
    process = subprocess.Popen(command, env=own, stdout=sys.stderr)  # noqa: S603 - argument list of our own
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(url + "/livez", 200)
        yield url, own
    finally:
        process.terminate()
        process.wait(SECONDS)


def forged() -> str:
    """Return a token that names the issuer's key but is not signed with it."""
    header = json.dumps({"alg": model.KEY["alg"], "kid": model.KEY["kid"]}).encode()
    return ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (header, b"{}", bytes(64))
    )


def wait_until(url: str, status: int, headers: Mapping[str, str] = MappingProxyType({})) -> None:
    """Request a path until it answers with a status.

    Raises:
        SystemExit: It did not in time.
    """
    deadline = time.monotonic() + SECONDS
    seen = ""
    while time.monotonic() < deadline:
        try:
            request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
                seen = str(answer.status)
        except urllib.error.HTTPError as error:
            seen = str(error.code)
        except OSError as error:
            seen = str(error)
        if seen == str(status):
            return
        time.sleep(0.1)
    sys.exit(f"error: {url} answered {seen!r} and never {status}; read the log above")


def send(url: str, headers: Mapping[str, str], body: object) -> None:
    """Post JSON and read the whole answer."""
    request = urllib.request.Request(url, json.dumps(body).encode(), dict(headers))  # noqa: S310
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
        answer.read()


def run(arguments: list[str], environment: Mapping[str, str]) -> str:
    """Run a program and return its output; a failure ends the measurement."""
    done = subprocess.run(  # noqa: S603 - argument lists of our own
        arguments, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"error: {' '.join(arguments)} exited with {done.returncode}; read the log above")
    return done.stdout.strip()


def run_until(words: str, arguments: list[str], environment: Mapping[str, str]) -> None:
    """Run a program until its log has these words, then end it; the measurement ends if it never does."""
    process = subprocess.Popen(  # noqa: S603 - argument lists of our own
        arguments, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr  # noqa: S101 - it is a pipe
    with process:
        for line in process.stderr:
            sys.stderr.write(line)
            if words in line:
                process.kill()
                return
    sys.exit(f"error: {' '.join(arguments)} never said {words!r}; read the log above")


if __name__ == "__main__":
    main()
