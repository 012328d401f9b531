"""Progress of a pull."""

from __future__ import annotations

import pytest

from drydock.base import pull
from drydock.engine import Engine
from tests.support.registry import Registry, tiny_image


def test_layers_are_told_when_they_are_there_and_their_sum_in_between() -> None:
    lines: list[str] = []
    moment = [0.0]
    layers = pull.Layers(lines.append, lambda: moment[0])

    for moment[0], arrived in ((1.0, 1_000_000), (3.0, 2_500_000)):
        detail = {"current": arrived, "total": 4_000_000}
        layers({"status": "Downloading", "id": "a", "progressDetail": detail})
    layers({"status": "Download complete", "id": "a"})
    layers({"status": "Pull complete", "id": "a"})
    layers({"status": "Already exists", "id": "b"})

    assert lines == ["  2.5 of 4.0 MB, 0 layers there", "  a: pulled, 4.0 MB", "  b: there already"]


@pytest.mark.live
def test_a_pull_names_every_layer(engine: Engine, plain: Registry) -> None:
    lines: list[str] = []
    # Too large to arrive whole with the first request, which only checks that the registry answers.
    with tiny_image(engine, size=30_000_000) as image:
        reference = f"{plain.address}/team/pulled:1"
        engine.sdk.images.get(image).tag(reference)
        engine.sdk.images.push(reference)
    try:
        assert pull.pull(engine, reference, lines.append) is None
    finally:
        engine.sdk.images.remove(reference)

    assert len([line for line in lines if "pulled" in line]) == 1


@pytest.mark.live
@pytest.mark.parametrize("known", [True, False], ids=["named before", "new"])
def test_a_pull_for_another_platform_leaves_the_name_as_it_was(
    known: bool, engine: Engine, plain: Registry
) -> None:
    images = engine.sdk.images
    with tiny_image(engine, platform="linux/arm64") as other, tiny_image(engine) as own:
        reference, apart = f"{plain.address}/team/{other}", f"{other}-arm64"
        images.get(other).tag(reference)
        images.push(reference)
        pushed = images.get(other).id
        images.remove(reference)
        if known:
            images.get(own).tag(reference)

        assert pull.pull(engine, reference, lambda _: None, "linux/arm64", apart) is None

        assert images.get(apart).id == pushed
        assert [image.id for image in images.list(name=reference)] == [images.get(own).id] * known
        if known:
            images.remove(reference)
        images.remove(apart)
