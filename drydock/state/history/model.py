"""The history's records: builds, the images they made, and the verdicts of gates."""

from __future__ import annotations

from dataclasses import dataclass

from drydock.verdict import Verdict


@dataclass(frozen=True)
class Origin:
    """Whose build or verdict it is, and of which source.

    Args:
        project: The image's name, without a registry: the same in every clone and worktree.
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
        seconds: How long it ran; 0.0 when it was cached.
    """

    stage: str
    instruction: str
    seconds: float
    cached: bool


@dataclass(frozen=True)
class LayerSize:
    """The size of one layer.

    Args:
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
    """

    source: str
    name: str
    version: str
    size: int


@dataclass(frozen=True)
class Weighed:
    """An image's sizes, in bytes.

    Args:
        content: Content digest: equal for images that differ only in labels and times.
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
        image_id: The image's id; empty where several platforms were built, and where the build failed.
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
        verdict: Without its evidence: a log may hold secrets.
    """

    at: float
    origin: Origin
    content: str
    verdict: Verdict
