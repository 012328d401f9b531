"""Images on the engine, as far as publishing needs to know them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from drydock import errors
from drydock.engine import Engine


@dataclass(frozen=True)
class LocalImage:
    """An image on the engine.

    Args:
        id: The digest of its configuration, or of its manifest where the engine keeps images in containerd.
        layers: The digests of its uncompressed layers, the lowest first.
        config: User, environment, entry point, labels and so on.
        platform: Such as ``linux/arm64/v8``.
        names: Its names with their tags, as the engine writes them.
    """

    id: str
    layers: tuple[str, ...]
    config: Mapping[str, Any]
    platform: str
    names: tuple[str, ...]

    @property
    def labels(self) -> Mapping[str, str]:
        """The image's labels."""
        labels: Mapping[str, str] = self.config.get("Labels") or {}
        return labels

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration without the labels."""
        return {key: value for key, value in self.config.items() if key != "Labels"}


def find(engine: Engine, reference: str) -> LocalImage:
    """Return an image on the engine.

    Args:
        engine: Where to look.
        reference: A name with or without tag, or an id.

    Raises:
        errors.ImageMissing: There is none of that name.
        errors.EngineGone: The engine does not answer.
    """
    import docker

    with engine_answers(engine):
        try:
            found = engine.sdk.images.get(reference).attrs
        except (docker.errors.ImageNotFound, docker.errors.NullResource) as error:
            raise errors.ImageMissing(reference=reference) from error
    platform = "/".join(filter(None, (found["Os"], found["Architecture"], found.get("Variant"))))
    return LocalImage(
        id=found["Id"],
        layers=tuple(found["RootFS"].get("Layers") or ()),
        config=found["Config"] or {},
        platform=platform,
        names=tuple(found.get("RepoTags") or ()),
    )


@contextmanager
def engine_answers(engine: Engine) -> Iterator[None]:
    """Turn a connection that breaks between here and the engine into the error that says so.

    Raises:
        errors.EngineGone: The connection broke.
    """
    # The SDK lets the exceptions of its HTTP client through.
    import requests

    try:
        yield
    except requests.exceptions.ConnectionError as error:
        raise errors.EngineGone(host=engine.host) from error
    except requests.exceptions.RequestException as error:
        if error.response is not None:
            raise
        raise errors.EngineGone(host=engine.host) from error
