"""The events of a turn, in the order in which clients receive them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the reply, as the model wrote it."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """A tool that has been used."""

    name: str
    arguments: dict[str, Any]
    result: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """The whole reply."""

    text: str
    tool_calls: tuple[ToolCalled, ...]


type Emit = Callable[[Token | ToolCalled], None]
