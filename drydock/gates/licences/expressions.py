"""SPDX expressions against an allow-list."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from drydock.image.licences import parse


def not_allowed(expression: str, allow: Sequence[str]) -> list[str]:
    """Return the identifiers of an expression that the list refuses; empty when it is allowed.

    Of an OR one side is enough, of an AND every side counts. An exception (``WITH``) only adds permissions,
    so that the licence before it decides. Text that is no expression is refused as a whole.
    """
    tree = parse(expression)
    if tree is None:
        return [expression]
    return list(dict.fromkeys(_refused(tree, [name.lower() for name in allow])))


def _refused(tree: Any, allowed: Sequence[str]) -> list[str]:
    parts = [_refused(part, allowed) for part in getattr(tree, "args", ())]
    if parts:
        either = tree.operator.strip() == "OR"
        return [] if either and not all(parts) else [name for part in parts for name in part]
    name = getattr(tree, "license_symbol", tree).key
    return [] if any(fnmatchcase(name.lower(), pattern) for pattern in allowed) else [name]
