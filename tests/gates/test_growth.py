from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drydock.detect.project import load
from drydock.gates import budget, size_budget
from drydock.gates.subject import Subject
from drydock.image import Image, content_digest, read_archive
from drydock.image.cache import Cache
from drydock.project import MB, Budget, Growth, Project
from drydock.project.compression import GZIP
from drydock.recorder import weigh
from drydock.state.errors import HistoryUnreadable
from drydock.state.history import Build, History, Judged, Origin
from drydock.verdict import Outcome, Verdict
from tests.conftest import write_files
from tests.image.making import docker_archive, files_tar, write_archive

MAIN = Origin("shop", "production", "main", "0123456789abcdef")
OVER_MAIN = Budget(10 * MB, over_main=Growth(1000, 50))
MakeImage = Callable[[int], Image]


@pytest.fixture
def make_image(tmp_path: Path) -> MakeImage:
    """Return a function that makes an image with a file of a given number of bytes."""

    def make(size: int) -> Image:
        archive = write_archive(tmp_path / f"{size}.tar", docker_archive([files_tar({"app": "x" * size})]))
        return read_archive(archive, cache=Cache(tmp_path / "cache"))

    return make


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load(write_files(tmp_path / "shop", {"pyproject.toml": '[project]\nname = "shop"\n'}))


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """An empty history to measure growth against."""
    made = History(tmp_path / "history.sqlite3")
    monkeypatch.setattr(size_budget, "History", lambda: made)
    return made


def remember(
    history: History, image: Image, at: float, outcome: Outcome = Outcome.PASSED, origin: Origin = MAIN
) -> None:
    """Add a build of an image and its size gate's verdict to a history."""
    history.add_build(Build(at, origin, image.id, 1.0))
    history.add_image(weigh(image))
    said = budget.judge(image, Budget(10 * MB), origin.target)
    verdict = Verdict(budget.GATE, outcome, said.summary, measurements=said.measurements)
    history.add_verdict(Judged(at, origin, content_digest(image), verdict))


def never() -> Any:
    raise AssertionError("nobody wants this image")


def judged(
    image: Image,
    project: Project,
    allowed: Budget = OVER_MAIN,
    base: Callable[[], Image] = never,
    mainline: Callable[[], tuple[str, Image] | None] = never,
) -> Verdict:
    weighed = replace(project, budgets={"production": allowed})
    facts = {"image": lambda _: image, "project": lambda _: weighed, "name": lambda _: "production"}
    found = {"base": lambda _: base(), "main": lambda _: mainline()}
    stand_in = type("StandIn", (Subject,), {name: property(ask) for name, ask in (facts | found).items()})
    return size_budget.judge(stand_in(None, "production"))


def test_growth_over_main_fails_and_names_what_it_is_measured_by(
    history: History, project: Project, make_image: MakeImage
) -> None:
    remember(history, make_image(20_000), at=1_800_000_000)
    verdict = judged(make_image(90_000), project)
    assert verdict.outcome is Outcome.FAILED
    assert "0.1 MB on disk more than main of 2027-01-15, " in verdict.summary
    assert "above its budget of 1000 B" in verdict.summary


def test_growth_within_its_limits_passes(history: History, project: Project, make_image: MakeImage) -> None:
    remember(history, make_image(90_000), at=1_800_000_000)
    assert judged(make_image(90_001), project).passed
    assert judged(make_image(20_000), project).passed


def test_a_first_image_passes_and_says_that_nothing_was_compared(
    history: History, project: Project, make_image: MakeImage
) -> None:
    verdict = judged(make_image(20_000), project, mainline=lambda: None)
    assert verdict.passed
    assert verdict.summary.endswith("; growth is not weighed: main has no image before this one")


def test_without_a_history_growth_is_measured_by_a_build_of_the_main_branch(
    history: History, project: Project, make_image: MakeImage
) -> None:
    before = ("main of 2027-01-15", make_image(20_000))
    verdict = judged(make_image(90_000), project, mainline=lambda: before)
    assert verdict.outcome is Outcome.FAILED
    assert "0.1 MB on disk more than main of 2027-01-15, " in verdict.summary
    assert judged(make_image(20_001), project, mainline=lambda: before).passed


def test_what_was_refused_or_never_committed_is_no_measure(
    history: History, project: Project, make_image: MakeImage
) -> None:
    remember(history, make_image(20_000), at=1)
    for at, (outcome, origin) in enumerate(
        [
            (Outcome.FAILED, MAIN),
            (Outcome.COULD_NOT_CHECK, MAIN),
            (Outcome.PASSED, replace(MAIN, dirty=True)),
            (Outcome.PASSED, replace(MAIN, branch="feature")),
            (Outcome.PASSED, replace(MAIN, target="slim")),
            (Outcome.PASSED, replace(MAIN, project="other")),
        ],
        start=2,
    ):
        remember(history, make_image(80_000 + at), at, outcome, origin)
    assert not judged(make_image(90_000), project).passed


def test_an_image_of_main_is_measured_by_the_one_before(
    history: History, project: Project, make_image: MakeImage
) -> None:
    remember(history, make_image(20_000), at=1)
    image = make_image(90_000)
    # As the gate leaves it: built, and then refused or passed by other limits.
    remember(history, image, at=2)
    assert not judged(image, project).passed


def test_sizes_on_the_wire_compare_only_when_compressed_alike(
    history: History, project: Project, make_image: MakeImage, tmp_path: Path
) -> None:
    make_image(20_000)
    zipped = read_archive(tmp_path / "20000.tar", compression=GZIP, cache=Cache(tmp_path / "cache"))
    remember(history, zipped, at=1)
    verdict = judged(make_image(20_001), project)
    assert "on the wire more than" not in verdict.summary
    assert verdict.summary.endswith(
        "; growth on the wire is not weighed: main of 1970-01-01 is compressed otherwise"
    )


def test_growth_over_the_base_is_judged(history: History, project: Project, make_image: MakeImage) -> None:
    allowed = Budget(10 * MB, over_base=Growth(on_disk=60_000))
    verdict = judged(make_image(90_000), project, allowed, base=lambda: make_image(20_000))
    assert verdict.outcome is Outcome.FAILED
    assert "0.1 MB on disk more than the base, " in verdict.summary


def test_a_history_that_cannot_be_read_is_no_pass(
    history: History, project: Project, make_image: MakeImage
) -> None:
    history.path.write_text("no database")
    with pytest.raises(HistoryUnreadable):
        judged(make_image(20_000), project)
