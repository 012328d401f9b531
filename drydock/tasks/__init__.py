"""The tasks: `drydock --list` shows them, `drydock --help TASK` explains one.

A project's tasks.py that imports `namespace` from here offers them to Invoke as well.
Each module is a group, in the order of a person's work; its tasks are listed in the order of definition.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

from invoke import Collection, Task

from drydock.tasks import engine

# Invoke's own program turns Python's bytecode cache off: every run would compile drydock again.
sys.dont_write_bytecode = False

ORDER = ["building", "looking", "gates", "receipts", "publishing", "cluster", "projects", "housekeeping"]
GROUPS = [importlib.import_module(f"{__name__}.{name}") for name in ORDER]


def members(group: ModuleType) -> list[Task[Any]]:
    """Return the tasks of a module, in order of definition."""
    return [found for found in vars(group).values() if isinstance(found, Task)]


namespace = Collection(*(task for group in GROUPS for task in members(group)))
namespace.add_collection(Collection("engine", *members(engine)))
