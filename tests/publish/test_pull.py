"""Images read straight from a registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from drydock import image as images
from drydock.engine import Engine
from drydock.image.cache import Cache
from drydock.publish import pull
from drydock.publish.errors import NotPulled
from drydock.publish.reference import parse
from tests.support import registry as real
from tests.support.pushes import push_all


@pytest.mark.live
def test_an_image_on_a_registry_is_the_one_that_was_pushed(
    engine: Engine, plain: real.Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with (
        real.tiny_image(engine, platform="linux/arm64") as other,
        real.tiny_image(engine, platform="linux/amd64") as image,
    ):
        name = f"{plain.address}/pulled/both:1"
        push_all(engine, other, [name], others=[image])
        local = images.read(engine, image)

    folder = pull.layout(engine, parse(name), tmp_path / "layout")

    found = images.read_archive(folder, cache=Cache(tmp_path / "cache"))
    assert images.content_digest(found) == images.content_digest(local)
    assert dict(pull.labels(engine, parse(name))) == dict(local.config.labels)


@pytest.mark.live
def test_an_image_that_is_nowhere_is_named(
    engine: Engine, plain: real.Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    name = f"{plain.address}/pulled/nothing:1"

    with pytest.raises(NotPulled, match=f"{name} is neither on this engine nor on its registry"):
        pull.layout(engine, parse(name), tmp_path / "layout")


@pytest.mark.parametrize("text", ["shop:1", "library/shop", "sha256:" + "ab" * 32, "shop"])
def test_a_name_without_a_registry_is_looked_up_nowhere(text: str) -> None:
    assert pull.named(text) is None


@pytest.mark.parametrize("text", ["ghcr.io/acme/shop", "localhost/shop:1", "127.0.0.1:5000/shop"])
def test_a_name_with_a_registry_is_a_reference(text: str) -> None:
    assert str(pull.named(text)) == text
