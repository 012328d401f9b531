"""All errors of drydock."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import drydock
from drydock.errors import DrydockError


def _below(kind: type[DrydockError]) -> Iterator[type[DrydockError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


for _module in pkgutil.walk_packages(drydock.__path__, "drydock."):
    if _module.name.endswith(".errors"):
        importlib.import_module(_module.name)

# By exit code, then by name.
ERRORS = sorted(
    {one for one in _below(DrydockError) if one.__module__.startswith("drydock.")},
    key=lambda one: (one.exit_code, one.__name__),
)
