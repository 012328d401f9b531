"""Give images on the engine more names."""

from __future__ import annotations

from collections.abc import Sequence

from drydock import errors
from drydock.engine import Engine
from drydock.publish.local import engine_answers, find
from drydock.publish.reference import parse


def apply(engine: Engine, image: str, references: Sequence[str]) -> None:
    """Give an image more names; nothing changes when one of them is illegal.

    Args:
        engine: Where the image is.
        image: A name or id that it has already.
        references: Full names, each with its tag.

    Raises:
        errors.ImageMissing: There is no such image.
        errors.IllegalTag, errors.IllegalReference: A name does not fit the grammar, or has no tag.
    """
    targets = [parse(reference) for reference in references]
    for target, text in zip(targets, references, strict=True):
        if not target.tag or target.digest:
            raise errors.IllegalReference(reference=text, problem="a new name needs a tag and no digest")
    identity = find(engine, image).id
    with engine_answers(engine):
        for target in targets:
            engine.sdk.api.tag(identity, target.name, target.tag)
