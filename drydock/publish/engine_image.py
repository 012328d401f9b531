"""Images on the engine, as far as publishing needs to know them, and more names for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drydock.engine import Engine
from drydock.engine.errors import ImageMissing
from drydock.publish.errors import IllegalReference
from drydock.publish.reference import parse


@dataclass(frozen=True)
class LocalImage:
    """An image on the engine.

    Args:
        id: The digest of its configuration, or of its manifest where the engine keeps images in containerd.
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
    """Return an image on the engine."""
    import docker

    with engine.answering():
        try:
            found = engine.sdk.images.get(reference).attrs
        except (docker.errors.ImageNotFound, docker.errors.NullResource) as error:
            raise ImageMissing(reference=reference) from error
    platform = "/".join(filter(None, (found["Os"], found["Architecture"], found.get("Variant"))))
    return LocalImage(
        id=found["Id"],
        layers=tuple(found["RootFS"].get("Layers") or ()),
        config=found["Config"] or {},
        platform=platform,
        names=tuple(found.get("RepoTags") or ()),
    )


def tag(engine: Engine, image: str, references: Sequence[str]) -> None:
    """Give an image more names; nothing changes when one of them is illegal."""
    targets = [parse(reference) for reference in references]
    for target in targets:
        if not target.tag or target.digest:
            raise IllegalReference(reference=target, problem="a new name needs a tag and no digest")
    identity = find(engine, image).id
    with engine.answering():
        for target in targets:
            engine.sdk.api.tag(identity, target.name, target.tag)
