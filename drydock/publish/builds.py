"""Facts about a build, recorded when it happens, for the provenance of its image.

An image may be signed days later, with another engine, base and buildx on the machine.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drydock import state
from drydock.build import BuildResult, Options
from drydock.engine import Engine
from drydock.progress import Say, silent
from drydock.project import TARGETS, Project
from drydock.publish.labels import labels_for
from drydock.publish.provenance import Predicate, builder_of, dependencies, predicate, recorded
from drydock.recorder import Recorder
from drydock.state.sealed import Sealed, Untrusted
from drydock.workspace import Listener, Progress, Workspace


def open_workspace(
    engine: Engine,
    project: Project,
    say: Say = silent,
    progress: Progress | None = None,
    channel: str = "dev",
) -> Workspace:
    """Return a workspace that labels its images, and records its builds and sizes."""
    listeners = (Recorder(say), Keeper())
    return Workspace(engine, project, say, progress or Progress(), channel, labels_for, listeners)


class Keeper(Listener):
    """Records how each publishable image was built, and from which clone each reference comes."""

    def built(self, workspace: Workspace, options: Options, result: BuildResult) -> None:
        """Record a build, and report another clone's build that its reference replaces."""
        if result.image_id and options.target in TARGETS and not known(result.image_id):
            keep(result.image_id, described(workspace, options, result.metadata))
        # The hook's gates and builds for other platforms have references of their own.
        if result.image_id and options.reference == workspace.project.reference(options.target):
            place = Place(str(workspace.project.root), workspace.source.branch, workspace.source.revision)
            if former := settle(f"{workspace.engine.host} {options.reference}", place, result.image_id):
                workspace.say(f"{options.reference} replaces the build of {former}")


@dataclass(frozen=True)
class Place:
    """A built folder, with its branch and commit at that time."""

    root: str
    branch: str
    revision: str

    def __str__(self) -> str:
        return " ".join(filter(None, (self.root, self.branch and f"({self.branch})", self.revision[:12])))


def settle(reference: str, place: Place, image: str) -> Place | None:
    """Record a reference's clone; return a former one with another image, if its folder still exists."""
    path = state.folder("clones") / f"{hashlib.sha256(reference.encode()).hexdigest()[:16]}.json"
    known: dict[str, Any] = {}
    with suppress(OSError, Untrusted):
        known = Sealed().read(path)
    with suppress(OSError):
        state.tidy("clones")
        Sealed().write(path, {"image": image, **asdict(place)})
    former = Place(*(known[field] for field in ("root", "branch", "revision"))) if known else None
    other = former and known["image"] != image and former.root != place.root and Path(former.root).is_dir()
    return former if other else None


def described(workspace: Workspace, options: Options, metadata: Mapping[str, Any]) -> Predicate:
    """Describe how an image was built: with BuildKit's record if buildx returned it, else with drydock's."""
    checkout, base = workspace.source, workspace.base
    made_by = builder_of(workspace.engine)
    known = recorded(metadata, made_by["id"], dependencies(checkout, base))
    return known or predicate(checkout, base, options, made_by, workspace.build_args())


def keep(image: str, made: Predicate) -> None:
    """Record how an image was built; a later build of the same image changes nothing."""
    # A build succeeds even if the state folder cannot be written.
    with suppress(OSError):
        if not _path(image).exists():
            state.tidy("builds")
            Sealed().write(_path(image), {"predicate": made})


def known(image: str) -> bool:
    """Tell whether an image's build is recorded."""
    return _path(image).exists()


def find(image: str) -> Predicate | None:
    """Return how an image was built; None if this machine has no record."""
    try:
        made: Predicate = Sealed().read(_path(image))["predicate"]
    except (FileNotFoundError, Untrusted):
        return None
    return made


def _path(image: str) -> Path:
    return state.folder("builds") / f"{image.removeprefix('sha256:')}.json"
