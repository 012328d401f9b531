from __future__ import annotations

import http.client
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from drydock.engine import LABEL, Engine
from drydock.engine.errors import ContainerExited, ImageMissing, NotReady, NotStarted, PortTaken
from drydock.engine.runtime import SERVE as SERVED
from drydock.engine.runtime import Run, Running, message, started

pytestmark = pytest.mark.live

SERVE = (
    "import http.server, os, signal, sys\n"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
    "class H(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        ok = self.path == '/ready'\n"
    "        self.send_response(200 if ok else 503)\n"
    "        self.end_headers()\n"
    "        self.wfile.write(str(os.getuid()).encode())\n"
    "http.server.HTTPServer(('', 8000), H).serve_forever()\n"
)


def server(image: str, code: str = SERVE) -> Run:
    return Run(image, port=8000, command=("python3", "-c", code), owner="test")


def test_a_container_is_waited_for_stopped_and_removed(engine: Engine, python_image: str) -> None:
    with started(engine, server(python_image)) as running:
        assert running.wait_until_ready("/ready") < 30
        name = running.container.name
        code, seconds = running.stop()

    assert code == 0
    assert seconds < 10
    assert name not in [one.name for one in engine.sdk.containers.list(all=True, ignore_removed=True)]


def test_a_container_that_exits_at_once_is_reported_with_its_log(engine: Engine, python_image: str) -> None:
    code = "print('no database'); raise SystemExit(78)"

    with (
        pytest.raises(ContainerExited, match="exited with 78") as caught,
        started(engine, server(python_image, code)) as running,
    ):
        running.wait_until_ready("/ready")

    assert "no database" in caught.value.evidence


def test_a_wait_tells_the_last_answer_and_the_last_line_of_the_log(engine: Engine, python_image: str) -> None:
    code = "import time; print('loading the model', flush=True); time.sleep(60)"
    told: list[str] = []

    with pytest.raises(NotReady), started(engine, server(python_image, code)) as running:
        running.wait_until_ready("/ready", seconds=1.5, tell=told.append)

    assert told[-1].endswith(" · loading the model")


def test_a_container_that_never_gets_ready_is_reported(engine: Engine, python_image: str) -> None:
    with started(engine, server(python_image)) as running:
        running.wait_until_ready("/ready")
        with pytest.raises(NotReady, match=r"did not answer 200 at /never within 1 s \(last: status 503\)"):
            running.wait_until_ready("/never", seconds=1)


def test_a_taken_port_is_named(engine: Engine, python_image: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(PortTaken, match=f"port {port} of this machine is taken"),
            started(engine, Run(python_image, port=8000, host_port=port, command=("python3",), owner="test")),
        ):
            pass

    assert not engine.sdk.containers.list(all=True, filters={"label": f"{LABEL}=test"})


def test_a_command_that_is_not_in_the_image_is_named(engine: Engine, python_image: str) -> None:
    with (
        pytest.raises(NotStarted, match=r"cannot be started: .*\"nowhere\": executable file not found"),
        started(engine, Run(python_image, command=["nowhere"])),
    ):
        pass


def test_a_container_that_the_engine_refuses_to_create_is_one_line(engine: Engine, python_image: str) -> None:
    with (
        pytest.raises(
            NotStarted, match=r"cannot be started: .*[Mm]inimum memory limit allowed is 6MB; correct"
        ),
        started(engine, Run(python_image, memory=1)),
    ):
        pass


def test_a_missing_image_is_named(engine: Engine) -> None:
    with (
        pytest.raises(ImageMissing, match="image no-such:1 is not on this engine"),
        started(engine, Run("no-such:1")),
    ):
        pass


def test_containers_are_restricted_as_in_kubernetes(engine: Engine, python_image: str) -> None:
    def status(running: Running) -> str:
        return running.execute("cat", "/proc/1/status").stdout

    with started(engine, server(python_image)) as running:
        running.wait_until_ready("/ready")
        found = status(running)
        written = running.execute("touch", "/somewhere").code

    assert "NoNewPrivs:\t1" in found
    assert "CapEff:\t0000000000000000" in found
    assert written != 0


def test_an_output_that_arrives_with_the_answers_head_is_read(
    engine: Engine, python_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_head = http.client.HTTPResponse.begin

    def later(response: http.client.HTTPResponse) -> None:
        time.sleep(0.3)
        read_head(response)

    two = "import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)"
    with started(engine, server(python_image)) as running:
        monkeypatch.setattr(http.client.HTTPResponse, "begin", later)
        done = running.execute("python3", "-S", "-c", two)

    assert (done.code, done.stdout, done.stderr) == (3, "one\n", "two\n")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"level": "info", "message": "migrating"}', "migrating"),
        ('{"event": "started"}', "started"),
        ('{"level": "info"}', '{"level": "info"}'),
        ("INFO: started", "INFO: started"),
        ("17", "17"),
    ],
)
def test_a_log_line_in_json_is_shown_by_its_words(line: str, words: str) -> None:
    assert message(line) == words


def test_an_application_that_takes_one_host_is_asked_with_it(
    engine: Engine, python_image: str, tmp_path: Path
) -> None:
    choosy = SERVE.replace("self.path == '/ready'", "self.headers['Host'] == 'shop.example.org'")
    served = tmp_path / "serve.json"
    served.write_text('{"health_host": "shop.example.org"}')

    with started(engine, replace(server(python_image, choosy), mounts={SERVED: str(served)})) as running:
        running.wait_until_ready("/ready")
        assert running.send("GET", "/ready").status == 200
        assert running.get("/ready", {"Host": "127.0.0.1"}) == 503


def test_the_environment_names_another_host(engine: Engine, python_image: str) -> None:
    wanted = replace(server(python_image), environment={"HEALTH_HOST": "tea.example.org"})

    with started(engine, wanted) as running:
        assert running.host == "tea.example.org"
