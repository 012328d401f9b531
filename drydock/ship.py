"""Send a built image to a registry, once every gate has passed for exactly its content."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from drydock import errors
from drydock import image as images
from drydock.gates import runner
from drydock.pipeline import Pipeline
from drydock.publish.push import Permissions, Pushed, Tell, push


def ship(
    pipeline: Pipeline,
    target: str,
    registry: str,
    permissions: Permissions,
    *,
    force: str = "",
    follow: Callable[[str], AbstractContextManager[Tell]],
) -> list[Pushed]:
    """Push a target under all its tags, the ones that never move first.

    Args:
        pipeline: Knows engine and project.
        target: The target; it must have been built.
        registry: Where to; the project's own registry when empty.
        permissions: What may be pushed although it should not be.
        force: Why an image without receipts is pushed; empty when it is not.
        follow: Called with each reference; gives what takes the push's progress while it lasts.

    Raises:
        errors.NoRegistry: Neither the caller nor the project names one.
        errors.ImageMissing: The target was not built.
        errors.ReceiptsMissing: A gate has yet to pass for this content.
    """
    where = registry or pipeline.project.registry
    if not where:
        raise errors.NoRegistry()
    local = pipeline.project.reference(target)
    found = runner.missing(pipeline.project, images.read(pipeline.engine, local), target)
    if found and not force:
        raise errors.ReceiptsMissing(
            reference=local,
            reasons=", ".join(map(str, found)),
            sessions=" ".join(gate.gate for gate in found),
        )
    names = pipeline.names(registry=where, allow_dirty=permissions.dirty)
    pushed = []
    for name in names:
        with follow(name) as tell:
            pushed.append(push(pipeline.engine, name, tell, image=local, permissions=permissions))
    return pushed
