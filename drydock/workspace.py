"""Build and measure a project's images on one engine, once each."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from drydock import base as bases
from drydock.build import BuildResult, OnUpdate, Options, build
from drydock.engine import Engine
from drydock.errors import DrydockError
from drydock.progress import Say, silent
from drydock.project import Project, git, lock
from drydock.project.git import Checkout

if TYPE_CHECKING:
    from drydock.image import Image
    from drydock.recipe.current import Recipe


class Listener:
    """Takes the news of builds and measured images; every method can be overridden."""

    def built(self, workspace: Workspace, options: Options, result: BuildResult) -> None:
        """Take a finished build."""

    def failed(self, workspace: Workspace, options: Options, seconds: float, fault: str) -> None:
        """Take a failed build, with its reason."""

    def measured(self, workspace: Workspace, image: Image) -> None:
        """Take an image after its first measurement in this process."""


class Progress:
    """Shows long steps; this one shows nothing."""

    # Whether test programs should name each test as it begins.
    names_tests = False

    def build(self, _title: str, _brief: bool) -> AbstractContextManager[OnUpdate]:
        """Take a build's updates; brief progress omits the cached steps."""
        return nullcontext(lambda _: None)

    def wait(self, _what: str) -> AbstractContextManager[object]:
        """Show that a step waits."""
        return nullcontext()

    def under_way(self, _what: str) -> AbstractContextManager[object]:
        """Show that a step runs which reports its own progress."""
        return nullcontext()

    def output(self, text: str) -> None:
        """Show a program's output as it comes."""


def unlabelled(_project: Project, _checkout: Checkout, _base: bases.Base) -> Mapping[str, str]:
    return {}


@dataclass
class Workspace:
    engine: Engine
    project: Project
    say: Say = silent  # takes one line of progress
    progress: Progress = field(default_factory=Progress)
    channel: str = "dev"  # in the images' references; another one leaves a user's `dev` images alone
    label: Callable[[Project, Checkout, bases.Base], Mapping[str, str]] = unlabelled  # an image's labels
    listeners: Sequence[Listener] = ()
    platform: str = ""  # such as linux/arm64; empty for the engine's own
    meanwhile: Callable[[], object] = lambda: None  # called while the builder runs
    _base: bases.Base | None = None
    _built: dict[str, BuildResult] = field(default_factory=dict)
    _measured: dict[str, Image] = field(default_factory=dict)

    @property
    def base(self) -> bases.Base:
        """The base image, found, pulled or made on first use."""
        if self._base is None:
            self._base = bases.resolve(self.engine, self.recipe.project, say=self.say, platform=self.platform)
        return self._base

    @functools.cached_property
    def recipe(self) -> Recipe:
        """The project's recipe, rendered on first use if the project has not written it."""
        # Imported here: a task that builds nothing should not wait for detection.
        from drydock.recipe import current

        return current.of(self.project, self.say, self.progress.wait)

    @functools.cached_property
    def source(self) -> Checkout:
        """The project's state in git."""
        return git.read(self.project.root)

    def of(self, project: Project, channel: str) -> Workspace:
        """Return a workspace for another state of the project; it shares a known base image."""
        base = self._base if project.base == self.project.base else None
        return replace(self, project=project, channel=channel, _base=base, _built={}, _measured={})

    def on(self, platform: str) -> Workspace:
        """Return a workspace for the project's images of one platform; empty for the engine's own."""
        if platform == self.platform:
            return self
        return replace(self, platform=platform, _base=None, _built={}, _measured={})

    def named(self, target: str) -> str:
        """Return a target's name in budgets and in the history: ``slim linux/arm64``."""
        return f"{target} {self.platform}".strip()

    def reference(self, target: str) -> str:
        """Return the reference of a target's images."""
        return self.project.reference(target, self.channel, self.platform)

    def build_args(self) -> dict[str, str]:
        """Return drydock's Dockerfile arguments: base image, commit's time, files opened by name."""
        found = {"PYTHON_IMAGE": self.base.reference}
        if self.project.extra_files:
            found["EXTRA_FILES"] = " ".join(self.project.extra_files)
        if (seconds := git.epoch(self.source)) is not None:
            found["SOURCE_DATE_EPOCH"] = str(seconds)
        return found

    def options(self, options: Options) -> Options:
        """Complete a caller's options with the recipe, the Dockerfile arguments and the labels."""
        recipe = self.recipe
        if not recipe.resolved:
            lock.find(self.project)
        return options.but(
            context=options.context or recipe.context,
            dockerfile=options.dockerfile or recipe.dockerfile,
            contexts={**recipe.contexts, **options.contexts},
            base=self.base.reference,
            platforms=options.platforms or tuple(filter(None, (self.platform,))),
            build_args=self.build_args() | dict(options.build_args),
            labels=dict(self.label(self.project, self.source, self.base)) | dict(options.labels),
        )

    def build(self, options: Options, *, brief: bool = False) -> BuildResult:
        """Build one target and tell the listeners; brief progress shows only the steps that run."""
        complete = self.options(options)
        began = time.monotonic()
        try:
            with self.progress.build(complete.target, brief) as on_update:
                result = build(self.engine, self.project, complete, on_update, self.meanwhile)
        except DrydockError as error:
            for listener in self.listeners:
                listener.failed(self, complete, time.monotonic() - began, error.args[0])
            raise
        for listener in self.listeners:
            listener.built(self, complete, result)
        return result

    def built(self, target: str) -> BuildResult:
        """Build a target under its development reference, once per process."""
        if target not in self._built:
            wanted = Options(target, self.reference(target))
            self._built[target] = self.build(wanted, brief=True)
        return self._built[target]

    def adopt(self, target: str, image_id: str) -> None:
        """Use an image of an earlier process for a target, instead of building it again."""
        known = BuildResult(target, self.reference(target), image_id, (), 0.0)
        self._built.setdefault(target, known)

    def tests_on(self, target: str) -> BuildResult:
        """Build the test image on a target's layers, once per process."""
        key = f"test on {target}"
        if key not in self._built:
            wanted = Options("test", self.reference(f"test-{target}"), build_args={"TEST_BASE": target})
            self._built[key] = self.build(wanted, brief=True)
        return self._built[key]

    def measured(self, target: str) -> Image:
        return self.measure(self.built(target).image_id)

    def look(self, name: str) -> Image:
        """Read an image by its reference on the engine, or by the path of an archive or OCI layout."""
        from drydock import image as images

        if (path := Path(name)).exists():
            return images.read_archive(path, compression=self.project.compression)
        return self.measure(name)

    def measure(self, image_id: str) -> Image:
        """Return the layers, files and sizes of an engine's image, read once per process."""
        # Imported here: an image is read after its build, which leaves time for it.
        from drydock import image as images

        if image_id not in self._measured:
            with self.progress.wait("weighing the image"):
                read = images.read(self.engine, image_id, compression=self.project.compression)
            self._measured[image_id] = read
            for listener in self.listeners:
                listener.measured(self, read)
        return self._measured[image_id]
