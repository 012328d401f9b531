"""What the engine tells while it pushes an image.

The engine answers a push with status 200 and reports everything after that, failures included, as lines of
JSON; a client that does not read them takes a failed push for a good one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

# The engine begins a layer five times by itself, over fifty seconds.
ENGINE_RETRIES = 4


class State(Enum):
    """Where a layer is on its way."""

    WAITING = "waiting"
    SENDING = "sending"
    RETRYING = "retrying"
    SENT = "pushed"
    EXISTING = "already there"

    @property
    def done(self) -> bool:
        """Whether the registry has the layer."""
        return self in (State.SENT, State.EXISTING)


@dataclass(frozen=True)
class LayerProgress:
    """A change of one layer.

    Args:
        layer: The first twelve digits of its digest.
        state: Where it is now.
        sent: Uncompressed bytes read so far.
        size: Uncompressed bytes of the whole layer; 0 where the engine does not know.
    """

    layer: str
    state: State
    sent: int = 0
    size: int = 0


class Fault(Enum):
    """What kind of failure a message tells of, and so whether another attempt can help."""

    LOGIN = "login"
    DENIED = "denied"
    UNREACHABLE = "unreachable"
    NETWORK = "network"
    OTHER = "other"

    @property
    def passing(self) -> bool:
        """Whether it may be gone a moment later."""
        return self in (Fault.UNREACHABLE, Fault.NETWORK)


class StreamError(Exception):
    """The engine reported that the push failed."""


@dataclass
class PushStream:
    """Reads the lines of one push.

    Args:
        digest: The manifest's digest, once the engine has told it.
        layers: Every layer that was named, with its last state.
        retries: How often the engine itself has begun each layer again.
    """

    digest: str = ""
    layers: dict[str, State] = field(default_factory=dict)
    retries: Counter[str] = field(default_factory=Counter)

    @property
    def given_up(self) -> bool:
        """Whether the engine has used up its own attempts at some layer."""
        return any(count >= ENGINE_RETRIES for count in self.retries.values())

    @property
    def sent(self) -> set[str]:
        """The layers that went over the network."""
        return {layer for layer, state in self.layers.items() if state is State.SENT}

    def feed(self, line: Mapping[str, Any]) -> Iterator[LayerProgress]:
        """Take one line and yield the change of a layer that it tells of.

        Raises:
            StreamError: The line is an error.
        """
        if "error" in line or "errorDetail" in line:
            detail = line.get("errorDetail") or {}
            raise StreamError(str(detail.get("message") or line.get("error") or "no reason given"))
        aux = line.get("aux") or {}
        self.digest = aux.get("Digest") or self.digest
        layer, state = str(line.get("id", "")), _state(str(line.get("status", "")))
        if not layer or state is None:
            return
        if state is State.RETRYING and self.layers.get(layer) is not State.RETRYING:
            self.retries[layer] += 1
        self.layers[layer] = state
        progress = line.get("progressDetail") or {}
        yield LayerProgress(layer, state, int(progress.get("current") or 0), int(progress.get("total") or 0))


def _state(status: str) -> State | None:
    """Translate the engine's words; None for a line that is not about a layer's way."""
    words = {
        "Preparing": State.WAITING,
        "Waiting": State.WAITING,
        "Pushing": State.SENDING,
        "Pushed": State.SENT,
        "Layer already exists": State.EXISTING,
        "Already exists": State.EXISTING,
    }
    if status.startswith("Mounted from"):
        return State.EXISTING
    if status.startswith("Retrying in"):
        return State.RETRYING
    return words.get(status)


_LOGIN = re.compile(r"unauthorized|no basic auth credentials|authentication required|\b401\b", re.I)
_DENIED = re.compile(r"denied|forbidden|\b403\b", re.I)
_UNREACHABLE = re.compile(
    r"connection refused|no such host|no route to host|network is unreachable|server misbehaving"
    r"|temporary failure in name resolution|dial tcp.*timeout",
    re.I,
)
_NETWORK = re.compile(
    r"\bEOF\b|connection reset|broken pipe|i/o timeout|TLS handshake timeout|timeout awaiting"
    r"|deadline exceeded|Client\.Timeout|use of closed network connection|server closed|\b50[0234]\b"
    r"|internal server error|bad gateway|service unavailable|gateway timeout",
    re.I,
)


def classify(message: str) -> Fault:
    """Tell what kind of failure the engine's message is about.

    The engine has no codes for it, only the words of Go's network library and of the registry. A refusal is
    looked for first: it stays one even when the words of a network fault stand beside it.
    """
    # Addresses and digests may contain any digits, also those of a status.
    text = re.sub(r'"https?://[^"]*"|sha256:[0-9a-f]+|\b[\w.-]+:\d+\b', "", message)
    for fault, pattern in (
        (Fault.LOGIN, _LOGIN),
        (Fault.DENIED, _DENIED),
        (Fault.UNREACHABLE, _UNREACHABLE),
        (Fault.NETWORK, _NETWORK),
    ):
        if pattern.search(text):
            return fault
    return Fault.OTHER
