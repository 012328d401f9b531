"""The events of a push."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class State(Enum):
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
    """Return the first twelve digits of a layer's digest, for display."""
    return digest.partition(":")[2][:12]


@dataclass(frozen=True)
class LayerProgress:
    """A change of one layer, named as by `short`; both sizes are compressed bytes."""

    layer: str
    state: State
    sent: int = 0
    size: int = 0


@dataclass(frozen=True)
class Retry:
    """The next attempt after a network fault, counted from 1, after `wait` seconds."""

    attempt: int
    attempts: int
    wait: float
    reason: str


Event = LayerProgress | Retry
Tell = Callable[[Event], None]
