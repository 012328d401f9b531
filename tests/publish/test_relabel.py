from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from drydock.publish.engine_image import LocalImage, arguments, difference

BEFORE = LocalImage(
    id="sha256:1",
    layers=("sha256:a", "sha256:b"),
    config={"User": "10001", "Env": ["A=1"], "Labels": {"kept": "1"}},
    platform="linux/arm64/v8",
    names=("todo:dev",),
)


def test_the_builder_inside_the_engine_makes_an_untagged_image() -> None:
    assert arguments({"b": "2", "a": "1 $x"}, "linux/arm64/v8", "default", Path("/out")) == [
        "docker",
        "buildx",
        "build",
        "--builder=default",
        "--pull=false",
        "--load",
        "--provenance=false",
        "--metadata-file=/out/metadata",
        "--platform=linux/arm64/v8",
        "--iidfile=/out/id",
        "--label=a=1 $x",
        "--label=b=2",
        "/out",
    ]


def changed(**config: object) -> LocalImage:
    labels = {"kept": "1", "new": "2"}
    return replace(BEFORE, id="sha256:2", config={**BEFORE.config, "Labels": labels, **config})


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (changed(), ""),
        (replace(changed(), layers=("sha256:a",)), "the layers would change"),
        (changed(User="", Env=[]), "Env and User would change"),
        (changed(OnBuild=["RUN x"]), "OnBuild would change"),
        (changed(Labels={"new": "2"}), "BuildKit set other labels"),
    ],
)
def test_anything_but_the_wanted_labels_is_a_difference(after: LocalImage, expected: str) -> None:
    assert difference(BEFORE, after, {"new": "2"}) == expected
