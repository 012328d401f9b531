"""Two builds of one source with empty caches must be the same image; where not, the first file tells why."""

from __future__ import annotations

import time

from drydock import image as images
from drydock.build import Options, build
from drydock.engine import Engine
from drydock.gates.cache import Follow
from drydock.gates.verdict import Outcome, Verdict
from drydock.image import Difference, Image
from drydock.project import Project

GATE = "reproducible"
SHOWN = 20


def run(engine: Engine, project: Project, options: Options, follow: Follow) -> Verdict:
    """Build twice from nothing and compare.

    Args:
        engine: Where to build.
        project: What to build.
        options: How; its target is the one that is judged. The user's caches are not touched.
        follow: Called with each build's name; its context gives what takes the build's updates.
    """
    began = time.monotonic()
    chosen = options.but(reference="", no_cache=True)
    ids = []
    for name in ("first", "second"):
        with follow(name) as on_update:
            ids.append(build(engine, project, chosen, on_update).image_id)
    try:
        pair = None if ids[0] == ids[1] else [images.read(engine, image_id) for image_id in ids]
        return judge(ids, pair, time.monotonic() - began)
    finally:
        _remove(engine, ids)


def judge(ids: list[str], pair: list[Image] | None, seconds: float) -> Verdict:
    """Say whether two builds are the same, and what differs first where they are not.

    Args:
        ids: Both images' ids.
        pair: Both images as they are; None when the ids are equal.
        seconds: How long it took.
    """
    measurements = {"first": ids[0], "second": ids[1]}
    if pair is None:
        summary = f"two builds without cache gave {ids[0]}"
        return Verdict(GATE, Outcome.PASSED, summary, measurements=measurements, seconds=seconds)
    details = explain(images.diff(*pair), *pair)
    summary = f"two builds without cache differ: {details[0]}"
    return Verdict(GATE, Outcome.FAILED, summary, details[:SHOWN], measurements=measurements, seconds=seconds)


def explain(difference: Difference, first: Image, second: Image) -> tuple[str, ...]:
    """Return what differs, one fact a line, files by path; then what is left, order and configuration."""
    changes = sorted(difference.files, key=lambda change: change.path)
    lines = [f"{change.path} ({', '.join(change.fields) or change.change})" for change in changes]
    if not lines and difference.added:
        lines = [f"the layer of `{layer.instruction}`: same files, other order" for layer in difference.added]
    if first.config != second.config:
        lines.append("the configuration: environment, labels, history or time of creation")
    return tuple(lines) or ("the history of the layers",)


def _remove(engine: Engine, ids: list[str]) -> None:
    """Remove the two images unless they have a name, which is somebody else's."""
    import docker

    for image_id in dict.fromkeys(ids):
        try:
            if not engine.sdk.images.get(image_id).tags:
                engine.sdk.images.remove(image_id)
        except docker.errors.APIError:
            continue  # in use, or gone already
