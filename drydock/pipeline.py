"""From a project to an image on the engine: the steps that every task and gate begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from drydock import base as bases
from drydock import lock
from drydock.build import BuildResult, Options, build
from drydock.engine import Engine
from drydock.project import Project
from drydock.publish import labels, source
from drydock.report.progress import BuildProgress

Say = Callable[[str], None]


@dataclass
class Pipeline:
    """Builds of one project on one engine; asks for the base and the source's state only once.

    Args:
        engine: Where to build.
        project: What to build.
        say: Takes one line of progress at a time.
        quiet: Show no build progress.
    """

    engine: Engine
    project: Project
    say: Say
    quiet: bool = False
    _base: bases.Base | None = None
    _built: dict[str, BuildResult] = field(default_factory=dict)

    @property
    def base(self) -> bases.Base:
        """The base image, found, pulled or made at the first call."""
        if self._base is None:
            self._base = bases.resolve(self.engine, self.project, say=self.say)
        return self._base

    def options(self, options: Options) -> Options:
        """Complete what a caller asked for: the base image, the commit's time and the labels.

        Raises:
            errors.LockMissing, errors.LockStale: Before anything is built.
        """
        lock.find(self.project)
        state = source.read(self.project.root)
        build_args = {"PYTHON_IMAGE": self.base.reference}
        if (seconds := labels.epoch(state)) is not None:
            build_args["SOURCE_DATE_EPOCH"] = str(seconds)
        wanted = labels.labels_for(self.project, state, self.base)
        return options.but(
            build_args=build_args | dict(options.build_args), labels=wanted | dict(options.labels)
        )

    def build(self, options: Options) -> BuildResult:
        """Build one target and show the progress."""
        complete = self.options(options)
        if self.quiet:
            return build(self.engine, self.project, complete)
        with BuildProgress(complete.target) as progress:
            return build(self.engine, self.project, complete, progress)

    def built(self, target: str) -> BuildResult:
        """Build a target under its development reference, once a process."""
        if target not in self._built:
            self._built[target] = self.build(Options(target, self.project.reference(target)))
        return self._built[target]

    def tests_on(self, target: str) -> BuildResult:
        """Build the test image on a target's layers, once a process."""
        key = f"test on {target}"
        if key not in self._built:
            reference = f"{self.project.image}:dev-test-{target}"
            self._built[key] = self.build(Options("test", reference, build_args={"TEST_BASE": target}))
        return self._built[key]
