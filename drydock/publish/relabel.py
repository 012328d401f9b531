"""Change an image's labels without building a layer."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from drydock import command
from drydock.build import identity
from drydock.engine import Engine
from drydock.publish import labels as names
from drydock.publish.engine_image import LocalImage, find
from drydock.publish.errors import LabelsNotApplied
from drydock.publish.reference import parse


def apply(engine: Engine, reference: str, labels: Mapping[str, str]) -> str:
    """Give an image new labels; its layers, its settings and its creation time stay as they are.

    BuildKit makes the new configuration from ``FROM image`` and nothing else, so this works on every image
    store. A label that is not named keeps its value. The mark of a dirty tree cannot be taken off: only a
    build can show that the content is that of a commit.
    """
    target = parse(reference)
    before = find(engine, reference)
    wanted = dict(labels)
    if before.labels.get(names.DIRTY) == "true":
        wanted[names.DIRTY] = "true"
    if all(before.labels.get(key) == value for key, value in wanted.items()):
        return before.id
    with tempfile.TemporaryDirectory(prefix="drydock-label-") as folder:
        outputs = Path(folder)
        args = arguments(wanted, before.platform, _builder(engine), outputs)
        done = command.run(args, stdin=f"FROM {target}\n", env=engine.environment, check=False)
        if done.code != 0:
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise LabelsNotApplied(reference=reference, reason=last, evidence=done.stderr)
        made = identity.image_id(engine, outputs)
    try:
        if problem := difference(before, find(engine, made), wanted):
            raise LabelsNotApplied(reference=reference, reason=problem)
        engine.sdk.api.tag(made, target.name, target.tag or "latest")
    except BaseException:
        # One that has a name already was not made just now.
        if not find(engine, made).names:
            engine.sdk.images.remove(made)
        raise
    return made


def arguments(labels: Mapping[str, str], platform: str, builder: str, outputs: Path) -> list[str]:
    """Return the command that makes the relabelled image, untagged, of a Dockerfile on standard input."""
    return [
        "docker",
        "buildx",
        "build",
        f"--builder={builder}",
        f"--platform={platform}",
        "--pull=false",
        # An attestation would wrap the image into an index on a containerd store.
        "--provenance=false",
        "--load",
        *identity.arguments(outputs),
        *(f"--label={key}={value}" for key, value in sorted(labels.items())),
        "-",
    ]


def _builder(engine: Engine) -> str:
    """Return the builder inside the engine itself: any other one does not see the engine's images."""
    return engine.candidate.context or "default"


def difference(before: LocalImage, after: LocalImage, labels: Mapping[str, str]) -> str:
    """Say what else than the labels changed between two images; empty when nothing did."""
    if after.layers != before.layers:
        return "the layers would change"
    old, new = before.settings, after.settings
    if changed := sorted(key for key in old | new if old.get(key) != new.get(key)):
        return f"{' and '.join(changed)} would change"
    if dict(after.labels) != {**before.labels, **labels}:
        return "BuildKit set other labels"
    return ""
