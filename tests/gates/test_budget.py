from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from drydock.gates.budget import Comparison, judge, mb
from drydock.image import Image, read_archive
from drydock.image.cache import Cache
from drydock.project import MB, Budget, Growth
from drydock.verdict import Outcome
from tests.image.making import docker_archive, files_tar, write_archive

SITE = "lib/python3.13/site-packages"


def image_of(*layers: bytes) -> Image:
    with tempfile.TemporaryDirectory() as name:
        archive = write_archive(Path(name) / "image.tar", docker_archive(layers))
        return read_archive(archive, cache=Cache(Path(name)))


@pytest.fixture(scope="module")
def image() -> Image:
    """1.2 MB on disk: a runtime, and a distribution with more than half of it."""
    runtime = files_tar({"usr/bin/python3": "x" * 400_000})
    site = files_tar(
        {f"{SITE}/openai/big.py": "x" * 750_000, f"{SITE}/openai-1.dist-info/RECORD": "openai/big.py,,"}
    )
    return image_of(runtime, site)


def test_within_budget_names_both_sizes_and_the_room_left(image: Image) -> None:
    verdict = judge(image, Budget(2 * MB, MB), "production")
    assert verdict.outcome is Outcome.PASSED
    assert verdict.summary == (
        f"production: {mb(image.on_disk)} on disk of 2.0 MB ({mb(2 * MB - image.on_disk)} left); "
        f"{image.on_wire} B on the wire of 1.0 MB (1.0 MB left)"
    )
    assert verdict.details[0].startswith("layer ")


def test_exactly_the_budget_passes(image: Image) -> None:
    assert judge(image, Budget(image.on_disk, image.on_wire), "production").passed


def test_one_byte_above_fails_and_names_the_byte(image: Image) -> None:
    verdict = judge(image, Budget(image.on_disk - 1), "production")
    assert verdict.outcome is Outcome.FAILED
    budget = mb(image.on_disk - 1)
    assert verdict.summary == f"production: {mb(image.on_disk)} on disk, 1 B above its budget of {budget}"


def test_excess_names_which_size(image: Image) -> None:
    verdict = judge(image, Budget(2 * MB, image.on_wire - 7), "slim")
    assert verdict.summary.startswith(f"slim: {image.on_wire} B on the wire, 7 B above its budget of")
    assert "on disk" not in verdict.summary


def test_excess_names_the_heaviest_layer_and_package(image: Image) -> None:
    details = judge(image, Budget(MB), "production").details
    assert details[0].startswith("layer 0.8 MB on disk")
    assert "python 0.8 MB on disk: openai 1" in details


def test_size_without_a_budget_is_reported_only(image: Image) -> None:
    verdict = judge(image, Budget(2 * MB), "production")
    assert verdict.summary.endswith(f"{image.on_wire} B on the wire")


@pytest.mark.parametrize(("most", "outcome"), [(100_000, Outcome.PASSED), (99_999, Outcome.FAILED)])
def test_growth_is_judged_against_another_image(image: Image, most: int, outcome: Outcome) -> None:
    base = Comparison("the base", image.on_disk - 100_000, None, Growth(most))
    verdict = judge(image, Budget(2 * MB), "production", comparisons=[base])
    assert verdict.outcome is outcome
    assert "0.1 MB on disk more than the base" in verdict.summary


def test_growth_within_its_limit_says_how_much_is_left(image: Image) -> None:
    base = Comparison("the base", image.on_disk - 100_000, None, Growth(300_000))
    verdict = judge(image, Budget(2 * MB), "slim", comparisons=[base], notes=["and more"])
    assert verdict.summary.endswith(
        "; 0.1 MB on disk more than the base, at most 0.3 MB (0.2 MB left); and more"
    )


def test_efficiency_is_told_when_all_is_well_too(image: Image) -> None:
    assert "efficiency 1.000, 0.0 MB wasted" in judge(image, Budget(2 * MB), "slim").details


def test_growth_on_the_wire_is_judged_apart(image: Image) -> None:
    main = Comparison("main", image.on_disk, image.on_wire - 10, Growth(0, 9))
    verdict = judge(image, Budget(2 * MB), "production", comparisons=[main])
    assert verdict.summary == "production: 10 B on the wire more than main, 1 B above its budget of 9 B"


def test_shrinking_is_no_excess_and_is_called_less(image: Image) -> None:
    main = Comparison("main", image.on_disk + 500_000, None, Growth(0))
    verdict = judge(image, Budget(2 * MB), "production", comparisons=[main])
    assert verdict.passed
    assert verdict.summary.endswith("; 0.5 MB on disk less than main")


def test_bytes_stored_in_vain_fail_and_are_named() -> None:
    image = image_of(files_tar({"cache/a": "x" * 50_000, "b": "x" * 950_000}), files_tar({".wh.cache": ""}))
    verdict = judge(image, Budget(2 * MB), "production")
    assert verdict.outcome is Outcome.FAILED
    assert "efficiency 0.950, below 0.98" in verdict.summary
    assert any(line.endswith("/cache/a (1 times in the layers)") for line in verdict.details)


def test_measurements_hold_every_figure(image: Image) -> None:
    measured = judge(image, Budget(MB), "production").measurements
    assert (measured["on_disk"], measured["on_wire"]) == (image.on_disk, image.on_wire)
    assert measured["checks"][0] == {
        "name": "on disk",
        "value": image.on_disk,
        "limit": MB,
        "excess": image.on_disk - MB,
    }
    assert [layer["instruction"] for layer in measured["layers"]] == ["COPY layer-0 /", "COPY layer-1 /"]
    assert sum(measured["packages"].values()) >= 750_000


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0.0 MB"),
        (1, "1 B"),
        (49_999, "49999 B"),
        (50_001, "0.1 MB"),
        (150 * MB, "150.0 MB"),
        (-7, "-7 B"),
    ],
)
def test_megabytes_never_round_a_size_to_nothing(size: int, text: str) -> None:
    assert mb(size) == text
