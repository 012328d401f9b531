"""Collect the page's facts: the image, its history, the gates' verdicts, and its bill of materials."""

import functools
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from drydock import image as images
from drydock import recorder
from drydock.gates.gate import registry
from drydock.image import Anatomy, Image, content_digest
from drydock.image.cache import Cache, user_cache
from drydock.image.compare import FileChange, PackageChange, package_changes
from drydock.image.components import Component
from drydock.image.model import Layer
from drydock.image.packages import Source
from drydock.project import Budget, Project
from drydock.publish import sbom
from drydock.state.history import Build, History, Judged, PackageSize, Weighed, reading
from drydock.verdict import Verdict
from drydock.workspace import Workspace

# More points do not fit side by side on a screen.
MOST_BUILDS = 60


@dataclass(frozen=True)
class Allowance:
    target: str
    figure: str  # ``on disk`` or ``on the wire``
    size: int  # bytes
    limit: int | None  # bytes; None for no limit

    @property
    def left(self) -> int:
        """Bytes of head-room; negative above the budget."""
        return (self.limit or 0) - self.size


@dataclass(frozen=True)
class Gate:
    """A gate and its latest verdict on a target."""

    name: str  # also its Nox session's name
    target: str
    verdict: Verdict | None = None  # None when it never ran on this machine
    at: float = 0.0  # seconds since 1970
    current: bool = False  # whether the verdict is on exactly this content


@dataclass(frozen=True)
class Since:
    """An image against an earlier one; the largest growth comes first."""

    build: Build  # the build of the earlier image
    on_disk: int  # bytes by which the image is larger
    on_wire: int
    packages: tuple[PackageChange, ...]
    files: tuple[FileChange, ...] | None  # None if the cache has forgotten the earlier image's


@dataclass(frozen=True)
class Content:
    project: Project
    target: str  # the built stage
    anatomy: Anatomy
    made: float  # the page's time, in seconds since 1970
    allowances: tuple[Allowance, ...]  # sizes against budgets, this target's first
    since: Since | None  # since the previous image; None if this machine has built no other
    gates: tuple[Gate, ...]  # in running order
    # rows of the last build_cache gate: build, seconds, ratio, cached, steps
    timings: tuple[Mapping[str, Any], ...]
    builds: tuple[Build, ...]  # the last builds of this target, the oldest first
    materials: tuple[Component, ...]  # packages, then programs and libraries of no package

    @functools.cached_property
    def image(self) -> Image:
        return self.anatomy.image

    @functools.cached_property
    def last_build(self) -> Build | None:
        """The newest build that made this content; None if the history has forgotten it."""
        content = content_digest(self.image)
        made = [build for build in self.builds if build.image and build.image.content == content]
        return made[-1] if made else None


def gather(workspace: Workspace, target: str) -> Content:
    project = workspace.project
    image = workspace.measure(project.reference(target))
    weighed = {target: recorder.weigh(image)}
    with reading(History()) as history:
        builds = history.builds(project.image, target, limit=MOST_BUILDS)
        judged = history.latest_verdicts(project.image)
        before = history.before(project.image, target, weighed[target].content)
        for other in project.budgets:
            newest = history.builds(project.image, other, limit=1)
            if other not in weighed and newest and newest[0].image:
                weighed[other] = newest[0].image
    bill = sbom.read(workspace.engine, image.id)
    return Content(
        project=project,
        target=target,
        anatomy=Anatomy(image),
        made=time.time(),
        allowances=tuple(allowances(project.budgets, weighed)),
        since=since(before, before.image, weighed[target], image) if before and before.image else None,
        gates=tuple(gates(judged, weighed)),
        timings=timings(judged),
        builds=tuple(reversed(builds)),
        materials=tuple(sorted(bill.materials, key=lambda one: (one.is_file, one.name.lower()))),
    )


def allowances(budgets: Mapping[str, Budget], weighed: Mapping[str, Weighed]) -> Iterator[Allowance]:
    """Yield both sizes of each image with their budgets, if any."""
    for target, image in weighed.items():
        budget = budgets.get(target)
        yield Allowance(target, "on disk", image.on_disk, budget.on_disk if budget else None)
        yield Allowance(target, "on the wire", image.on_wire, budget.on_wire if budget else None)


def gates(judged: Iterable[Judged], weighed: Mapping[str, Weighed]) -> Iterator[Gate]:
    """Yield every gate for each of its targets, including those that never ran."""
    found = {(one.verdict.gate, one.origin.target): one for one in judged}
    for gate in registry().values():
        for target in gate.facts.targets:
            if one := found.get((gate.name, target)):
                current = target in weighed and one.content == weighed[target].content
                yield Gate(gate.name, target, one.verdict, one.at, current)
            else:
                yield Gate(gate.name, target)


def timings(judged: Iterable[Judged]) -> tuple[Mapping[str, Any], ...]:
    """Return the rows of the newest verdict with timings of builds; empty without one."""
    timed = (one for one in judged if one.verdict.measurements.get("builds"))
    found = max(timed, key=lambda one: one.at, default=None)
    return tuple(found.verdict.measurements.get("builds", ())) if found else ()


def since(build: Build, earlier: Weighed, now: Weighed, image: Image) -> Since:
    old = recall(earlier, image, user_cache())
    return Since(
        build,
        now.on_disk - earlier.on_disk,
        now.on_wire - earlier.on_wire,
        package_changes(_by_name(earlier), _by_name(now)),
        images.diff(old, image).files if old else None,
    )


def recall(earlier: Weighed, like: Image, cache: Cache) -> Image | None:
    """Rebuild an earlier image from cached layers, with another's configuration; None if one is missing."""
    layers = []
    for size in earlier.layers:
        record = cache.record(size.diff_id)
        if record is None:
            return None
        layers.append(Layer.of(size.instruction, record, size.on_wire))
    return Image(earlier.image_id, earlier.image_id, like.config, tuple(layers))


def _by_name(image: Weighed) -> Mapping[tuple[Source, str], PackageSize]:
    return {(Source(package.source), package.name): package for package in image.packages}
