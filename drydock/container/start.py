"""Start the application in its container: check the settings, migrate when asked, become uvicorn.

    serve (default)   check the settings, run the migrations if RUN_MIGRATIONS=1, then serve
    check             check the settings and exit
    migrate           run the database migrations and exit; an error where none are configured
    <name>            run a command of the project's own beside the server, such as its worker
    PROGRAM ARGS…     run something else instead, such as `python3 -m todo_api openapi`

serve.json beside this script says what is served; the rest is for the operator:

    PORT, HOST                    where to listen (the image's port, 0.0.0.0)
    WEB_CONCURRENCY               worker processes (1)
    RUN_MIGRATIONS                1 migrates before serving (0)
    ACCESS_LOG                    1 logs every request, where the application does not do so itself (0)
    GRACEFUL_TIMEOUT              seconds that running requests get after SIGTERM (25)
    FORWARDED_ALLOW_IPS           proxies whose X-Forwarded-* headers count (127.0.0.1; * for all)
    TLS_CERT_FILE, TLS_KEY_FILE   serve HTTPS with these PEM files

Options of uvicorn's own come from UVICORN_… as for its command line, such as UVICORN_ROOT_PATH; its names for
the variables above, such as UVICORN_PORT, count where those are not set.
"""

from __future__ import annotations

import functools
import gc
import importlib.util
import inspect
import json
import os
import signal
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn

EX_USAGE = 64
EX_UNAVAILABLE = 69
EX_CONFIG = 78
NOT_FOUND = 127
# uvicorn's exit code; the module that defines it depends on the version.
STARTUP_FAILURE = 3
TRUE = ("1", "true", "yes", "on")
# What the operating system and SQLite say of a place that cannot be written.
UNWRITABLE = (
    r"\[Errno (?:13|30)\] [^:\n]+: '(?P<path>[^'\n]+)'|unable to open database file|readonly database"
)
# The value of PYTHONSAFEPATH for workers, which none of them keeps.
OURS = "drydock"
# uvicorn's names for variables that the image has, too.
UVICORNS = {
    "PORT": "UVICORN_PORT",
    "HOST": "UVICORN_HOST",
    "WEB_CONCURRENCY": "UVICORN_WORKERS",
    "GRACEFUL_TIMEOUT": "UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN",
    "TLS_CERT_FILE": "UVICORN_SSL_CERTFILE",
    "TLS_KEY_FILE": "UVICORN_SSL_KEYFILE",
}
THRESHOLDS = gc.get_threshold()
PAUSED: tuple[int, ...] = ()
HERE = __file__.rpartition("/")[0]
SERVE = HERE + "/serve.json"


def main(arguments: list[str]) -> int:
    """Carry out the command and return the exit code."""
    # Process 1 ignores SIGTERM until it sets a handler, and importing takes a second.
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
    if (command == "migrate" or flag("RUN_MIGRATIONS")) and (code := migrate()):
        return code
    return serve() if command == "serve" else 0


@functools.cache
def served() -> dict[str, Any]:
    """Return the build's facts about the application."""
    with open(SERVE, encoding="utf-8") as file:  # noqa: PTH123 - starts in less time
        found: dict[str, Any] = json.load(file)
    return found


def exit_early(number: int, _frame: object) -> NoReturn:
    """End at once, with a shell's exit code for a process that a signal ended."""
    raise SystemExit(128 + number)


def run_instead(arguments: list[str]) -> int:
    """Replace this process by another program; return only if that fails."""
    if arguments[0] in ("-h", "--help"):
        print(__doc__)  # noqa: T201
        return 0
    known = served().get("commands", {})
    if text := known.get(arguments[0]):
        import shlex

        # Further words are arguments of the command.
        arguments = [*shlex.split(os.path.expandvars(text)), *arguments[1:]]
    try:
        os.execvp(arguments[0], arguments)  # noqa: S606
    except OSError as error:
        problem = f"cannot run {arguments[0]}: {error.strerror}"
        names = ", ".join(("serve", "check", "migrate", *known))
        return complain(NOT_FOUND, f"{problem}; use {names} or a program of the image")


def complain(code: int, *problems: str) -> int:
    """Print each problem as an error and return the exit code."""
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)  # noqa: T201
    return code


def flag(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() in TRUE


def check() -> list[str]:
    """Return every problem of the settings: this script's own, then the application's."""
    problems = [
        f"{name if name in os.environ else UVICORNS[name]}: {text!r} is not a whole number from {least} to"
        f" {most}; set one, like {default}"
        for name, (default, least, most) in numbers().items()
        if (text := variable(name)) is not None and not _is_number(text, least, most)
    ]
    tls = {name: path for name in ("TLS_CERT_FILE", "TLS_KEY_FILE") if (path := variable(name))}
    if len(tls) == 1:
        missing = "TLS_CERT_FILE" if "TLS_KEY_FILE" in tls else "TLS_KEY_FILE"
        problems.append(f"{missing}: not set, but {next(iter(tls))} is; set both or neither")
    problems += [
        f"{name}: {path} cannot be read; mount it and let group or others read it"
        for name, path in tls.items()
        if not os.access(path, os.R_OK)
    ]
    if len(tls) == 2 and not problems and (reason := _broken_pair(*tls.values())):
        problems.append(
            f"TLS_CERT_FILE: does not match the key of TLS_KEY_FILE ({reason}); mount a matching pair"
        )
    try:
        options()
    except ValueError as error:
        problems.append(str(error))
    if own := served()["settings_check"]:
        problems += named(own)()
    return problems


def _broken_pair(certificate: str, key: str) -> str | None:
    """Return why two PEM files are not a certificate and its key; a worker would only fail repeatedly."""
    import ssl

    try:
        # An empty password: without one, OpenSSL would ask on a terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError) as error:
        return getattr(error, "reason", None) or str(error)
    return None


def numbers() -> dict[str, tuple[int, int, int]]:
    """Return the default, minimum and maximum of each number that the operator may set."""
    return {
        "PORT": (served()["port"], 1, 65535),
        "WEB_CONCURRENCY": (1, 1, 1024),
        "GRACEFUL_TIMEOUT": (25, 0, 86400),
    }


def _is_number(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and least <= int(text) <= most


def variable(name: str) -> str | None:
    """Return a variable that the operator set, by the image's name for it or by uvicorn's."""
    return os.environ.get(name, os.environ.get(UVICORNS[name]))


def number(name: str) -> int:
    """Return a number that the operator set, or its default."""
    text = variable(name)
    return numbers()[name][0] if text is None else int(text)


def named(reference: str) -> Callable[[], Any]:
    """Import the object of a reference such as ``package.module:name``."""
    module, _, name = reference.partition(":")
    found: Callable[[], Any] = getattr(importlib.import_module(module), name)
    return found


def migrate() -> int:
    """Bring the database's schema up to date and return the exit code."""
    wanted = served()["migrate"]
    if not wanted:
        return complain(
            EX_UNAVAILABLE,
            "no migration is configured; set migrate in drydock's configuration to a function such as "
            "shop.db:upgrade or a command such as `python3 -m alembic upgrade head`, and build again",
        )
    if " " in wanted:
        return run_beside(wanted)
    step = named(wanted)
    collect_garbage()
    step()
    return 0


def run_beside(text: str) -> int:
    """Run a command and return its exit code; `cd FOLDER && …` runs it in that folder.

    It gets a process of its own, since Alembic's environments change a process's logging.
    """
    import shlex
    import subprocess

    words = shlex.split(text)
    folder = None
    if words[0] == "cd" and words[2:3] == ["&&"]:
        folder, words = words[1], words[3:]
    try:
        process = subprocess.Popen(words, cwd=folder)
    except OSError as error:
        return complain(
            NOT_FOUND, f"cannot run {text}: {error.strerror}; correct migrate in drydock's configuration"
        )
    try:
        code = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    return 128 - code if code < 0 else code


def collect_garbage() -> None:
    """Let garbage be collected, and exempt the modules imported so far.

    Collection is paused by its thresholds: an application that disables it, or sets them itself, has its way.
    """
    gc.freeze()
    if gc.get_threshold() == PAUSED:
        gc.set_threshold(*THRESHOLDS)


# uvicorn's options from UVICORN_… and from the project's own command.
WORDS = (
    *("root_path", "loop", "http", "ws", "lifespan", "interface"),
    *("log_level", "log_config", "forwarded_allow_ips"),
)
COUNTS = (
    *("timeout_keep_alive", "timeout_notify", "timeout_worker_healthcheck", "limit_concurrency"),
    *("limit_max_requests", "limit_max_requests_jitter", "backlog", "ws_max_size", "ws_max_queue"),
    *("h11_max_incomplete_event_size", "ws_ping_interval", "ws_ping_timeout"),
)
SWITCHES = ("proxy_headers", "server_header", "date_header", "access_log", "ws_per_message_deflate")


def options() -> dict[str, Any]:
    """Return uvicorn's options; the operator's variables override the project's own command.

    Raises:
        ValueError: A value has the wrong type; names the option.
    """
    given = {**served().get("options", {})}
    for name in ("access_log", "forwarded_allow_ips"):
        if name.upper() in os.environ:
            given.pop(name, None)
    for name in (*WORDS, *COUNTS, *SWITCHES):
        if (text := os.environ.get(f"UVICORN_{name.upper()}")) is not None:
            given[name] = text
    return {name: _typed(name, str(text)) for name, text in given.items()}


def unread() -> list[str]:
    """Return uvicorn's variables that have no effect here."""
    known = {*UVICORNS.values(), *(f"UVICORN_{name.upper()}" for name in (*WORDS, *COUNTS, *SWITCHES))}
    return sorted(name for name in os.environ if name.startswith("UVICORN_") and name not in known)


def _typed(name: str, text: str) -> Any:
    if name in COUNTS:
        if not text.replace(".", "", 1).isdigit():
            raise ValueError(f"UVICORN_{name.upper()}: {text!r} is not a number; set one")
        return float(text) if "." in text else int(text)
    return text.lower() in TRUE if name in SWITCHES else text


def serve() -> int:
    """Serve until SIGTERM, then let running requests end; return the exit code."""
    import uvicorn

    sys.excepthook = report
    for name in unread():
        print(f"warning: {name}: this image does not read it", file=sys.stderr)  # noqa: T201
    beside("limits").install(options().get("http", "auto"))
    workers, host = number("WEB_CONCURRENCY"), variable("HOST")
    given: dict[str, Any] = {
        "access_log": flag("ACCESS_LOG"),
        "server_header": False,
        # If the application owns the logging, uvicorn's loggers pass their records on to it.
        "log_config": None if served()["logging"] else uvicorn.config.LOGGING_CONFIG,
        "factory": served()["factory"],
        "host": "0.0.0.0" if host is None else host,  # noqa: S104 - the container's own
        "port": number("PORT"),
        "workers": workers,
        "ssl_certfile": variable("TLS_CERT_FILE") or None,
        "ssl_keyfile": variable("TLS_KEY_FILE") or None,
        **options(),
    }
    known = inspect.signature(uvicorn.Config).parameters
    config = uvicorn.Config(
        served()["application"], **{name: value for name, value in given.items() if name in known}
    )
    # Set here: uvicorn before 0.22 lacks the argument, and waits until it is killed.
    config.timeout_graceful_shutdown = number("GRACEFUL_TIMEOUT")
    # bind_socket() makes `::` accept IPv4 too, with any number of workers.
    sockets = [config.bind_socket()]
    if workers > 1:
        return _serve_in_processes(config, sockets, "timeout_worker_healthcheck" not in given)
    if hasattr(config, "load_app"):
        config.load()
        collect_garbage()
    else:
        # uvicorn before 0.36 imports the application inside of the running loop.
        config.load = functools.partial(_load, config.load)  # type: ignore[method-assign]
    server = uvicorn.Server(config)
    told = told_by(server)
    # After a graceful end uvicorn restores this handler and raises the signal again, which must then be
    # ignored.
    signal.signal(signal.SIGTERM, lambda *caught: None if server.started else exit_early(*caught))
    try:
        server.run(sockets=sockets)
    except KeyboardInterrupt:  # as uvicorn.run() does, for Ctrl-C
        pass
    finally:
        advise("".join(told))
    return 0 if server.started else STARTUP_FAILURE


def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an error that ends the start."""
    import traceback

    sys.__excepthook__(kind, error, trace)
    advise("".join(traceback.format_exception(error)))


def told_by(server: Any) -> list[str]:
    """Return a list that the server's log goes to until it has started: the lifespan's errors end there."""
    import logging

    told: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        if not server.started:
            told.append(logging.Formatter().format(record))
        return True

    logging.getLogger("uvicorn.error").addFilter(keep)
    return told


def report_from_worker() -> None:
    """End a worker whose start fails with uvicorn's code for that, which otherwise starts another forever."""
    from uvicorn import Server

    run = Server.run

    def reported(server: Server, *args: Any, **options: Any) -> None:
        told = told_by(server)
        try:
            run(server, *args, **options)
            if not server.started and server.lifespan.should_exit:
                raise SystemExit(STARTUP_FAILURE)
        except Exception as error:
            if server.started:
                raise
            report(type(error), error, error.__traceback__)
            raise SystemExit(STARTUP_FAILURE) from None
        finally:
            advise("".join(told))

    Server.run = reported  # type: ignore[method-assign,assignment]


def advise(text: str) -> None:
    """Print the remedy if an error is about a place that cannot be written."""
    import re

    if found := re.search(UNWRITABLE, text):
        place = found["path"] or "a database file"
        remedy = (
            "name its folder in `volumes` of drydock's configuration, or set a path below a mounted volume"
        )
        complain(STARTUP_FAILURE, f"{place} cannot be written, as the image's files are read-only; {remedy}")


def _load(load: Callable[[], None]) -> None:
    load()
    collect_garbage()


def _serve_in_processes(config: Any, sockets: list[Any], patient: bool) -> int:
    """Serve with several workers; `patient` tolerates workers that hold Python's lock for long."""
    from uvicorn import Server
    from uvicorn.supervisors import Multiprocess, multiprocess

    process = getattr(multiprocess, "Process", None)
    if patient and process is not None:
        process.is_alive = lambda self, *_, **__: self.process.is_alive()
    # uvicorn before 0.36 wants to be told how a worker serves.
    old = "target" in inspect.signature(Multiprocess).parameters
    # Workers start in the application's folder, whose modules may be called as the standard library's.
    os.environ.setdefault("PYTHONSAFEPATH", OURS)
    supervisor: Any = Multiprocess(config, **({"target": Server(config).run} if old else {}), sockets=sockets)
    replace = getattr(supervisor, "keep_subprocess_alive", None)
    # uvicorn before 0.36 replaces a worker that cannot start forever, and later ones stop without an error.
    supervisor.keep_subprocess_alive = lambda: (
        supervisor.should_exit.set() if _cannot_start(supervisor) else replace and replace()
    )
    collect_garbage()
    supervisor.run()
    return STARTUP_FAILURE if _cannot_start(supervisor) else 0


def _cannot_start(supervisor: Any) -> bool:
    workers = (getattr(worker, "process", worker) for worker in supervisor.processes)
    return any(worker.exitcode == STARTUP_FAILURE for worker in workers)


def beside(name: str) -> Any:
    """Import a script in this folder, which is not on the import path."""
    spec = importlib.util.spec_from_file_location(f"drydock_{name}", f"{HERE}/{name}.py")
    assert spec is not None  # noqa: S101 - the name ends in .py
    assert spec.loader is not None  # noqa: S101 - as above
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__mp_main__":
    # One of several workers: Python starts each as a new process.
    if os.environ.get("PYTHONSAFEPATH") == OURS:
        del os.environ["PYTHONSAFEPATH"]
    beside("limits").install(options().get("http", "auto"))
    report_from_worker()
if __name__ == "__main__":
    # As with -P, which Python 3.11 brought.
    if sys.path[0] == HERE:
        del sys.path[0]
    # Collecting garbage among modules that all stay would make importing them a tenth slower.
    gc.set_threshold(0, *THRESHOLDS[1:])
    PAUSED = gc.get_threshold()
    words = sys.argv[1:]
    # An application that reads arguments at its import gets its defaults.
    del sys.argv[1:]
    sys.exit(main(words))
