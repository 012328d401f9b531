from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drydock.image import Config, Image, content_digest, read_archive
from drydock.image.cache import Cache
from tests.image.making import docker_archive, files_tar, write_archive

MakeImage = Callable[..., Image]

LAYERS = [files_tar({"a": "1"}), files_tar({"b": "2"})]


@pytest.fixture
def image_of(tmp_path: Path, cache: Cache) -> MakeImage:
    """Return a function that makes an image from layers and settings."""

    def make(layers: list[bytes] = LAYERS, **config: Any) -> Image:
        return read_archive(write_archive(tmp_path / "i.tar", docker_archive(layers, **config)), cache=cache)

    return make


def test_labels_do_not_count(image_of: MakeImage) -> None:
    assert content_digest(image_of(Labels={"revision": "a"})) == content_digest(image_of())


def test_order_of_layers_counts(image_of: MakeImage) -> None:
    assert content_digest(image_of(LAYERS[::-1])) != content_digest(image_of())


@pytest.mark.parametrize(
    "config",
    [
        {"User": "10001"},
        {"Env": ["A=1"]},
        {"Entrypoint": ["/start"]},
        {"Cmd": ["serve"]},
        {"WorkingDir": "/app"},
        {"ExposedPorts": {"8000/tcp": {}}},
        {"Volumes": {"/data": {}}},
        {"StopSignal": "SIGINT"},
        {"Healthcheck": {"Test": ["CMD", "/probe"], "Interval": 10}},
        {"Shell": ["/bin/sh", "-c"]},
        {"OnBuild": ["RUN x"]},
    ],
)
def test_every_setting_counts(image_of: MakeImage, config: dict[str, Any]) -> None:
    assert content_digest(image_of(**config)) != content_digest(image_of())


def test_empty_settings_are_as_absent_ones(image_of: MakeImage) -> None:
    # An engine's inspection writes null, "" and 0 for absent settings.
    empty = {"User": "", "Env": None, "Cmd": [], "Volumes": None, "Healthcheck": {"Interval": 0}}
    assert content_digest(image_of(**empty)) == content_digest(image_of())


def test_creation_time_does_not_count() -> None:
    outer = {"architecture": "amd64", "os": "linux"}
    images = [
        Image("i", "sha256:1", Config.of(outer | {"created": time}, {}), ())
        for time in ("2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z")
    ]
    assert content_digest(images[0]) == content_digest(images[1])


def test_platform_counts() -> None:
    images = [
        Image("i", "sha256:1", Config.of({"architecture": name, "os": "linux"}, {}), ())
        for name in ("amd64", "arm64")
    ]
    assert content_digest(images[0]) != content_digest(images[1])
