"""The security gate on real images: one with faults of all kinds, and one whose application hangs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drydock import command
from drydock.detect.project import load
from drydock.engine import Engine
from drydock.gates import contents, security
from drydock.gates.security import health
from drydock.project import Project
from drydock.verdict import Outcome
from tests.conftest import write_files
from tests.support.images import remove_unnamed
from tests.support.subjects import subject

pytestmark = pytest.mark.live

SERVER = "import http.server as h; h.HTTPServer(('', 8000), h.SimpleHTTPRequestHandler).serve_forever()"
PROBE = "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/', timeout=1)"
HEALTH = "--interval=1s --timeout=2s --retries=2"
# Not a secret: GitHub's form of a token, with an invented body.
TOKEN = "ghp_" + "R4nd0mB0dyThatNobodyWasEverGivenXyz9"
FAULTY = f"""\
FROM BASE
ENV SERVICE_PASSWORD=hunter2
RUN sudo true || true
RUN mkdir -p /app/.git /data && touch /app/.git/HEAD && chmod 0777 /data
COPY main.py /app/main.py
RUN chown 10001 /app/main.py && chmod 4755 /usr/bin/env && echo 'token = "{TOKEN}"' > /app/config.py
RUN echo 'open::20000:0:99999:7:::' >> /etc/shadow
VOLUME /etc
EXPOSE 22
HEALTHCHECK {HEALTH} CMD true
CMD sleep 60
"""
SOUND = f"""\
FROM BASE
USER 10001:10001
WORKDIR /srv
HEALTHCHECK {HEALTH} CMD {json.dumps(["python3", "-c", PROBE])}
CMD {json.dumps(["python3", "-c", SERVER])}
"""
PYPROJECT = '[project]\nname = "shop"\nversion = "1.0"\n[tool.drydock]\nport = 8000\n'
EXPECTED = """\
[[file]]
path = "/app/main.py"
mode = "0600"
contains = ["^nothing$"]

[[command]]
run = ["python3", "-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"]
stdout = ["^out$"]
stderr = ["^err$"]
"""

Build = Callable[[str, dict[str, str]], tuple[Project, str]]


@pytest.fixture
def build(engine: Engine, python_image: str, tmp_path: Path) -> Iterator[Build]:
    """Return a function that builds a Dockerfile on the base image; remove the images afterwards."""
    made: list[str] = []

    def make(dockerfile: str, files: dict[str, str]) -> tuple[Project, str]:
        text = dockerfile.replace("FROM BASE", f"FROM {python_image}") + "\n# drydock's\n"
        own = {"pyproject.toml": PYPROJECT, "requirements.lock": "", "Dockerfile": text}
        folder = write_files(tmp_path / "project", own | files)
        args = ["docker", "buildx", "build", "--quiet", "--load", str(folder)]
        image = command.run(args, env=engine.environment).stdout.strip()
        made.append(image)
        return load(folder), image

    yield make
    for image in made:
        remove_unnamed(engine, image)


@pytest.mark.acceptance
def test_every_kind_of_fault_is_found_in_a_real_image(engine: Engine, build: Build) -> None:
    files = {"main.py": "print()\n", "image/expectations.toml": EXPECTED}
    project, image = build(FAULTY, files)
    verdict = security.judge(subject(engine, project, image))
    assert verdict.outcome is Outcome.FAILED
    found = {detail.split()[0] for detail in verdict.details}
    ours = {"user", "env-secret", "shell-form", "sensitive-volume", "ports", "healthcheck", "base"}
    ours |= {
        "sudo",
        "setuid",
        "world-writable",
        "unneeded-file",
        "empty-password",
        "file",
        "content",
        "command",
    }
    theirs = {"DL3004", "CKV_DOCKER_3", "secret-github-pat"}
    assert ours | theirs <= found, (ours | theirs) - found
    # The command's output is right on both streams: only its exit code is wrong.
    (line,) = [detail for detail in verdict.details if detail.startswith("command ")]
    assert line.endswith("exited with 3, not 0: err")


def test_hanging_application_becomes_unhealthy(engine: Engine, build: Build) -> None:
    project, image = build(SOUND, {})
    healthcheck = engine.sdk.images.get(image).attrs["Config"]["Healthcheck"]
    with health.probed(engine, project, image, healthcheck) as running:
        report = health.watch(running, healthcheck)
    assert report.findings == ()
    assert 0 < report.facts["unhealthy_seconds"] <= health.limits(healthcheck).noticed


def test_health_is_seen_sooner_than_the_images_own_interval(engine: Engine, build: Build) -> None:
    project, image = build(SOUND.replace("--interval=1s", "--interval=10m --start-period=5m"), {})
    healthcheck = engine.sdk.images.get(image).attrs["Config"]["Healthcheck"]

    with health.probed(engine, project, image, healthcheck) as running:
        report = health.watch(running, healthcheck)

    assert report.findings == ()
    assert report.facts["healthy_seconds"] + report.facts["unhealthy_seconds"] < 600
    assert report.facts["unhealthy_in_production_seconds"] == 2 * (600 + 2)


def test_probe_that_asks_nothing_does_not_notice_the_hang(
    engine: Engine, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "SLACK_SECONDS", 3.0)
    project, image = build(SOUND.replace(PROBE, "pass"), {})
    healthcheck = engine.sdk.images.get(image).attrs["Config"]["Healthcheck"]
    with health.probed(engine, project, image, healthcheck) as running:
        report = health.watch(running, healthcheck)
    assert [finding.subject for finding in report.findings] == ["hang"]
    assert "still healthy" in report.findings[0].text


def test_application_that_ends_is_never_healthy(engine: Engine, build: Build) -> None:
    project, image = build(SOUND.replace(SERVER, "raise SystemExit('no settings')"), {})
    healthcheck = engine.sdk.images.get(image).attrs["Config"]["Healthcheck"]
    with health.probed(engine, project, image, healthcheck) as running:
        (finding,) = health.watch(running, healthcheck).findings
    assert "the container exited with 1: no settings" in finding.text


def test_contents_are_unpacked_without_links_and_nothing_is_left(engine: Engine, build: Build) -> None:
    _, image = build("FROM BASE\nRUN mkdir /x && echo hello > /x/a && ln -s /etc/passwd /x/b\n", {})
    before = {container.id for container in engine.sdk.containers.list(all=True, ignore_removed=True)}
    with contents.unpacked(engine, image, lambda path: path.startswith("/x/")) as folder:
        assert [path.name for path in sorted((folder / "x").iterdir())] == ["a"]
        assert contents.text(folder, "/x/a") == "hello\n"
        assert contents.text(folder, "/x/none") == ""
    assert not folder.exists()
    after = engine.sdk.containers.list(all=True, ignore_removed=True, filters={"ancestor": image})
    assert [container for container in after if container.id not in before] == []
