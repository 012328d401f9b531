from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from drydock.build import Options
from drydock.gates import reproducible
from drydock.image import Config, Difference, Image
from drydock.image.compare import Change, FileChange
from drydock.verdict import Outcome


def difference(*files: FileChange, added: tuple[Any, ...] = ()) -> Difference:
    return Difference(0, 0, shared=(), removed=(), added=added, packages=(), files=files)


def unasked(path: str) -> str:
    raise AssertionError(f"{path} has the same content in both")


def test_equal_ids_pass() -> None:
    verdict = reproducible.decide(["sha256:1", "sha256:1"], None, unasked)

    assert verdict.outcome is Outcome.PASSED
    assert verdict.summary == "two builds without cache gave sha256:1"


@pytest.mark.parametrize(
    ("podman", "user", "outcome"),
    [
        (True, "10001", Outcome.PASSED),
        (True, "0", Outcome.FAILED),
        (False, "10001", Outcome.FAILED),
    ],
)
def test_podmans_time_of_a_build_is_no_difference(
    podman: bool, user: str, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ids differ each time; another user is a difference all the same."""
    settings = {"1": Config.of({"created": "2026"}, {"User": "10001"}), "2": Config.of({}, {"User": user})}
    built = iter(settings)
    monkeypatch.setattr(reproducible.images, "read", lambda _, name: Image(name, name, settings[name], ()))
    subject: Any = SimpleNamespace(
        engine=SimpleNamespace(podman=podman, sdk=MagicMock()),
        workspace=SimpleNamespace(build_args=dict),
        options=Options,
        build=lambda *_: SimpleNamespace(image_id=next(built)),
        say=print,
    )

    assert reproducible.judge(subject).outcome is outcome


@pytest.mark.parametrize("commit", [{}, {"SOURCE_DATE_EPOCH": "1700000000"}])
def test_both_builds_have_one_time(commit: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproducible.time, "time", itertools.count(1_800_000_000).__next__)
    times: list[str] = []

    def build(_: str, options: Options) -> SimpleNamespace:
        times.append(options.build_args["SOURCE_DATE_EPOCH"])
        return SimpleNamespace(image_id="1")

    subject: Any = SimpleNamespace(
        engine=SimpleNamespace(podman=False, sdk=MagicMock()),
        workspace=SimpleNamespace(build_args=lambda: commit),
        options=Options,
        build=build,
    )

    assert reproducible.judge(subject).outcome is Outcome.PASSED
    assert times[0] == times[1]
    assert times[0] == commit.get("SOURCE_DATE_EPOCH", times[0])


def test_the_first_differing_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = difference(
        FileChange(Change.CHANGED, "/usr/lib/b.py", ("mtime",), 0),
        FileChange(Change.ADDED, "/app/a.py", (), 3),
    )
    monkeypatch.setattr(reproducible.images, "diff", lambda *_: changed)
    pair: Any = [SimpleNamespace(config=1), SimpleNamespace(config=1)]

    verdict = reproducible.decide(["sha256:1", "sha256:2"], pair, unasked)

    assert verdict.outcome is Outcome.FAILED
    assert verdict.summary == "two builds without cache differ: /app/a.py (added)"
    assert verdict.details == ("/app/a.py (added)", "/usr/lib/b.py (mtime)")


def test_the_first_file_with_another_content_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = difference(
        FileChange(Change.CHANGED, "/usr/lib/b.py", ("sha256", "size"), 1),
        FileChange(Change.CHANGED, "/app/later.py", ("mtime",), 0),
    )
    monkeypatch.setattr(reproducible.images, "diff", lambda *_: changed)
    pair: Any = [SimpleNamespace(config=1), SimpleNamespace(config=1)]

    verdict = reproducible.decide(["sha256:1", "sha256:2"], pair, lambda path: f"-old {path}")

    assert verdict.evidence == "-old /usr/lib/b.py"


def test_a_layer_with_the_same_files_in_another_order_is_named() -> None:
    layer = SimpleNamespace(instruction="COPY /runtime/ /")
    image: Any = SimpleNamespace(config=1)

    lines = reproducible.explain(difference(added=(layer,)), image, image)

    assert lines == ("the layer of `COPY /runtime/ /`: same files, other order",)


def test_a_configuration_that_differs_is_named() -> None:
    first: Any = SimpleNamespace(config=1)
    second: Any = SimpleNamespace(config=2)

    assert reproducible.explain(difference(), first, second)[0].startswith("the configuration: ")
