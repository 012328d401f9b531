"""Images on the engine: their facts for publishing, more names, other labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drydock import command, temporary
from drydock.build import identity, podman
from drydock.engine import Engine
from drydock.engine.errors import ImageMissing
from drydock.publish.errors import IllegalReference, LabelsNotApplied
from drydock.publish.labels import DIRTY
from drydock.publish.reference import parse


@dataclass(frozen=True)
class LocalImage:
    id: str  # digest of its configuration, or of its manifest if the engine uses containerd's store
    layers: tuple[str, ...]
    config: Mapping[str, Any]
    platform: str
    names: tuple[str, ...]  # names with tags, as the engine writes them

    @property
    def labels(self) -> Mapping[str, str]:
        labels: Mapping[str, str] = self.config.get("Labels") or {}
        return labels

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration without the labels."""
        return {key: value for key, value in self.config.items() if key != "Labels"}


def find(engine: Engine, reference: str) -> LocalImage:
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
    """Give an image more names, all or none."""
    targets = [parse(reference) for reference in references]
    for target in targets:
        if not target.tag or target.digest:
            raise IllegalReference(reference=target, problem="a new name needs a tag and no digest")
    found = find(engine, image).id
    with engine.answering():
        for target in targets:
            engine.sdk.api.tag(found, target.name, target.tag)


def relabel(engine: Engine, reference: str, labels: Mapping[str, str]) -> str:
    """Give an image new labels; its layers and settings stay unchanged, and but for Podman its time.

    BuildKit makes the new configuration from ``FROM image`` alone, so this works on every image store. Labels
    that are not named keep their values. The mark of a dirty tree cannot be removed: only a build can show
    that the content is a commit's.
    """
    target = parse(reference)
    before = find(engine, reference)
    wanted = dict(labels)
    if before.labels.get(DIRTY) == "true":
        wanted[DIRTY] = "true"
    if all(before.labels.get(key) == value for key, value in wanted.items()):
        return before.id
    with temporary.folder("label") as outputs:
        # buildx never removes its copy of a Dockerfile that it reads from standard input.
        (outputs / "Dockerfile").write_text(f"FROM {target}\n", encoding="utf-8")
        # The engine's own builder: others do not see the engine's images.
        local = engine.podman and podman.is_here(engine)
        builder = "" if local else engine.candidate.context or "default"
        args = arguments(wanted, before.platform, builder, outputs)
        done = command.run(args, env=engine.environment, check=False)
        if done.code != 0:
            raise LabelsNotApplied(reference=reference, reason=done.last, evidence=done.stderr)
        made = identity.image_id(engine, outputs)
    try:
        if problem := difference(before, find(engine, made), wanted):
            raise LabelsNotApplied(reference=reference, reason=problem)
        engine.sdk.api.tag(made, target.name, target.tag or "latest")
    except BaseException:
        # An image with a name existed before.
        if not find(engine, made).names:
            engine.sdk.images.remove(made)
        raise
    return made


def arguments(labels: Mapping[str, str], platform: str, builder: str, folder: Path) -> list[str]:
    """Return the command that builds the untagged, relabelled image from a folder's Dockerfile.

    Without a builder of buildx, Podman builds it.
    """
    buildx = ("docker", "buildx", "build", f"--builder={builder}", "--pull=false", "--load")
    # An attestation would turn the image into an index on a containerd store.
    record = ("--provenance=false", f"--metadata-file={folder / identity.METADATA_FILE}")
    return [
        *((*buildx, *record) if builder else podman.COMMAND),
        f"--platform={platform}",
        f"--iidfile={folder / identity.ID_FILE}",
        *(f"--label={key}={value}" for key, value in sorted(labels.items())),
        str(folder),
    ]


def difference(before: LocalImage, after: LocalImage, labels: Mapping[str, str]) -> str:
    """Return the change between two images besides the labels; empty if there is none."""
    if after.layers != before.layers:
        return "the layers would change"
    old, new = before.settings, after.settings
    if changed := sorted(key for key in old | new if old.get(key) != new.get(key)):
        return f"{' and '.join(changed)} would change"
    if dict(after.labels) != {**before.labels, **labels}:
        return "BuildKit set other labels"
    return ""
