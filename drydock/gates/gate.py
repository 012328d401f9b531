"""The shape of a gate, and the registry: every module of `drydock.gates` that has it."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from drydock import gates
from drydock.gates.subject import Subject
from drydock.project import Project
from drydock.project.dockerfile import stages
from drydock.verdict import Verdict

SOURCE = "{source}"
Settings = Callable[[Project, str], Mapping[str, Any]]


@dataclass(frozen=True)
class Facts:
    """A gate's facts, declared by its module as FACTS."""

    targets: tuple[str, ...] = ("production",)  # targets that it judges by default
    # Files and folders, beside the image, that its verdict depends on, relative to the project. A folder ends
    # with a slash; ``{source}/`` is the application's folder.
    inputs: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()  # stages that it needs in a Dockerfile
    settings: Settings = lambda _project, _target: {}  # further facts that decide, as JSON values
    demanded: bool = True  # whether a push requires its receipt
    vetoes: bool = False  # whether its refusal stops a push that does not require its pass
    longest_days: float | None = None  # age at which its receipt expires; None for never
    programs: tuple[str, ...] = ()  # locked programs that it uses
    arguments: bool = False  # whether it takes arguments of its own
    streams: bool = False  # whether its evidence is shown while it runs, and therefore not at the end
    # Changes that the pre-push hook runs it for: application or recipe, recipe, own inputs, none
    changes: Literal["source", "recipe", "inputs", "none"] = "recipe"
    default: bool = True  # whether a plain `nox` runs it
    rank: int = 50  # gates of a lower rank run first


@dataclass(frozen=True)
class Gate:
    name: str  # its module's name, which is also its Nox session's
    summary: str  # the first line of the module's docstring
    facts: Facts
    judge: Callable[[Subject], Verdict]  # judges one target of a project

    @property
    def module(self) -> str:
        return f"{gates.__name__}.{self.name}"

    def targets(self, project: Project) -> tuple[str, ...]:
        """Return the targets of a project that it judges by default."""
        return tuple(target for target in self.facts.targets if target in project.targets)

    def concerns(self, project: Project) -> bool:
        """Tell whether a project's Dockerfile has the stages that it needs; a rendered one has all."""
        if "slim" in self.facts.stages and not project.slim:
            return False
        if not self.facts.stages or not project.dockerfile.is_file():
            return True
        return set(self.facts.stages) <= set(stages(project.dockerfile.read_text(encoding="utf-8")))

    def inputs(self, project: Project) -> list[Path]:
        """Return the files and folders, beside the image, that its verdict depends on."""
        below, source = f"{SOURCE}/", project.source
        names = ((name, name.removeprefix(below)) for name in self.facts.inputs)
        return [project.place(name) if name == inner else source / inner for name, inner in names]


def registry() -> dict[str, Gate]:
    """Return every gate by name, in running order."""
    names = (found.name for found in pkgutil.iter_modules(gates.__path__))
    modules = {name: importlib.import_module(f"{gates.__name__}.{name}") for name in names}
    found = [
        Gate(name, (module.__doc__ or "").partition("\n")[0], module.FACTS, module.judge)
        for name, module in modules.items()
        if hasattr(module, "FACTS")
    ]
    return {gate.name: gate for gate in sorted(found, key=lambda gate: (gate.facts.rank, gate.name))}
