from __future__ import annotations

import gc
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import limits
import pytest
import start
import uvicorn

from tests.support import certificates
from tests.support.process import free_port

SERVED: dict[str, Any] = {
    "application": "shop:app",
    "factory": False,
    "path": ["/app"],
    "workdir": "/app",
    "logging": False,
    "settings_check": "",
    "migrate": "",
    "port": 8000,
    "health_path": "/livez",
}
Serve = Callable[..., None]
SAFE = "PYTHONSAFEPATH"  # workers get it


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Give the start script a different serve.json."""

    def change(**values: object) -> None:
        monkeypatch.setattr(start, "served", lambda: SERVED | {"settings_check": "shop_start:check"} | values)

    change()
    return change


@pytest.fixture
def script(tmp_path: Path) -> list[str]:
    """The command of the start script for the module `shop`."""
    for name in ("start.py", "limits.py"):
        shutil.copy(Path(start.__file__).with_name(name), tmp_path)
    (tmp_path / "serve.json").write_text(json.dumps(SERVED))
    return [sys.executable, str(tmp_path / "start.py")]


@pytest.fixture(autouse=True)
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve) -> None:
    (tmp_path / "shop_start.py").write_text(
        "import pathlib\n"
        "def check(): return []\n"
        "def faulty(): return ['A: missing; set it', 'B: wrong; fix it']\n"
        f"def migrate(): pathlib.Path({str(tmp_path / 'migrated')!r}).touch()\n"
    )
    monkeypatch.delitem(sys.modules, "shop_start", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    # Set first, so that a test's end takes back what the script sets.
    for name in (*("PORT", "WEB_CONCURRENCY", "GRACEFUL_TIMEOUT"), "TLS_CERT_FILE", "TLS_KEY_FILE", SAFE):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_check_prints_every_problem_and_exits_78(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    serve(settings_check="shop_start:faulty")

    assert start.main(["check"]) == 78
    assert capsys.readouterr().err == "error: A: missing; set it\nerror: B: wrong; fix it\n"


def test_script_s_folder_is_not_on_the_import_path(script: list[str], tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/paths.py").write_text("import sys\ndef check(): return sys.path[:1]\n")
    (tmp_path / "serve.json").write_text(json.dumps(SERVED | {"settings_check": "paths:check"}))

    environment = os.environ | {"PYTHONPATH": str(tmp_path / "app")}
    done = subprocess.run([*script, "check"], env=environment, capture_output=True, text=True, check=False)

    assert done.stderr == f"error: {tmp_path / 'app'}\n"


def test_good_settings_pass_the_check() -> None:
    assert start.main(["check"]) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", ""),
        ("WEB_CONCURRENCY", "-1"),
        ("GRACEFUL_TIMEOUT", "1.5"),
        ("PORT", "٨"),
    ],
)
def test_a_number_that_is_none_is_refused_by_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)

    assert start.main(["check"]) == 78
    assert capsys.readouterr().err.startswith(f"error: {name}: {value!r} is not a whole number from ")


def test_a_certificate_without_its_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLS_CERT_FILE", __file__)

    assert start.check() == ["TLS_KEY_FILE: not set, but TLS_CERT_FILE is; set both or neither"]


def test_files_that_are_no_certificate_and_key_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLS_CERT_FILE", __file__)
    monkeypatch.setenv("TLS_KEY_FILE", __file__)

    (problem,) = start.check()
    assert problem.startswith("TLS_CERT_FILE: does not match the key of TLS_KEY_FILE (")


def test_certificate_with_its_key_passes_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates.make(["localhost"], ["127.0.0.1"]).write(tmp_path)
    monkeypatch.setenv("TLS_CERT_FILE", str(tmp_path / "server.crt"))
    monkeypatch.setenv("TLS_KEY_FILE", str(tmp_path / "server.key"))

    assert start.check() == []


def test_migrate_runs_the_applications_migrations(tmp_path: Path, serve: Serve) -> None:
    serve(migrate="shop_start:migrate")

    assert start.main(["migrate"]) == 0
    assert (tmp_path / "migrated").exists()


def test_migrate_without_any_configured_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert start.main(["migrate"]) == 69
    assert capsys.readouterr().err.startswith("error: no migration is configured; set migrate ")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ('cd {folder} && python3 -c \'open("migrated", "w")\'', 0),
        ("python3 -c 'raise SystemExit(3)'", 3),
        ("gone-tool upgrade", 127),
    ],
)
def test_migrate_runs_a_command_and_ends_with_its_code(
    command: str, code: int, tmp_path: Path, serve: Serve
) -> None:
    serve(migrate=command.format(folder=tmp_path))

    assert start.main(["migrate"]) == code
    assert (tmp_path / "migrated").exists() == (code == 0)


def test_a_command_of_the_project_is_run_by_its_name(tmp_path: Path, script: list[str]) -> None:
    commands = {"worker": "python3 -c 'import sys; print(sys.argv[1:])' mails"}
    (tmp_path / "serve.json").write_text(json.dumps(SERVED | {"commands": commands}))

    done = subprocess.run([*script, "worker", "--burst"], capture_output=True, text=True, check=True)
    other = subprocess.run([*script, "wroker"], capture_output=True, text=True, check=False)

    assert done.stdout == "['mails', '--burst']\n"
    assert other.returncode == 127
    assert "use serve, check, migrate, worker or a program of the image" in other.stderr


def test_a_failed_migration_keeps_the_application_from_serving(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(migrate="python3 -c 'raise SystemExit(3)'")
    monkeypatch.setenv("RUN_MIGRATIONS", "1")

    assert start.main([]) == 3


def test_faulty_settings_stop_the_migration(tmp_path: Path, serve: Serve) -> None:
    serve(migrate="shop_start:migrate", settings_check="shop_start:faulty")

    assert start.main(["migrate"]) == 78
    assert not (tmp_path / "migrated").exists()


def test_an_argument_too_many_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert start.main(["check", "twice"]) == 64
    assert capsys.readouterr().err == "error: check takes no arguments, got twice\n"


def test_another_program_replaces_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(start.os, "execvp", lambda name, arguments: called.append((name, arguments)))

    start.main([sys.executable, "-c", "pass"])

    assert called == [(sys.executable, [sys.executable, "-c", "pass"])]


def test_an_unknown_program_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert start.main(["no-such-program"]) == 127
    assert "error: cannot run no-such-program: No such file or directory;" in capsys.readouterr().err


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_application_that_cannot_start_ends_the_server_with_3(
    tmp_path: Path, workers: str, script: list[str]
) -> None:
    (tmp_path / "shop.py").write_text(
        "async def app(scope, receive, send):\n"
        "    await receive()\n    await send({'type': 'lifespan.startup.failed', 'message': 'aground'})\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path),
        "WEB_CONCURRENCY": workers,
        "HOST": "127.0.0.1",
        "PORT": str(free_port()),
    }
    done = subprocess.run(script, env=environment, timeout=60, check=False)
    assert done.returncode == 3


UNWRITTEN = "raise OSError(30, 'Read-only file system', '/app/logs/app.log')"
LIFESPAN = """\
async def app(scope, receive, send):
    await receive()
    try:
        {}
    except Exception:
        import traceback
        await send({{"type": "lifespan.startup.failed", "message": traceback.format_exc()}})
"""


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (UNWRITTEN, "/app/logs/app.log"),
        (
            f"try:\n    {UNWRITTEN}\nexcept OSError as error:\n    raise ValueError('no log') from error",
            "/app/logs/app.log",
        ),
        (LIFESPAN.format(UNWRITTEN), "/app/logs/app.log"),
        ("import sqlite3\nsqlite3.connect('/nowhere/shop.db')", "a database file"),
    ],
    ids=["at import", "as the cause", "in the lifespan", "of sqlite"],
)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_start_that_cannot_write_ends_with_the_setting_that_helps(
    source: str, place: str, workers: str, tmp_path: Path, script: list[str]
) -> None:
    (tmp_path / "shop.py").write_text(source)
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "PORT": str(free_port()),
        "WEB_CONCURRENCY": workers,
    }

    done = subprocess.run(script, env=environment, timeout=60, check=False, capture_output=True, text=True)

    assert done.returncode in (1, start.STARTUP_FAILURE)
    assert "Traceback" in done.stderr
    said = f"error: {place} cannot be written, as the image's files are read-only; name its folder"
    # The end of a long log is what a person sees; of several workers, another's may come after it.
    end = done.stderr.rpartition("Traceback")[2]
    assert said in (end if workers == "1" else done.stderr)


@pytest.mark.parametrize(
    ("own", "enabled", "threshold"),
    [
        ("", True, gc.get_threshold()[0]),
        ("gc.disable()", False, gc.get_threshold()[0]),
        ("gc.set_threshold(5000)", True, 5000),
    ],
)
def test_garbage_is_looked_for_once_the_application_is_imported_unless_it_decides_otherwise(
    own: str, enabled: bool, threshold: int, tmp_path: Path, script: list[str]
) -> None:
    (tmp_path / "shop.py").write_text(
        f"import gc\nprint(gc.get_threshold()[0])\n{own}\n"
        "async def app(scope, receive, send):\n"
        "    print(gc.isenabled(), gc.get_threshold()[0], gc.get_freeze_count() > 0)\n"
        "    await receive()\n    await send({'type': 'lifespan.startup.failed', 'message': 'seen enough'})\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path),
        "HOST": "127.0.0.1",
        "PORT": str(free_port()),
    }
    done = subprocess.run(script, env=environment, timeout=60, check=False, stdout=subprocess.PIPE, text=True)
    assert done.stdout.split() == ["0", str(enabled), str(threshold), "True"]


def test_a_uvicorn_that_knows_no_limit_for_its_end_serves_all_the_same(
    monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    class Loaded(Exception):
        pass

    class Config(uvicorn.Config):
        """uvicorn's before 0.22: without the argument."""

        def __init__(self, app: str, **options: Any) -> None:
            assert "timeout_graceful_shutdown" not in options
            super().__init__(app, **options)

        def load(self) -> None:
            raise Loaded

    monkeypatch.setattr(uvicorn, "Config", Config)
    serve(application="shop_start:app")
    monkeypatch.setenv("PORT", str(free_port()))

    with pytest.raises(Loaded):
        start.main(["serve"])


def test_a_uvicorn_that_is_told_how_its_workers_serve(monkeypatch: pytest.MonkeyPatch, serve: Serve) -> None:
    begun: list[object] = []

    class Multiprocess:
        """That of uvicorn before 0.36."""

        processes = ()

        def __init__(self, config: uvicorn.Config, target: Any, sockets: list[socket.socket]) -> None:
            begun.extend((config, target.__func__, target.__self__.config, *sockets))

        def run(self) -> None:
            begun.append("run")

    monkeypatch.setattr("uvicorn.supervisors.Multiprocess", Multiprocess)
    serve(application="shop_start:app")
    for name, value in {"PORT": str(free_port()), "HOST": "127.0.0.1", "WEB_CONCURRENCY": "2"}.items():
        monkeypatch.setenv(name, value)

    assert start.main(["serve"]) == 0

    config, target, served, listener, last = begun
    assert (served, target, last) == (config, uvicorn.Server.run, "run")
    assert isinstance(listener, socket.socket)
    listener.close()


@pytest.mark.parametrize(("code", "ended"), [(start.STARTUP_FAILURE, start.STARTUP_FAILURE), (1, 0)])
def test_a_uvicorn_that_replaces_workers_forever(
    code: int, ended: int, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    class Multiprocess:
        """That of uvicorn before 0.36."""

        def __init__(self, *_: object, **__: object) -> None:
            self.should_exit = threading.Event()
            self.processes = [SimpleNamespace(exitcode=code)]

        def keep_subprocess_alive(self) -> None:
            self.processes = []
            self.should_exit.set()

        def run(self) -> None:
            while not self.should_exit.is_set():
                self.keep_subprocess_alive()

    monkeypatch.setattr("uvicorn.supervisors.Multiprocess", Multiprocess)
    monkeypatch.setattr("uvicorn.Config.bind_socket", lambda _: None)
    serve(application="shop_start:app")
    monkeypatch.setenv("WEB_CONCURRENCY", "2")

    assert start.main(["serve"]) == ended


def test_a_signal_before_serving_ends_the_process() -> None:
    with pytest.raises(SystemExit) as stopped:
        start.exit_early(15, None)
    assert stopped.value.code == 143


ECHO = """
import json
import os

async def app(scope, receive, send):
    assert scope["path"]
    body = json.dumps([scope["root_path"], scope["path"]]).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    headers.append((b"x-safe", os.environ.get("PYTHONSAFEPATH", "no").encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""


@pytest.fixture
def serving(tmp_path: Path, script: list[str]) -> Iterator[Callable[..., int]]:
    """Start an application without a lifespan and yield its port."""
    code = tmp_path / "code"  # beside the script, as in the image
    code.mkdir()
    (code / "shop.py").write_text(ECHO)
    running: list[subprocess.Popen[bytes]] = []

    def begin(**environment: str) -> int:
        port = free_port()
        variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(code), "PORT": str(port)}
        running.append(subprocess.Popen(script, env={**variables, **environment}))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
                return port
            time.sleep(0.1)
        raise AssertionError("it does not listen")

    yield begin
    for process in running:
        process.terminate()
        process.wait(60)


def asked(port: int, request: bytes = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") -> bytes:
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        with suppress(ConnectionError):
            connection.sendall(request)
        answer = b""
        with suppress(ConnectionError):
            while part := connection.recv(65536):
                answer += part
        return answer


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_address_takes_ipv4_too(serving: Callable[..., int], workers: str) -> None:
    answer = asked(serving(HOST="::", WEB_CONCURRENCY=workers, UVICORN_ROOT_PATH="/shop"))

    assert answer.endswith(b'["/shop", "/shop/a"]')


def test_application_sees_no_arguments_of_the_script(tmp_path: Path, script: list[str]) -> None:
    (tmp_path / "shop.py").write_text(
        "import argparse\nprint(argparse.ArgumentParser().parse_args())\nraise SystemExit(9)\n"
    )
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "PORT": str(free_port())}
    done = subprocess.run(
        [*script, "serve"], env=variables, timeout=60, check=False, capture_output=True, text=True
    )

    assert (done.stdout, done.returncode) == ("Namespace()\n", 9)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_that_ends_the_service_is_no_error(name: str, tmp_path: Path, script: list[str]) -> None:
    (tmp_path / "shop.py").write_text(
        "import asyncio, os, signal\n"
        "async def app(scope, receive, send):\n"
        "    await receive()\n    await send({'type': 'lifespan.startup.complete'})\n"
        f"    asyncio.get_running_loop().call_later(0.2, os.kill, os.getpid(), signal.{name})\n"
        "    await receive()\n    await send({'type': 'lifespan.shutdown.complete'})\n"
    )
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "PORT": str(free_port())}
    done = subprocess.run(script, env=variables, timeout=60, check=False, capture_output=True, text=True)

    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_failed_lifespan_ends_the_container(tmp_path: Path, script: list[str], workers: str) -> None:
    text = (
        "class App:\n    async def __call__(self, scope, receive, send):\n"
        "        await receive()\n        await send({'type': 'lifespan.startup.failed'})\napp = App()\n"
    )
    (tmp_path / "shop.py").write_text(text)
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "PORT": str(free_port())}
    done = subprocess.run(script, env={**variables, "WEB_CONCURRENCY": workers}, timeout=60, check=False)

    assert done.returncode == start.STARTUP_FAILURE


@pytest.mark.parametrize(("given", "seen"), [({}, b"no"), ({"PYTHONSAFEPATH": "1"}, b"1")])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_workers_keep_the_safe_path_of_their_operator(
    serving: Callable[..., int], workers: str, given: dict[str, str], seen: bytes
) -> None:
    assert b"x-safe: " + seen + b"\r" in asked(serving(WEB_CONCURRENCY=workers, **given))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_flood_of_headers_ends_in_431(serving: Callable[..., int], workers: str) -> None:
    port = serving(WEB_CONCURRENCY=workers)

    assert asked(port, b"GET / HTTP/1.1\r\nA: " + b"a" * 2_000_000).startswith(b"HTTP/1.1 431 ")
    assert asked(port).startswith(b"HTTP/1.1 200 ")


def test_uvicorn_that_cannot_answer_a_bad_request_keeps_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    class Protocol:
        connection_made = data_received = connection_lost = None
        on_url = on_header = on_headers_complete = on_body = on_message_complete = None

    monkeypatch.setitem(sys.modules, "old_uvicorn", SimpleNamespace(Protocol=Protocol))
    monkeypatch.setitem(limits.PROTOCOLS, "h11", ("old_uvicorn", "Protocol"))

    limits.install("h11")

    assert Protocol.data_received is not None
    assert Protocol.send_400_response(object(), "bad") is None
    begun = SimpleNamespace(_kept=1, _head=1)
    Protocol.on_message_begin(begun)
    assert (begun._kept, begun._head) == (0, 0)


def test_options_come_from_the_projects_command_and_from_variables(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(options={"root_path": "/shop", "loop": "asyncio", "access_log": "0"})
    monkeypatch.setenv("UVICORN_LOOP", "auto")
    monkeypatch.setenv("UVICORN_TIMEOUT_KEEP_ALIVE", "30")

    assert start.options() == {
        "root_path": "/shop",
        "loop": "auto",
        "access_log": False,
        "timeout_keep_alive": 30,
    }


def test_uvicorns_names_count_where_the_images_own_are_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UVICORN_PORT", "9000")
    monkeypatch.setenv("UVICORN_WORKERS", "3")
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    monkeypatch.setenv("UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN", "soon")

    assert (start.number("PORT"), start.number("WEB_CONCURRENCY")) == (9000, 2)
    [problem] = start.check()
    assert problem.startswith("UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN: 'soon' is not a whole number")


def test_uvicorns_variables_without_effect_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UVICORN_HEADERS", "UVICORN_PORT", "UVICORN_LOOP", "UVICORN_UDS"):
        monkeypatch.setenv(name, "x")

    assert start.unread() == ["UVICORN_HEADERS", "UVICORN_UDS"]


def test_variables_of_the_image_win_over_the_projects_command(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(options={"forwarded_allow_ips": "*", "access_log": "0", "ws": "none"})
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.1")
    monkeypatch.setenv("ACCESS_LOG", "1")

    assert start.options() == {"ws": "none"}


def test_an_option_that_is_not_a_number_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UVICORN_BACKLOG", "many")

    assert start.check() == ["UVICORN_BACKLOG: 'many' is not a number; set one"]


def test_a_connection_whose_request_does_not_come_is_ended(
    tmp_path: Path, serving: Callable[..., int]
) -> None:
    limits = tmp_path / "limits.py"
    limits.write_text(limits.read_text().replace("HEAD_SECONDS = 60", "HEAD_SECONDS = 0.5"))
    port = serving()

    assert asked(port, b"") == b""
    assert asked(port, b"GET / HTTP/1.1\r\nA: ") == b""
