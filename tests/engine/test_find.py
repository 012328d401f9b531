from __future__ import annotations

import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drydock import engine
from drydock.engine import apt, find, install
from drydock.engine.errors import EngineGone, NoEngine


@contextmanager
def answering_socket(path: Path, answer: bytes) -> Iterator[str]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(answer)

    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"unix://{path}"
        server.shutdown()


def context(home: Path, name: str, host: str) -> None:
    meta = home / ".docker/contexts/meta/abc/meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))


def test_docker_host_is_the_only_candidate_when_set() -> None:
    found = list(find.candidates({"DOCKER_HOST": "tcp://10.0.0.1:2376", "HOME": "/nowhere"}))

    assert found == [find.Candidate("tcp://10.0.0.1:2376", "DOCKER_HOST", chosen=True)]


def test_the_selected_context_is_the_only_candidate(tmp_path: Path) -> None:
    context(tmp_path, "colima", "unix:///colima.sock")

    found = list(find.candidates({"HOME": str(tmp_path), "DOCKER_CONTEXT": "colima"}))

    assert [(one.host, one.context) for one in found] == [("unix:///colima.sock", "colima")]


def test_the_context_of_the_configuration_file_counts(tmp_path: Path) -> None:
    context(tmp_path, "colima", "unix:///colima.sock")
    (tmp_path / ".docker/config.json").write_text('{"currentContext": "colima"}')

    assert next(find.candidates({"HOME": str(tmp_path)})).host == "unix:///colima.sock"


def test_a_context_that_does_not_exist_is_said_so(tmp_path: Path) -> None:
    found = next(find.candidates({"HOME": str(tmp_path), "DOCKER_CONTEXT": "gone"}))

    assert find.answers(found) == "no endpoint"
    assert found.source == "docker context gone, which does not exist"


def test_rootless_and_podman_sockets_come_after_the_default(tmp_path: Path) -> None:
    for name in ("docker.sock", "podman/podman.sock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    found = list(find.candidates({"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}))

    assert [one.source for one in found][:3] == ["default socket", "rootless socket", "Podman's socket"]


def test_an_engine_that_answers_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering_socket(tmp_path / "d.sock", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK") as host:
        monkeypatch.setenv("DOCKER_HOST", host)

        assert engine.connect().host == host


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "status 500"),
        (b"no http at all\r\n", "no http at all"),
    ],
)
def test_a_socket_that_answers_wrongly_is_no_engine(tmp_path: Path, answer: bytes, reason: str) -> None:
    with answering_socket(tmp_path / "d.sock", answer) as host:
        assert reason in (find.answers(find.Candidate(host, "test")) or "")


def test_no_engine_names_what_was_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")

    with pytest.raises(NoEngine, match=r"no Docker Engine answers \(DOCKER_HOST unix://.*: no socket\); "):
        engine.connect()


@pytest.mark.parametrize("chosen", [True, False])
def test_a_socket_that_the_user_may_not_open_needs_no_installation(
    chosen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = find.Candidate("unix:///var/run/docker.sock", "default socket", chosen=chosen)
    monkeypatch.setattr(find, "candidates", lambda: iter([socket]))
    monkeypatch.setattr(find, "answers", lambda _: find.DENIED)

    with pytest.raises(NoEngine, match=r"permission denied.*usermod --append --groups docker") as caught:
        engine.connect()

    assert "install" not in str(caught.value)


def test_an_address_of_another_form_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "nonsense")

    with pytest.raises(
        NoEngine, match=r"DOCKER_HOST nonsense: no address such as unix:///var/run/docker.sock\)"
    ):
        engine.connect()


def test_the_reason_of_a_silent_address_is_two_words(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = "tcp://127.0.0.1:1"
    monkeypatch.setenv("DOCKER_HOST", silent)

    assert find.answers(find.Candidate(silent, "DOCKER_HOST", chosen=True)) == "connection refused"


def test_an_engine_the_user_chose_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")

    with pytest.raises(NoEngine):
        install.ensure(say=lambda _: None)


@pytest.mark.parametrize(
    ("platform", "release", "words"),
    [
        ("darwin", "", "Docker Desktop, OrbStack or Colima"),
        ("win32", "", "inside WSL"),
        ("linux", "ID=fedora\n", "your distribution's packages"),
        ("linux", 'ID=ubuntu\nID_LIKE="debian"\n', "drydock engine.start"),
    ],
)
def test_advice_fits_the_platform(tmp_path: Path, platform: str, release: str, words: str) -> None:
    (tmp_path / "os-release").write_text(release)

    assert words in install.advice(platform, tmp_path / "os-release")


@pytest.mark.parametrize(
    ("version", "major"), [("26.1.5+dfsg1-9", 26), ("(none)", 0), ("5:28.1-1", 28), ("20.10.24", 20)]
)
def test_debian_versions_give_their_major_number(version: str, major: int) -> None:
    assert install.major(version) == major


def test_the_newer_release_comes_from_the_same_mirrors_and_leaves_no_source(tmp_path: Path) -> None:
    known = [
        apt.Repository("http://mirror.example/debian/", "bookworm"),
        apt.Repository("http://mirror.example/security/", "bookworm-security"),
    ]

    options = install.newer_release_options(tmp_path, known, release="bookworm")

    sources = (tmp_path / "sources.list").read_text()
    assert "http://mirror.example/debian/ trixie main" in sources
    assert "http://mirror.example/security/ trixie-security main" in sources
    assert all(str(tmp_path) in part or "=/dev/null" in part or part.endswith("=") for part in options[1::2])
    assert "Pin-Priority: -1" in (tmp_path / "preferences").read_text()


@pytest.mark.parametrize(
    ("listed", "short"),
    [
        ("docker.io/library/shop:dev", "shop:dev"),
        ("docker.io/local/python:3.13-slim", "local/python:3.13-slim"),
        ("localhost/shop:dev", "shop:dev"),
        ("shop:dev", "shop:dev"),
        ("ghcr.io/acme/shop:1", "ghcr.io/acme/shop:1"),
    ],
)
def test_a_name_that_podman_lists_is_dockers(listed: str, short: str) -> None:
    assert engine.short_name(listed) == short


def test_an_engine_over_ssh_names_the_package_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://builder@127.0.0.1:1")
    # As where it is not installed.
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(NoEngine) as caught:
        engine.connect()

    assert str(caught.value) == (
        "error: no Docker Engine answers (DOCKER_HOST ssh://builder@127.0.0.1:1: the SDK needs paramiko for "
        "ssh, and it is not installed); install it beside drydock: `uv tool install --with paramiko "
        "fastapi-drydock`, or `pip install paramiko`"
    )


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A home folder with the docker CLI on PATH, and buildx among the user's plugins."""
    for name in ("bin/docker", ".docker/cli-plugins/docker-buildx"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"\x7fELF")
        path.chmod(0o755)
    return tmp_path


def buildx(home: Path) -> tuple[str, ...]:
    return find.buildx({"HOME": str(home), "PATH": str(home / "bin")})


def test_buildx_is_started_without_the_docker_cli(programs: Path) -> None:
    plugin = programs / ".docker/cli-plugins/docker-buildx"
    assert buildx(programs) == (str(plugin),)

    other = programs / "extra/docker-buildx"
    other.parent.mkdir()
    plugin.rename(other)
    (programs / ".docker/config.json").write_text(json.dumps({"cliPluginsExtraDirs": [str(other.parent)]}))
    assert buildx(programs) == (str(other),)


def test_a_script_called_docker_starts_buildx_itself(programs: Path) -> None:
    (programs / "bin/docker").write_text('#!/bin/sh\nexec sudo /usr/bin/docker "$@"\n')
    assert buildx(programs) == ("docker", "buildx")


def test_without_a_plugin_the_docker_cli_says_so(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "PLUGINS", ())
    (programs / ".docker/cli-plugins/docker-buildx").chmod(0o644)
    assert buildx(programs) == ("docker", "buildx")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"Id": "123"}', {"Id": "123"}),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", None),
    ],
    ids=["there", "missing"],
)
def test_an_image_is_described_without_the_sdk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes, expected: object
) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)  # an import fails
    with answering_socket(tmp_path / "d.sock", answer) as host:
        assert engine.Engine(find.Candidate(host, "a test")).image("shop:dev") == expected


def test_an_engine_that_went_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineGone, match=r"d\.sock stopped answering"):
        engine.Engine(find.Candidate(f"unix://{tmp_path}/d.sock", "a test")).image("shop:dev")
