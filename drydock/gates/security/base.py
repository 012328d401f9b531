"""Check an image's base: its name and digest, and its layers where the image keeps them."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from drydock.engine import Engine
from drydock.gates.expectations.findings import Finding
from drydock.gates.expectations.model import Base
from drydock.gates.security.metadata import matches
from drydock.image import Image

NAME, DIGEST = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Present(NamedTuple):
    """A base as the engine has it now."""

    digests: tuple[str, ...]  # its id and its digests in registries
    diff_ids: tuple[str, ...]  # its layers, from the lowest


def look(engine: Engine, image: Image) -> Present | None:
    """Return the engine's copy of the base that an image names; None without one."""
    import docker

    name = image.config.labels.get(NAME, "")
    try:
        found = engine.sdk.images.get(name).attrs if name else None
    except docker.errors.APIError:
        found = None
    if found is None:
        return None
    registered = [digest.rpartition("@")[2] for digest in found.get("RepoDigests") or ()]
    return Present((found["Id"], *registered), tuple(found["RootFS"].get("Layers") or ()))


def check(image: Image, expected: Base, present: Present | None, targets_base: bool) -> Iterator[Finding]:
    name, digest = image.config.labels.get(NAME, ""), image.config.labels.get(DIGEST, "")
    if not name or not digest:
        missing = NAME if not name else DIGEST
        yield Finding("base", "image", f"does not name its base: the label {missing} is missing")
        return
    if not _DIGEST.fullmatch(digest):
        yield Finding("base", name, f"{digest!r} is not a digest")
    if expected.names and not any(matches(wanted, name) for wanted in expected.names):
        yield Finding("base", name, f"is none of {', '.join(expected.names)}")
    if _floating(name):
        yield Finding("base", name, "names no version: its content changes over time")
    if expected.digests and digest not in expected.digests:
        yield Finding("base", name, f"has the digest {digest}, none of {', '.join(expected.digests)}")
    if present is None:
        return
    lowest = tuple(layer.diff_id for layer in image.layers[: len(present.diff_ids)])
    if digest not in present.digests:
        text = f"is {present.digests[0]} now, and the image is built on {digest}: build again"
        yield Finding("base", name, text)
    elif targets_base and lowest != present.diff_ids:
        yield Finding("base", name, "its layers are not the image's lowest ones, although its label says so")


def _floating(name: str) -> bool:
    last = name.rsplit("/", 1)[-1]
    return "@" not in name and (":" not in last or last.endswith(":latest"))
