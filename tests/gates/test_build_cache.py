from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from drydock.build import BuildResult, Step
from drydock.gates.build_cache import decide, touch_lock, touch_source
from drydock.project import lock as locks
from drydock.verdict import Outcome
from tests.conftest import MakeProject

START = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
INSTALL = "[builder 1/2] RUN uv sync --frozen"
COPY = "[production 1/1] COPY backend /app"


def built(seconds: float, **cached: bool) -> BuildResult:
    names = {"install": INSTALL, "copy": COPY}
    steps = tuple(
        Step(key, names[key], cached=hit, started=START, completed=START + timedelta(seconds=1))
        for key, hit in cached.items()
    )
    return BuildResult("production", "", "sha256:1", steps, seconds)


def results(**changes: BuildResult) -> dict[str, BuildResult]:
    normal = {
        "cold": built(40, install=False, copy=False),
        "unchanged": built(1, install=True, copy=True),
        "source changed": built(4, install=True, copy=False),
        "dependency changed": built(20, install=False, copy=False),
    }
    return normal | {key.replace("_", " "): result for key, result in changes.items()}


def test_a_source_change_that_installs_nothing_passes() -> None:
    verdict = decide(results())

    assert verdict.outcome is Outcome.PASSED
    assert verdict.summary == "a source change rebuilds in 10% of the cold time and installs nothing again"


def test_a_source_change_that_installs_again_fails() -> None:
    verdict = decide(results(source_changed=built(20, install=False, copy=False)))

    assert verdict.outcome is Outcome.FAILED
    assert "ran a dependency step again: RUN uv sync" in verdict.summary


def test_a_source_change_that_builds_nothing_fails() -> None:
    verdict = decide(results(source_changed=built(1, install=True, copy=True)))

    assert verdict.summary == "a changed source file ran no step: it is not in the image"


def test_an_unchanged_build_that_runs_a_step_fails() -> None:
    assert decide(results(unchanged=built(1, install=True, copy=False))).outcome is Outcome.FAILED


def test_a_cold_build_from_the_cache_fails() -> None:
    assert decide(results(cold=built(1, install=True, copy=False))).outcome is Outcome.FAILED


def test_a_changed_lock_that_installs_nothing_fails() -> None:
    assert decide(results(dependency_changed=built(1, install=True, copy=False))).outcome is Outcome.FAILED


def test_without_a_dependency_step_nothing_is_proven() -> None:
    copies = {name: built(1, copy=name == "unchanged") for name in results()}

    assert decide(copies).outcome is Outcome.COULD_NOT_CHECK


def test_the_source_that_is_changed_may_lie_below_src(make_project: MakeProject) -> None:
    table = '[tool.drydock]\nentry-point = "shop.main:app"\n'
    project = make_project({"pyproject.toml": table, "src/shop/main.py": "app = None\n"})

    touch_source(project, project.root)

    assert "\n# changed by nox -s build_cache: " in (project.root / "src/shop/main.py").read_text()


@pytest.mark.parametrize("name", ["uv.lock", "Pipfile.lock"])
def test_a_changed_lock_pins_what_it_pinned(name: str, make_project: MakeProject) -> None:
    texts = {
        "uv.lock": '[[package]]\nname = "fastapi"\nversion = "0.165.0"\n',
        "Pipfile.lock": '{"default": {"fastapi": {"version": "==0.165.0"}}}\n',
    }
    project = replace(make_project({name: texts[name]}), lock=name)

    touch_lock(project, project.root)

    text = locks.find(project).read_text()
    assert text != texts[name]
    assert locks.pins(name, text) == locks.pins(name, texts[name]) == {"fastapi": "0.165.0"}
