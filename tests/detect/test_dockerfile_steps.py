"""The steps, stages, services and commands of Dockerfiles, compose files and Procfiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detect.test_kinds import APP, found

HEAD = "FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\n"
SERVE = "CMD uvicorn main:app --host 0.0.0.0 --port 8000\n"
NOTED = {
    "RUN sh setup.sh": "setup.sh",
    "RUN unzip data.zip": "unzip data.zip",
    "RUN tar xf data.tar": "tar xf data.tar",
    "RUN npm ci && npm run build": "npm run build",
    "RUN <<EOF\nset -e\npython -m nltk.downloader punkt\nEOF": "nltk.downloader",
    "RUN --mount=type=cache,target=/c <<EOF bash\npython -m spacy download x\nEOF": "spacy download",
    'RUN ["python", "-m", "nltk.downloader", "punkt"]': "nltk.downloader",
    "RUN uv run python -m nltk.downloader punkt": "nltk.downloader",
    "RUN poetry run python build_index.py": "build_index.py",
    "COPY <<EOF /app/settings.ini\nx=1\nEOF": "settings.ini",
    "COPY my-ca.crt /usr/local/share/ca-certificates/": "my-ca.crt",
    "COPY --from=mwader/static-ffmpeg:7.0 /ffmpeg /usr/local/bin/": "static-ffmpeg",
    "VOLUME /app/kept": "the volume /app/kept",
}
QUIET = (
    "RUN sh /uv-installer.sh",
    "RUN tar xf /tmp/x.tar -C /usr/local",
    "RUN setcap 'cap_net_bind_service=+ep' /usr/local/bin/python3.12",
    "RUN <<EOF\napt-get update\napt-get install -y curl\nEOF",
    "COPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/uv",
)


@pytest.mark.parametrize(("line", "words"), NOTED.items(), ids=NOTED)
def test_a_step_that_no_build_of_ours_repeats_is_noted_with_its_line(
    line: str, words: str, tmp_path: Path
) -> None:
    noted = found(tmp_path, {"Dockerfile": f"{HEAD}{line}\n{SERVE}"}).notes

    assert [note.where for note in noted if words in note.value] == ["Dockerfile:4"]


@pytest.mark.parametrize("line", QUIET)
def test_an_installation_is_no_note(line: str, tmp_path: Path) -> None:
    assert found(tmp_path, {"Dockerfile": f"{HEAD}{line}\n{SERVE}"}).notes == ()


def test_packages_are_read_from_a_here_document(tmp_path: Path) -> None:
    text = f"{HEAD}RUN <<EOF\napt-get update\napt-get install -y ffmpeg\nEOF\n{SERVE}"

    assert [one.value for one in found(tmp_path, {"Dockerfile": text}).system_run] == ["ffmpeg"]


def test_a_tool_of_builds_is_needed_if_the_code_calls_it(tmp_path: Path) -> None:
    text = f"{HEAD}RUN apt-get update && apt-get install -y unzip wget sqlite3\n{SERVE}"
    calls = f"import subprocess\n{APP}\n\ndef unpack(): subprocess.run(['unzip', 'a.zip'])\n"

    assert [one.value for one in found(tmp_path, {"Dockerfile": text, "main.py": calls}).system_run] == [
        "unzip",
        "sqlite3",
    ]


def test_the_stage_that_compose_builds_is_the_one_that_counts(tmp_path: Path) -> None:
    text = (
        "FROM python:3.12-slim AS base\nWORKDIR /app\nCOPY . .\nFROM base AS live\nENV LIVE=1\n"
        "CMD uvicorn main:app --port 8181\nFROM base AS checks\nENV CHECKS=1\nCMD pytest\n"
    )
    compose = "services:\n  web:\n    build:\n      context: .\n      target: live\n"
    findings = found(tmp_path, {"Dockerfile": text, "compose.yaml": compose})

    assert findings.port.value == 8181
    assert [note.where for note in findings.notes] == ["Dockerfile:5"]


def test_of_several_stages_that_compose_builds_the_one_that_serves_counts(tmp_path: Path) -> None:
    text = (
        "FROM python:3.12-slim AS web\nWORKDIR /app\nCOPY . .\nCMD uvicorn main:app --port 8181\n"
        "FROM web AS worker\nCMD python worker.py\n"
    )
    compose = "services:\n" + "".join(
        f"  {name}:\n    build:\n      context: .\n      target: {name}\n" for name in ("web", "worker")
    )

    assert found(tmp_path, {"Dockerfile": text, "compose.yaml": compose}).port.value == 8181


def test_a_volume_that_the_program_is_seen_to_write_is_no_note(tmp_path: Path) -> None:
    made = f"import os\nos.makedirs('kept')\n{APP}"
    files: dict[str, str | bytes] = {"main.py": made, "Dockerfile": f"{HEAD}VOLUME /app/kept\n{SERVE}"}

    assert found(tmp_path, files).notes == ()


def test_a_stage_for_developers_does_not_count(tmp_path: Path) -> None:
    text = (
        "FROM python:3.12-slim AS development\nWORKDIR /app\nCOPY . .\nCMD uvicorn main:app --port 8001\n"
        "FROM development\nCMD uvicorn main:app --port 8002\n"
    )
    compose = "services:\n  web:\n    build:\n      context: .\n      target: development\n"

    assert found(tmp_path, {"Dockerfile": text, "compose.yaml": compose}).port.value == 8002


def test_the_path_of_a_health_check_is_the_probe_where_no_route_is_called_so(tmp_path: Path) -> None:
    text = f"{HEAD}HEALTHCHECK CMD curl -f http://localhost:8000/shop/open || exit 1\n{SERVE}"
    live = found(tmp_path, {"Dockerfile": text}).liveness

    assert live is not None
    assert (live.value, live.where) == ("/shop/open", "Dockerfile:4")


COMPOSE = "services:\n  web:\n    build: .\n    image: shop\n    command: uvicorn main:app\n  worker:\n"


@pytest.mark.parametrize(
    "service",
    ["    image: shop\n", "    extends: web\n", "    extends:\n      service: web\n"],
)
def test_a_service_of_the_same_image_is_a_worker(service: str, tmp_path: Path) -> None:
    text = f"{COMPOSE}{service}    command: arq tasks.Worker $$NAME\n"
    files: dict[str, str | bytes] = {"Dockerfile": f"{HEAD}{SERVE}", "compose.yaml": text}

    assert [one.value for one in found(tmp_path, files).workers] == ["arq tasks.Worker $NAME"]


def test_programs_before_the_server_are_noted_of_every_command_that_starts_it(tmp_path: Path) -> None:
    compose = 'services:\n  web:\n    build: .\n    command: sh -c "python wait.py && uvicorn main:app"\n'
    noted = found(tmp_path, {"Dockerfile": f"{HEAD}{SERVE}", "compose.yaml": compose}).notes

    assert [note.value.partition(" runs")[0] for note in noted] == ["python wait.py"]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("faust -A tasks worker", "faust -A tasks worker"),
        ("faststream run tasks:app", "faststream run tasks:app"),
        ("exec celery -A tasks worker", "celery -A tasks worker"),
        ("env A=1 celery -A tasks worker", "celery -A tasks worker"),
        ("A=1 celery -A tasks worker -c ${COUNT:-2} -n $NAME", "celery -A tasks worker -c 2 -n $NAME"),
        ("./worker.sh", "celery -A tasks worker"),
    ],
)
def test_a_worker_is_the_program_that_its_line_starts(line: str, command: str, tmp_path: Path) -> None:
    script = "#!/bin/sh\nset -e\nexec celery -A tasks worker\n"
    files: dict[str, str | bytes] = {"Procfile": f"web: uvicorn main:app\nworker: {line}\n"}

    assert [one.value for one in found(tmp_path, {**files, "worker.sh": script}).workers] == [command]


@pytest.mark.parametrize("name", ["schedule", "aiocron", "rocketry", "apscheduler.schedulers.asyncio"])
def test_a_scheduler_in_the_server_allows_one_replica(name: str, tmp_path: Path) -> None:
    assert not found(tmp_path, {"main.py": f"import {name}\n{APP}"}).replicas_safe.value


def test_a_module_called_as_a_scheduler_is_none(tmp_path: Path) -> None:
    assert found(
        tmp_path, {"main.py": f"import schedule\n{APP}", "schedule.py": "X = 1\n"}
    ).replicas_safe.value


@pytest.mark.parametrize(("port", "high"), [(80, 8080), (443, 8443), (1023, 9023)])
def test_a_port_that_needs_a_privilege_becomes_a_higher_one(port: int, high: int, tmp_path: Path) -> None:
    serve = f"ENV PORT={port}\nCMD uvicorn main:app --port {port}\n"
    findings = found(tmp_path, {"Dockerfile": f"{HEAD}{serve}"})

    assert findings.port.value == high
    assert [note.where for note in findings.notes if f"port {port} needs a privilege" in note.value] == [
        findings.port.where
    ]
    assert not any("PORT=" in note.value for note in findings.notes)


def test_the_port_that_a_dockerfile_exposes_goes_before_a_developers_launcher(tmp_path: Path) -> None:
    launcher = "import uvicorn\nuvicorn.run('main:app', port=5000, reload=True)\n"
    files: dict[str, str | bytes] = {"run.py": launcher}
    assert found(tmp_path / "alone", files).port.value == 5000

    start = "EXPOSE 8100\nCMD uvicorn main:app --host 0.0.0.0\n"
    assert found(tmp_path, {**files, "Dockerfile": f"{HEAD}{start}"}).port.value == 8100
