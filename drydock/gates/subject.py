"""A gate's input: one target of a project, with each fact made at its first use.

A method imports the module that answers it, so that `closure` finds the code that decides a receipt.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drydock.build import BuildResult, Options
    from drydock.engine import Engine
    from drydock.gates.expectations.model import Expectations
    from drydock.image import Anatomy, Image
    from drydock.image.components import Components
    from drydock.progress import Say
    from drydock.project import Project
    from drydock.workspace import Workspace


@dataclass(eq=False)
class Subject:
    workspace: Workspace
    target: str
    arguments: tuple[str, ...] = ()  # the gate's own arguments

    @property
    def engine(self) -> Engine:
        return self.workspace.engine

    @property
    def project(self) -> Project:
        return self.workspace.project

    @property
    def name(self) -> str:
        """The target, with its platform if one was asked for."""
        return self.workspace.named(self.target)

    @property
    def say(self) -> Say:
        """Takes one line of progress at a time."""
        return self.workspace.say

    @property
    def built(self) -> BuildResult:
        return self.workspace.built(self.target)

    @property
    def image_id(self) -> str:
        return self.built.image_id

    @property
    def image(self) -> Image:
        return self.workspace.measured(self.target)

    @property
    def base(self) -> Image:
        return self.workspace.measure(self.workspace.base.reference)

    @functools.cached_property
    def anatomy(self) -> Anatomy:
        from drydock.image import Anatomy

        return Anatomy(self.image)

    @functools.cached_property
    def components(self) -> Components:
        """The image's components, each with its stated licence."""
        from drydock.image import components

        return components.find(self.anatomy)

    @functools.cached_property
    def expectations(self) -> Expectations:
        """The project's expectations of its image."""
        from drydock.gates.expectations.read import load

        return load(self.project)

    @functools.cached_property
    def main(self) -> tuple[str, Image] | None:
        """Name and image of the main branch's last commit; None where it has none."""
        from drydock.gates import mainline

        return mainline.image(self.workspace, self.target)

    def contents(self, wanted: Callable[[str], bool] = lambda _: True) -> AbstractContextManager[Path]:
        """Unpack the image's regular files into a temporary folder."""
        from drydock.gates import contents

        return contents.unpacked(self.engine, self.image_id, wanted)

    def options(self) -> Options:
        from drydock.build import Options

        return self.workspace.options(Options(self.target))

    def build(self, name: str, options: Options) -> BuildResult:
        """Build again, such as from a changed context or without cache."""
        from drydock.build import build

        with self.workspace.progress.build(f"{self.target}, {name} build", True) as on_update:
            return build(self.engine, self.project, options, on_update)
