"""Output of a build and a wait, on several kinds of terminals and without one."""

from __future__ import annotations

import io
import time
from datetime import datetime, timedelta

import pytest
from rich.console import Console

from drydock.build.events import Step, Update
from drydock.report.progress import Shown, building, running_line, step_line, waiting
from drydock.report.signs import Sign, Signs

NOON = datetime(2026, 1, 2, 12)
SYNC = "[dependencies 2/3] RUN uv sync --frozen"


def finished(name: str = SYNC, seconds: float = 8.4, **values: object) -> Step:
    return Step(f"sha256:{name}", name, started=NOON, completed=NOON + timedelta(seconds=seconds), **values)  # type: ignore[arg-type]


def recorder(width: int = 80, **settings: bool) -> Console:
    return Console(file=io.StringIO(), width=width, highlight=False, **settings)  # type: ignore[arg-type]


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (finished(), "  8.4 s  dependencies RUN uv sync --frozen"),
        (finished(cached=True), " cached  dependencies RUN uv sync --frozen"),
        (finished(error="exit code: 1"), " failed  dependencies RUN uv sync --frozen"),
        (
            finished(downloads={"uvloop": 4_300_000, "ruff": 12_000_000}),
            "  8.4 s  dependencies RUN uv sync --frozen (2 downloads, 16.3 MB)",
        ),
    ],
)
def test_a_finished_step_tells_time_stage_and_instruction(step: Step, line: str) -> None:
    assert step_line(step, 80).plain == line


@pytest.mark.parametrize("width", [10, 40, 80, 200])
def test_a_finished_step_fits_any_width(width: int) -> None:
    line = step_line(finished("[builder 2/3] RUN " + "x" * 500), width)

    assert line.cell_len <= min(width, 120)


def test_a_cached_step_is_dimmed() -> None:
    assert {str(span.style) for span in step_line(finished(cached=True), 80).spans} == {"dim"}


def test_a_running_step_tells_its_downloads_before_its_log() -> None:
    step = Step("sha256:a", SYNC, log=["Downloading uvloop (4.3MiB)"])

    assert running_line(step, 3.2).endswith(
        "3 s  dependencies RUN uv sync --frozen · Downloading uvloop (4.3MiB)"
    )
    step.downloads["uvloop"] = 4_300_000
    assert running_line(step, 3.2).endswith("RUN uv sync --frozen · (1 download, 4.3 MB)")


def test_without_a_terminal_a_build_prints_one_line_a_step() -> None:
    out = recorder()

    with building("production", out) as tell:
        step = finished()
        tell(Update("started", step))
        tell(Update("done", step))

    assert printed(out).splitlines() == ["building production", "  8.4 s  dependencies RUN uv sync --frozen"]


def test_a_build_on_the_way_to_something_else_tells_only_what_runs_and_the_sum() -> None:
    out = recorder()

    with building("production", out, brief=True) as tell:
        tell(Update("done", finished("[locks 1/1] COPY uv.lock /", cached=True)))
        tell(Update("done", finished()))

    lines = ["  8.4 s  dependencies RUN uv sync --frozen", "0 s · production · 2 steps done, 1 cached"]
    assert printed(out).splitlines() == lines


def test_a_step_that_another_build_works_on_too_is_told_once_and_never_as_failed() -> None:
    out = recorder()

    with building("production", out) as tell:
        tell(Update("done", finished()))
        tell(Update("done", finished(error="context canceled")))
        tell(Update("done", finished(cached=True)))

    assert printed(out).splitlines() == ["building production", "  8.4 s  dependencies RUN uv sync --frozen"]


@pytest.mark.parametrize("brief", [False, True])
def test_the_steps_remarks_are_shown_once_at_the_end(brief: bool) -> None:
    out = recorder()
    told = ["[uv.lock] lacks shop"] * 2
    steps = [finished(name, remarks=told) for name in (SYNC, "[a 1/1] RUN true")]

    with building("production", out, brief=brief) as tell:
        for step in steps:
            tell(Update("done", step))

    assert [line for line in printed(out).splitlines() if "lacks" in line] == ["note  [uv.lock] lacks shop"]
    assert printed(out).endswith("note  [uv.lock] lacks shop\n")


def test_a_failed_build_shows_its_remarks_too() -> None:
    out = recorder()

    def fail() -> None:
        with building("production", out) as tell:
            tell(Update("done", finished(error="exit code: 1", remarks=["uv.lock lacks shop"])))
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()

    assert printed(out).endswith("note  uv.lock lacks shop\n")


def test_cached_steps_share_one_line() -> None:
    out = recorder()

    with building("production", out) as tell:
        tell(Update("done", finished("[locks 1/2] COPY uv.lock /", cached=True)))
        tell(Update("done", finished("[locks 2/2] RUN true", cached=True)))
        tell(Update("done", finished()))

    assert printed(out).splitlines()[1:] == ["  8.4 s  dependencies RUN uv sync --frozen", " cached  2 steps"]


@pytest.mark.parametrize("settings", [{"force_terminal": True, "force_interactive": False}, {}])
def test_where_nothing_may_move_no_cursor_moves(settings: dict[str, bool]) -> None:
    out = recorder(**settings)

    with building("production", out) as tell:
        tell(Update("done", finished()))
    with waiting("waiting for /readyz", out) as detail:
        detail("status 503")

    assert "\x1b[2K" not in printed(out)
    assert "\x1b[1A" not in printed(out)


def test_on_a_terminal_the_picture_tells_what_runs_in_words() -> None:
    out = recorder(force_terminal=True, force_interactive=True)

    with building("production", out) as tell:
        tell(Update("started", Step("sha256:a", SYNC)))
        time.sleep(0.3)

    assert "production · 0 steps done, 0 cached" in printed(out)
    assert "dependencies RUN uv sync --frozen" in printed(out)


def test_a_wait_tells_what_for_how_long_and_the_newest_detail() -> None:
    out = recorder(force_terminal=True, force_interactive=True, width=100)

    with waiting("waiting for /readyz", out) as tell:
        tell("status 503")
        time.sleep(0.3)

    assert "0 s · waiting for /readyz · status 503" in printed(out)


def test_a_wait_without_a_terminal_says_first_what_for() -> None:
    out = recorder()

    with waiting("waiting for /readyz", out):
        assert printed(out) == "waiting for /readyz\n"


def test_a_sign_of_life_comes_after_two_seconds_and_then_every_ten() -> None:
    signs = Signs(recorder(), list)

    given = [second for second in range(45) if signs.due(Sign("step", second, ""))]

    assert given == [2, 10, 20, 30, 40]


def test_signs_are_printed_while_something_is_under_way() -> None:
    out = recorder()
    signs = Signs(out, lambda: [Sign("step", 2.5, "3 s [builder] RUN uv sync")])

    signs.start()
    while not printed(out):
        time.sleep(0.05)
    signs.stop()

    assert printed(out) == "3 s [builder] RUN uv sync\n"


def test_a_wait_that_is_repeated_is_announced_once(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Shown()

    for _ in range(2):
        with shown.wait("weighing the image"):
            pass

    assert capsys.readouterr().err.count("weighing the image") == 1
