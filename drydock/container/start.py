"""Start the application in its container: check the settings, migrate when asked, become uvicorn.

    serve (default)   check the settings, run the migrations if RUN_MIGRATIONS=1, then serve
    check             check the settings and exit
    migrate           run the database migrations and exit
    PROGRAM ARGS…     run something else instead, such as `python3 -m todo_api openapi`

serve.json beside this script says what is served; the rest is for the operator:

    PORT, HOST                    where to listen (the image's port, 0.0.0.0)
    WEB_CONCURRENCY               worker processes (1)
    RUN_MIGRATIONS                1 migrates before serving (0)
    ACCESS_LOG                    1 logs every request, where the application does not do so itself (0)
    GRACEFUL_TIMEOUT              seconds that running requests get after SIGTERM (25)
    FORWARDED_ALLOW_IPS           proxies whose X-Forwarded-* headers count (127.0.0.1; * for all)
    TLS_CERT_FILE, TLS_KEY_FILE   serve HTTPS with these PEM files
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

EX_USAGE = 64
EX_CONFIG = 78
NOT_FOUND = 127
TRUE = ("1", "true", "yes", "on")
SERVE = __file__.rpartition("/")[0] + "/serve.json"


def main(arguments: list[str]) -> int:
    """Do what the arguments say and return the exit code."""
    # As process 1 a container's program ignores SIGTERM until it says otherwise; importing takes a second.
    signal.signal(signal.SIGTERM, exit_early)
    command = arguments[0] if arguments else "serve"
    if command not in ("serve", "check", "migrate"):
        return run_instead(arguments)
    if len(arguments) > 1:
        return complain(EX_USAGE, f"{command} takes no arguments, got {' '.join(arguments[1:])}")
    if problems := check():
        return complain(EX_CONFIG, *problems)
    if command == "check":
        return 0
    if command == "migrate" or flag("RUN_MIGRATIONS"):
        migrate()
    return serve() if command == "serve" else 0


@functools.cache
def served() -> dict[str, Any]:
    """Return what the build wrote down about the application."""
    with open(SERVE, encoding="utf-8") as file:  # noqa: PTH123 - starts in less time
        found: dict[str, Any] = json.load(file)
    return found


def exit_early(number: int, _frame: object) -> NoReturn:
    """End at once, with the exit code that a shell gives to a process that a signal ended."""
    raise SystemExit(128 + number)


def run_instead(arguments: list[str]) -> int:
    """Replace this process by another program; return only when there is no such program."""
    if arguments[0] in ("-h", "--help"):
        print(__doc__)  # noqa: T201
        return 0
    try:
        os.execvp(arguments[0], arguments)  # noqa: S606
    except OSError as error:
        problem = f"cannot run {arguments[0]}: {error.strerror}"
        return complain(NOT_FOUND, f"{problem}; use serve, check, migrate or a program of the image")


def complain(code: int, *problems: str) -> int:
    """Print every problem as an error and return the exit code."""
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)  # noqa: T201
    return code


def flag(name: str) -> bool:
    """Tell whether a variable says yes."""
    return os.environ.get(name, "").strip().lower() in TRUE


def check() -> list[str]:
    """Return every problem of the settings: this script's own, then the application's."""
    problems = [
        f"{name}: {os.environ[name]!r} is no whole number from {least} to {most}; set one, such as {default}"
        for name, (default, least, most) in numbers().items()
        if name in os.environ and not _is_number(os.environ[name], least, most)
    ]
    tls = [name for name in ("TLS_CERT_FILE", "TLS_KEY_FILE") if os.environ.get(name)]
    if len(tls) == 1:
        missing = "TLS_KEY_FILE" if tls == ["TLS_CERT_FILE"] else "TLS_CERT_FILE"
        problems.append(f"{missing}: not set, but {tls[0]} is; set both or neither")
    problems += [
        f"{name}: {os.environ[name]} cannot be read; mount it and let group or others read it"
        for name in tls
        if not os.access(os.environ[name], os.R_OK)
    ]
    if len(tls) == 2 and not problems and (reason := _broken_pair(*(os.environ[name] for name in tls))):
        problems.append(
            f"TLS_CERT_FILE: no certificate with the key of TLS_KEY_FILE ({reason}); mount files that match"
        )
    if own := served()["settings_check"]:
        problems += named(own)()
    return problems


def _broken_pair(certificate: str, key: str) -> str | None:
    """Return why two PEM files are no certificate and its key; a worker would only fail again and again."""
    import ssl

    try:
        # An empty password: nobody is there to be asked for another.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError) as error:
        return getattr(error, "reason", None) or str(error)
    return None


def numbers() -> dict[str, tuple[int, int, int]]:
    """Return default, least and most of every number that the operator may set."""
    return {
        "PORT": (served()["port"], 1, 65535),
        "WEB_CONCURRENCY": (1, 1, 1024),
        "GRACEFUL_TIMEOUT": (25, 0, 86400),
    }


def _is_number(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and least <= int(text) <= most


def number(name: str) -> int:
    """Return a number that the operator set, or its default."""
    return int(os.environ.get(name, numbers()[name][0]))


def named(reference: str) -> Callable[[], Any]:
    """Import what a reference such as ``package.module:name`` names."""
    module, _, name = reference.partition(":")
    found: Callable[[], Any] = getattr(importlib.import_module(module), name)
    return found


def migrate() -> None:
    """Bring the database's schema up to date, where the application has migrations."""
    if reference := served()["migrate"]:
        step = named(reference)
        collect_garbage()
        step()


def collect_garbage() -> None:
    """Look for garbage from here on, and never among what has been imported by now."""
    gc.freeze()
    gc.enable()


def serve() -> int:
    """Serve until SIGTERM, then let running requests end; return the exit code."""
    import uvicorn

    workers = number("WEB_CONCURRENCY")
    config = uvicorn.Config(
        served()["application"],
        factory=served()["factory"],
        host=os.environ.get("HOST", "0.0.0.0"),  # noqa: S104 - the container's own
        port=number("PORT"),
        workers=workers,
        # A failed start must end the container, which "auto" would hide.
        lifespan="on",
        # Where the application owns the logging, uvicorn's loggers pass their records on to it.
        log_config=None if served()["logging"] else uvicorn.config.LOGGING_CONFIG,
        access_log=flag("ACCESS_LOG"),
        server_header=False,
        proxy_headers=True,
        ssl_certfile=os.environ.get("TLS_CERT_FILE") or None,
        ssl_keyfile=os.environ.get("TLS_KEY_FILE") or None,
    )
    # Set here, since uvicorn before 0.22 takes no such argument: it waits until it is killed.
    config.timeout_graceful_shutdown = number("GRACEFUL_TIMEOUT")
    if workers > 1:
        from uvicorn.config import STARTUP_FAILURE
        from uvicorn.supervisors import Multiprocess

        supervisor = Multiprocess(config, sockets=[config.bind_socket()])
        collect_garbage()
        supervisor.run()
        # It stops, without an error of its own, when a worker could not start.
        failed = any(worker.exitcode == STARTUP_FAILURE for worker in supervisor.processes)
        return STARTUP_FAILURE if failed else 0
    config.load()
    collect_garbage()
    server = uvicorn.Server(config)
    # After a graceful end uvicorn restores this handler and raises the signal again: it is obeyed by then.
    signal.signal(signal.SIGTERM, lambda *caught: None if server.started else exit_early(*caught))
    server.run()
    return 0 if server.started else 3


if __name__ == "__main__":
    # Looking for garbage among modules that all stay takes a tenth of the time that importing them takes.
    gc.disable()
    sys.exit(main(sys.argv[1:]))
