"""Remove tests' images by name: equal content has equal ids, and may belong to a user."""

from __future__ import annotations

import uuid
from contextlib import suppress

import docker

from drydock.engine import Engine


def remove_reference(engine: Engine, reference: str) -> None:
    """Remove one name if it exists; content with other names stays."""
    with suppress(docker.errors.ImageNotFound):
        engine.sdk.images.remove(reference)


def remove_repository(engine: Engine, repository: str) -> None:
    """Remove every tag and digest reference of one repository."""
    for image in engine.sdk.images.list(name=repository):
        _remove(
            engine, [name for name in _names(image) if name.startswith((f"{repository}:", f"{repository}@"))]
        )


def remove_unnamed(engine: Engine, image_id: str) -> None:
    """Remove a test's unnamed image, unless it has got a name since."""
    repository = f"drydock-test-{uuid.uuid4().hex[:12]}"
    with suppress(docker.errors.ImageNotFound):
        engine.sdk.images.get(image_id).tag(repository, "1")
    remove_reference(engine, f"{repository}:1")


def remove_unique(engine: Engine, image_id: str) -> None:
    """Remove an image with all its names; its content is random, so every name belongs to the test."""
    with suppress(docker.errors.ImageNotFound):
        _remove(engine, _names(engine.sdk.images.get(image_id)))
    remove_unnamed(engine, image_id)


def _names(image: docker.models.images.Image) -> list[str]:
    return [*image.tags, *(image.attrs.get("RepoDigests") or ())]


def _remove(engine: Engine, names: list[str]) -> None:
    for name in names:
        remove_reference(engine, name)
