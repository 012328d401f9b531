"""Facts about a build, kept from when it happened for the provenance of its image.

An image may be signed days later, when engine, base and buildx are others than those that built it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drydock import state
from drydock.build import Options
from drydock.engine import Engine
from drydock.project.git import Checkout
from drydock.publish.buildkit import recorded
from drydock.publish.provenance import Predicate, dependencies, observed, predicate
from drydock.state.sealed import Sealed, Untrusted

if TYPE_CHECKING:
    from drydock.base import Base


def describe(
    engine: Engine,
    checkout: Checkout,
    base: Base,
    options: Options,
    added: frozenset[str],
    metadata: Mapping[str, Any],
) -> Predicate:
    """Say how an image was built: in BuildKit's own words where buildx told them, else in drydock's.

    Args:
        added: The names of the build arguments that drydock added by itself.
        metadata: The file that buildx wrote about the build.

    Raises:
        errors.EngineGone: The engine does not answer.
    """
    build = observed(engine, options.target, options.build_args, options.platforms, added)
    return recorded(metadata, build.builder, dependencies(checkout, base)) or predicate(checkout, base, build)


def keep(image: str, made: Predicate) -> None:
    """Keep how an image was built; a later build that gave the same image changes nothing."""
    # A build is as good where the state folder cannot be written.
    with suppress(OSError):
        if not _path(image).exists():
            state.prune("builds")
            Sealed().write(_path(image), {"predicate": made})


def known(image: str) -> bool:
    """Tell whether it is known how an image was built."""
    return _path(image).exists()


def find(image: str) -> Predicate | None:
    """Return how an image was built; None where this machine has not written it down."""
    try:
        made: Predicate = Sealed().read(_path(image))["predicate"]
    except (FileNotFoundError, Untrusted):
        return None
    return made


def _path(image: str) -> Path:
    return state.folder("builds") / f"{image.removeprefix('sha256:')}.json"
