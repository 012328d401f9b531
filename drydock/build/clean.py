"""Remove drydock's own containers, images and files, and nothing else."""

import shutil
from collections.abc import Iterator

from drydock import state
from drydock.build import COLD, builder, remove_mounts
from drydock.engine import LABEL, PROJECT_LABEL, Engine, short_name
from drydock.project import Project
from drydock.spelling import counted

# The first word of the tags of unreleased builds.
CHANNELS = ("dev", "push", "benchmark", "mainline")
LONGER_THAN_A_BUILD = "1h"


def clean(engine: Engine, project: Project, *, caches: bool = False) -> Iterator[str]:
    """Remove this project's containers, its development images and its state; yield a line for each.

    In the user's own state and caches, files expire after the days in `state.TABLE`. Released tags, base
    images and BuildKit's cache stay: they may be in use, and cost minutes to make again. Only the mounts that
    killed builds without cache left in it are removed. `caches` empties the user's cache folder as well: its
    files are made or fetched again when needed.
    """
    import docker

    ours = [LABEL, f"{PROJECT_LABEL}={project.image}"]
    for container in engine.sdk.containers.list(all=True, ignore_removed=True, filters={"label": ours}):
        try:
            container.remove(force=True, v=True)
        except docker.errors.NotFound:  # its own process removed it first
            continue
        yield f"container {container.name}"
    for reference in sorted(development(engine, project)):
        try:
            engine.sdk.images.remove(reference, force=True)
        except docker.errors.ImageNotFound:
            continue
        yield f"image {reference}"
    # Builds that later ones of the same tag replaced.
    replaced = {"dangling": True, "label": f"{PROJECT_LABEL}={project.image}"}
    for image in engine.sdk.images.list(filters=replaced):
        try:
            engine.sdk.images.remove(str(image.id))
        except docker.errors.APIError:  # a container runs from it
            continue
        yield f"image {image.short_id}"
    if project.state.is_dir():
        shutil.rmtree(project.state)
        yield f"folder {project.state}"
    for name, row in state.TABLE.items():
        if count := state.prune(name):
            yield f"{counted(count, 'file')} of {name} unused for {row.days:g} days"
    for path in state.remove_caches() if caches else ():
        yield f"cache {path}"
    # Last, since a selected builder may not answer.
    for name in sorted(remove_mounts(builder.find(engine), COLD, idle=LONGER_THAN_A_BUILD)):
        yield f"cache mounts {name}"


def development(engine: Engine, project: Project) -> set[str]:
    """Return the names of a project's unreleased images, as the engine lists them."""
    tags = {tag for image in engine.sdk.images.list(name=project.image) for tag in image.tags}
    names = {tag: short_name(tag).removeprefix(f"{project.image}:") for tag in tags}
    return {tag for tag, name in names.items() if name.split("-")[0] in CHANNELS}
