"""The history's records: builds, the images they made, and the verdicts of gates."""

from __future__ import annotations

from dataclasses import dataclass

from drydock.verdict import Verdict


@dataclass(frozen=True)
class Origin:
    """Whose build or verdict it is, and of which source.

    Args:
        project: The image's name, without a registry: the same in every clone and worktree.
        target: The Dockerfile stage.
        branch: The branch that was checked out; empty where there was none.
        revision: The full id of the commit; empty outside of version control.
        dirty: Whether the working tree differed from that commit.
    """

    project: str
    target: str
    branch: str = ""
    revision: str = ""
    dirty: bool = False


@dataclass(frozen=True)
class StepTime:
    """The time of one step of a build.

    Args:
        stage: The Dockerfile stage; empty where there is only one.
        instruction: The Dockerfile instruction on one line.
        seconds: How long it ran; 0.0 when it was cached.
        cached: Whether its result came from the cache.
    """

    stage: str
    instruction: str
    seconds: float
    cached: bool


@dataclass(frozen=True)
class LayerSize:
    """The size of one layer.

    Args:
        diff_id: The layer.
        instruction: The instruction that made it.
        on_disk: Bytes of its uncompressed tar archive.
        on_wire: Bytes of its compressed blob.
    """

    diff_id: str
    instruction: str
    on_disk: int
    on_wire: int


@dataclass(frozen=True)
class PackageSize:
    """The size of one package.

    Args:
        source: Who names it: ``python``, ``debian`` or ``folder``.
        name: Its name; of a folder its path.
        version: Its version; empty for a folder.
        size: Bytes of its files.
    """

    source: str
    name: str
    version: str
    size: int


@dataclass(frozen=True)
class Weighed:
    """An image's sizes, in bytes.

    Args:
        image_id: The image's id on its engine.
        content: Content digest: equal for images that differ only in labels and times.
        on_disk: Sum of the uncompressed layers.
        on_wire: Sum of the compressed layers.
        layers: From the lowest to the uppermost.
        packages: The largest first.
    """

    image_id: str
    content: str
    on_disk: int
    on_wire: int
    layers: tuple[LayerSize, ...]
    packages: tuple[PackageSize, ...]


@dataclass(frozen=True)
class Build:
    """One build, with its image as far as that was weighed.

    Args:
        at: When it ended, in seconds since 1970.
        origin: Whose it is.
        image_id: The image's id; empty where several platforms were built, and where the build failed.
        seconds: Wall-clock time of the build.
        image: The image's sizes; None when it was never weighed.
        fault: Why it failed; empty where it did not.
    """

    at: float
    origin: Origin
    image_id: str
    seconds: float
    steps: tuple[StepTime, ...] = ()
    image: Weighed | None = None
    fault: str = ""

    @property
    def cached(self) -> int:
        """How many steps came from the cache."""
        return sum(step.cached for step in self.steps)


@dataclass(frozen=True)
class Judged:
    """A verdict of a gate.

    Args:
        at: When, in seconds since 1970.
        origin: Whose image it judged.
        content: Content digest of that image; empty when the gate ended before there was one.
        verdict: Without its evidence: a log may hold secrets.
    """

    at: float
    origin: Origin
    content: str
    verdict: Verdict
