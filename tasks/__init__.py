"""The tasks: `invoke --list` shows them, `invoke --help TASK` explains one.

Each module is a group, in the order in which a person works; its tasks stand in the order of definition.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from invoke import Collection, Task

from tasks import building, cluster, engine, gates, housekeeping, looking, projects, publishing

GROUPS: tuple[ModuleType, ...] = (building, looking, gates, publishing, cluster, projects, housekeeping)


def members(group: ModuleType) -> list[Task[Any]]:
    """Return the tasks that a module defines, in the order in which they stand there."""
    return [found for found in vars(group).values() if isinstance(found, Task)]


namespace = Collection(*(task for group in GROUPS for task in members(group)))
namespace.add_collection(Collection("engine", *members(engine)))
