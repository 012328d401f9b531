"""The events of a push."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from drydock.publish.retry import Retry


class State(Enum):
    """Where a layer is on its way."""

    WAITING = "waiting"
    SENDING = "sending"
    RETRYING = "retrying"
    SENT = "pushed"
    MOUNTED = "mounted"
    EXISTING = "already there"

    @property
    def done(self) -> bool:
        """Whether the registry has the layer."""
        return self in (State.SENT, State.MOUNTED, State.EXISTING)


def short(digest: str) -> str:
    """Return what of a layer's digest is shown: its first twelve digits."""
    return digest.partition(":")[2][:12]


@dataclass(frozen=True)
class LayerProgress:
    """A change of one layer."""

    layer: str
    state: State
    sent: int = 0
    size: int = 0


Event = LayerProgress | Retry
Tell = Callable[[Event], None]
