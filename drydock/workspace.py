"""From a project to an image on the engine: the steps that every task and gate begins with."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drydock import base as bases
from drydock import errors, recorder
from drydock import image as images
from drydock.build import BuildResult, Options, build
from drydock.engine import Engine
from drydock.image import Image
from drydock.progress import Say
from drydock.project import TARGETS, Project, git, lock
from drydock.project.git import Checkout
from drydock.publish import builds, labels, tags
from drydock.publish.provenance import Predicate
from drydock.report.progress import BuildProgress, waiting


@dataclass
class Pipeline:
    """Builds of one project on one engine; asks for the base and the source's state only once.

    Args:
        engine: Where to build.
        project: What to build.
        say: Takes one line of progress at a time.
        quiet: Show no build progress.
        channel: Which development references the images get; `dev` unless somebody else's must stay.
    """

    engine: Engine
    project: Project
    say: Say
    quiet: bool = False
    channel: str = "dev"
    _base: bases.Base | None = None
    _built: dict[str, BuildResult] = field(default_factory=dict)
    _measured: dict[str, Image] = field(default_factory=dict)

    @property
    def base(self) -> bases.Base:
        """The base image, found, pulled or made at the first call."""
        if self._base is None:
            self._base = bases.resolve(self.engine, self.project, say=self.say)
        return self._base

    @functools.cached_property
    def source(self) -> Checkout:
        """Where the project stands in version control."""
        return git.read(self.project.root)

    def of(self, project: Project, channel: str) -> Pipeline:
        """Return a pipeline of another state of the project; a base image that was found here serves it, too.

        Args:
            project: That state.
            channel: Which development references its images get.
        """
        base = self._base if project.base == self.project.base else None
        return Pipeline(self.engine, project, self.say, self.quiet, channel, base)

    def build_args(self) -> dict[str, str]:
        """Return what drydock tells the Dockerfile: base image, commit's time, files opened by name."""
        found = {"PYTHON_IMAGE": self.base.reference}
        if self.project.extra_files:
            found["EXTRA_FILES"] = " ".join(self.project.extra_files)
        if (seconds := labels.epoch(self.source)) is not None:
            found["SOURCE_DATE_EPOCH"] = str(seconds)
        return found

    def labels(self) -> dict[str, str]:
        """Return the labels that an image built now gets."""
        return labels.labels_for(self.project, self.source, self.base)

    def options(self, options: Options) -> Options:
        """Complete what a caller asked for: the base image, the commit's time and the labels.

        Raises:
            errors.NoDockerfile, errors.LockMissing, errors.LockStale: Before anything is built.
        """
        context = options.context or self.project.root
        if not (context / "Dockerfile").is_file():
            raise errors.NoDockerfile(root=context)
        lock.find(self.project)
        return options.but(
            build_args=self.build_args() | dict(options.build_args),
            labels=self.labels() | dict(options.labels),
        )

    def build(self, options: Options, *, brief: bool = False) -> BuildResult:
        """Build one target, show the progress, and add it to the history.

        Args:
            options: How to build it.
            brief: Show only the steps that run; for builds that nobody asked for by name.
        """
        complete = self.options(options)
        whose = recorder.origin(self.project, self.source, complete.target)
        began = time.monotonic()
        try:
            if self.quiet:
                result = build(self.engine, self.project, complete)
            else:
                with BuildProgress(complete.target, brief=brief) as progress:
                    result = build(self.engine, self.project, complete, progress)
        except errors.DrydockError as error:
            recorder.failure(whose, time.monotonic() - began, error.args[0], self.say)
            raise
        recorder.build(whose, result, self.say)
        # What ships may be signed later; what comes of other targets never leaves.
        if result.image_id and complete.target in TARGETS and not builds.known(result.image_id):
            builds.keep(result.image_id, self.described(complete, result.metadata))
        return result

    def described(self, options: Options, metadata: Mapping[str, Any]) -> Predicate:
        """Say how an image was built, for its provenance.

        Args:
            options: What buildx was told.
            metadata: What buildx wrote about the build; empty where that is not known any more.
        """
        added = frozenset(self.build_args())
        return builds.describe(self.engine, self.source, self.base, options, added, metadata)

    def built(self, target: str) -> BuildResult:
        """Build a target under its development reference, once a process."""
        if target not in self._built:
            wanted = Options(target, self.project.reference(target, self.channel))
            self._built[target] = self.build(wanted, brief=True)
        return self._built[target]

    def adopt(self, target: str, image_id: str) -> None:
        """Take an image that an earlier process built for what a target is, instead of building it again."""
        known = BuildResult(target, self.project.reference(target, self.channel), image_id, (), 0.0)
        self._built.setdefault(target, known)

    def measured(self, target: str) -> Image:
        """Return a built target as it is: layers, files, sizes."""
        return self.measure(self.built(target).image_id)

    def look(self, name: str) -> Image:
        """Return an image by its reference on the engine, or by the path of an archive or OCI layout."""
        if (path := Path(name)).exists():
            return images.read_archive(path, compression=self.project.compression)
        return self.measure(name)

    def measure(self, image_id: str) -> Image:
        """Return an image of the engine as it is: layers, files, sizes; read once a process."""
        if image_id not in self._measured:
            with nullcontext() if self.quiet else waiting("weighing the image"):
                self._measured[image_id] = images.read(
                    self.engine, image_id, compression=self.project.compression
                )
            recorder.image(self._measured[image_id], self.say)
        return self._measured[image_id]

    def tests_on(self, target: str) -> BuildResult:
        """Build the test image on a target's layers, once a process."""
        key = f"test on {target}"
        if key not in self._built:
            reference = self.project.reference(f"test-{target}", self.channel)
            wanted = Options("test", reference, build_args={"TEST_BASE": target})
            self._built[key] = self.build(wanted, brief=True)
        return self._built[key]

    def names(self, version: str = "", registry: str = "") -> tuple[str, ...]:
        """Return the references that the image gets, the ones that never move first.

        Args:
            version: The version to tag; the project's own when empty.
            registry: Put in front of the image's name; none when empty.
        """
        repository = f"{registry.rstrip('/')}/{self.project.image}" if registry else self.project.image
        found = tags.tags(version or self.project.version, self.source.revision, self.source.dirty)
        return tuple(f"{repository}:{tag}" for tag in found)
