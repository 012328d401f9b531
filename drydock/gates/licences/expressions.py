"""SPDX expressions against an allow-list."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase

_TOKEN = re.compile(r"[()]|[^\s()]+")


def not_allowed(expression: str, allow: Sequence[str]) -> list[str]:
    """Return the identifiers of an expression that stand in the way; empty when it is allowed.

    Of an OR one side is enough, of an AND every side counts, and AND binds more tightly. An exception
    (``WITH``) only adds permissions, so that the licence before it decides.

    Args:
        expression: In SPDX's syntax.
        allow: Identifiers; ``*`` stands for other characters.
    """
    tokens = list(_TOKEN.findall(expression))
    refused = _either(tokens, tuple(name.lower() for name in allow))
    return list(dict.fromkeys(refused))


def _either(tokens: list[str], allowed: tuple[str, ...]) -> list[str]:
    choices = list(_separated(tokens, "or", lambda: _every(tokens, allowed)))
    return [] if any(not choice for choice in choices) else [name for choice in choices for name in choice]


def _every(tokens: list[str], allowed: tuple[str, ...]) -> list[str]:
    return [name for part in _separated(tokens, "and", lambda: _one(tokens, allowed)) for name in part]


def _separated(tokens: list[str], operator: str, read: Callable[[], list[str]]) -> Iterator[list[str]]:
    yield read()
    while tokens and tokens[0].lower() == operator:
        tokens.pop(0)
        yield read()


def _one(tokens: list[str], allowed: tuple[str, ...]) -> list[str]:
    name = tokens.pop(0) if tokens else ""
    if name == "(":
        refused = _either(tokens, allowed)
        tokens[:1] = []  # its closing parenthesis
    else:
        refused = [] if any(fnmatchcase(name.lower(), pattern) for pattern in allowed) else [name]
    if tokens and tokens[0].lower() == "with":
        del tokens[:2]
    return refused
