"""Pushes of one image under several names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drydock.engine import Engine
from drydock.publish import push
from drydock.publish.push import Pushed
from drydock.publish.reference import parse


def push_all(engine: Engine, image: str, references: Sequence[str], **options: Any) -> Pushed:
    """Push an image under its first name, then add the other names on the registry, as a push plan does."""
    first, *others = references
    pushed = push.push(engine, first, image=image, **options)
    with push.registry(engine, parse(first)) as client:
        for reference in others:
            push.move(client, parse(reference), pushed.digest)
    return pushed
