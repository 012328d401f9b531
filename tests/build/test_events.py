from __future__ import annotations

import base64
import json
from collections.abc import Iterable

import pytest

from drydock.build import BuildResult, cause
from drydock.build.events import LOG_LINES, Progress, Step, Update, once

STARTED = "2026-01-02T03:04:05.123456789Z"
COMPLETED = "2026-01-02T03:04:07.623456789Z"


def vertex(
    name: str = "[builder 2/3] RUN uv sync", digest: str = "sha256:a", **more: object
) -> dict[str, object]:
    return {"vertexes": [{"digest": digest, "name": name, **more}]}


def feed(progress: Progress, *objects: object, size: int = 10_000) -> list[Update]:
    text = "\n".join(json.dumps(one, indent=2) for one in objects)
    chunks: Iterable[str] = (text[at : at + size] for at in range(0, len(text), size))
    return [update for chunk in chunks for update in progress.feed(chunk)]


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_stream_cut_anywhere_gives_the_same_updates(size: int) -> None:
    updates = feed(
        Progress(), vertex(started=STARTED), vertex(started=STARTED, completed=COMPLETED), size=size
    )

    assert [update.kind for update in updates] == ["started", "done"]


def test_seconds_are_read_from_nanosecond_times() -> None:
    progress = Progress()

    feed(progress, vertex(started=STARTED, completed=COMPLETED))

    assert progress.steps["sha256:a"].seconds == 2.5


def test_cached_once_is_cached_though_a_later_report_denies_it() -> None:
    progress = Progress()

    feed(progress, vertex(started=STARTED, completed=COMPLETED, cached=True), vertex(started=STARTED))

    step = progress.steps["sha256:a"]
    assert step.cached
    assert step.seconds == 0.0


def test_logs_arrive_as_lines_and_only_the_last_ones_are_kept() -> None:
    progress = Progress()
    data = base64.b64encode("\n".join(f"line {number}" for number in range(100)).encode()).decode()

    updates = feed(progress, vertex(started=STARTED), {"logs": [{"vertex": "sha256:a", "data": data}]})

    assert [update.text for update in updates if update.kind == "log"][-1] == "line 99"
    assert progress.steps["sha256:a"].log == [f"line {number}" for number in range(100 - LOG_LINES, 100)]


def test_text_after_the_last_object_is_kept_for_the_error() -> None:
    progress = Progress()

    list(progress.feed(json.dumps(vertex()) + "\nDockerfile:4\nERROR: failed to solve: it broke\n"))

    assert progress.rest.splitlines()[-1] == "ERROR: failed to solve: it broke"


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (
            "ERROR: Cache export is not supported for the docker driver.\n"
            "Switch to a different driver, or turn on the containerd image store, and try again.\n"
            "Learn more at https://docs.docker.com/go/build-cache-backends/",
            "Cache export is not supported for the docker driver.",
        ),
        ("Dockerfile:4\nERROR: failed to solve: it broke", "it broke"),
        ("ERROR: failed to build: failed to solve: it broke\n\nView build details: x", "it broke"),
        ("unknown flag: --nothing", "unknown flag: --nothing"),
        ("", "no output"),
    ],
)
def test_the_cause_of_a_failed_build_is_its_error_and_not_the_last_line(said: str, named: str) -> None:
    assert cause(said) == named


def test_transfers_are_counted_by_what_is_moved() -> None:
    progress = Progress()
    status = {"id": "transferring context:", "vertex": "sha256:a", "current": 512}

    feed(
        progress, vertex(started=STARTED), {"statuses": [status]}, {"statuses": [status | {"current": 2048}]}
    )

    assert progress.steps["sha256:a"].transfers == {"transferring context:": 2048}


@pytest.mark.parametrize(
    ("name", "stage", "instruction", "counts"),
    [
        ("[builder 2/3] RUN uv sync", "builder", "RUN uv sync", True),
        ("[linux/arm64 builder 2/3] COPY . .", "builder", "COPY . .", True),
        ("[production 1/4] COPY --from=builder / /", "production", "COPY --from=builder / /", True),
        ("[builder 1/3] FROM docker.io/library/python:3.13-slim", "builder", None, False),
        ("[2/3] RUN set -eu; export PATH=/a; uv sync", "", "RUN uv sync", True),
        ("[2/3] RUN uv sync", "", "RUN uv sync", True),
        ('[2/3] RUN APP="a b" USER=1 python3 -m x A=1', "", "RUN python3 -m x A=1", True),
        ("[internal] load .dockerignore", "", "[internal] load .dockerignore", False),
        ("exporting to image", "", "exporting to image", False),
        (
            "[builder 3/3] RUN --mount=type=cache,id=uv --mount=type=secret,id=ca uv sync",
            "builder",
            "RUN uv sync",
            True,
        ),
        ("[builder 3/3] RUN <<EOF (set -eux...)", "builder", "RUN <<EOF (set -eux...)", True),
    ],
)
def test_names_tell_stage_and_instruction(
    name: str, stage: str, instruction: str | None, counts: bool
) -> None:
    step = Step("sha256:a", name)

    assert step.stage == stage
    assert step.counts is counts
    if instruction:
        assert step.instruction == instruction


def test_a_pattern_for_a_file_that_may_be_missing_reads_as_the_file() -> None:
    assert Step("sha256:a", "[locks 1/1] COPY backend/uv.loc[k] /").instruction == "COPY backend/uv.lock /"


def test_downloads_are_counted_by_name() -> None:
    progress = Progress()
    said = "Downloading uvloop (4.3MiB)\n Downloaded uvloop\nDownloading big (1.5 GB)\n" * 2

    feed(
        progress,
        vertex(started=STARTED),
        {"logs": [{"vertex": "sha256:a", "data": base64.b64encode(said.encode()).decode()}]},
    )

    assert progress.steps["sha256:a"].downloads == {"uvloop": int(4.3 * 1024**2), "big": 1_500_000_000}


def test_a_step_that_another_build_works_on_too_counts_once_and_as_cached() -> None:
    name = "[dependencies 2/3] RUN uv sync"
    theirs = Step("sha256:a", name)
    stopped = Step("sha256:b", name, error="process did not complete: context canceled")
    ours = Step("sha256:c", name, cached=True)
    other = Step("sha256:d", "[builder 1/1] COPY . .")

    assert once([theirs, stopped, other, ours]) == (ours, other)
    assert once([stopped]) == ()


def test_a_build_tells_the_remarks_of_its_own_steps_once() -> None:
    progress, note = Progress(), "drydock: libnettle.so.8 is not in the image\n"
    said = "".join([note, "note: this is cargo's\n", note, "Compiling\n" * LOG_LINES])
    log = {"vertex": "sha256:a", "data": base64.b64encode(said.encode()).decode()}

    feed(progress, vertex(), {"logs": [log]})

    found = BuildResult("production", "shop:dev", "sha256:1", tuple(progress.steps.values()), 1.0)
    assert found.notes == ("libnettle.so.8 is not in the image",)
