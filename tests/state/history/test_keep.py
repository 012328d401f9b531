"""Records of the workspace and the gates in the history."""

from __future__ import annotations

from pathlib import Path

from drydock import recorder
from drydock.build import BuildResult, Step
from drydock.image import content_digest, read_archive
from drydock.image.cache import Cache
from drydock.progress import silent
from drydock.project.git import Checkout
from drydock.state.history import History, Origin, StepTime
from drydock.verdict import Outcome, Verdict
from tests.conftest import MakeProject
from tests.image.making import docker_archive, files_tar, write_archive
from tests.state.history.samples import ORIGIN


def test_a_build_belongs_to_its_image_name_target_branch_and_commit(make_project: MakeProject) -> None:
    source = Checkout("abc", True, None, "", "feature")

    assert recorder.origin(make_project({}), source, "slim") == Origin("shop", "slim", "feature", "abc", True)


def test_a_build_is_remembered_with_its_steps() -> None:
    step = Step("sha256:1", "[builder 2/3] RUN --mount=type=cache,target=/cache uv sync", cached=True)

    recorder.build(ORIGIN, BuildResult("production", "shop:dev", "sha256:one", (step,), 2.5), silent)

    (found,) = History().builds("shop")
    assert (found.image_id, found.seconds, found.cached) == ("sha256:one", 2.5, 1)
    assert found.steps == (StepTime("builder", "RUN uv sync", 0.0, True),)


def test_a_build_that_failed_is_remembered_with_its_reason_and_shown_to_who_asks() -> None:
    recorder.build(ORIGIN, BuildResult("production", "shop:dev", "sha256:one", (), 2.5), silent)
    recorder.failure(ORIGIN, 3.0, "no space is left", silent)

    assert [one.fault for one in History().builds("shop", failed=True)] == ["no space is left", ""]
    assert [one.image_id for one in History().builds("shop")] == ["sha256:one"]


def test_an_image_is_remembered_by_layer_and_package(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "i.tar", docker_archive([files_tar({"app/a.py": "x" * 700})]))
    image = read_archive(archive, cache=Cache(tmp_path / "cache"))
    recorder.build(ORIGIN, BuildResult("production", "shop:dev", image.id, (), 2.5), silent)

    recorder.remember(image, silent)

    (found,) = History().builds("shop")
    assert found.image == recorder.weigh(image)
    assert found.image.content == content_digest(image)
    assert [(one.source, one.name, one.size) for one in found.image.packages] == [("folder", "/app", 700)]
    assert [layer.on_disk for layer in found.image.layers] == [image.on_disk]


def test_a_verdict_is_remembered() -> None:
    said = Verdict("smoke", Outcome.FAILED, "404 at /", ("GET / answered 404",), seconds=3.0)

    recorder.verdict(ORIGIN, "content", said, silent)

    (found,) = History().latest_verdicts("shop")
    assert (found.verdict, found.content, found.origin) == (said, "content", ORIGIN)
