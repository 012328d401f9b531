"""Pull a base image, or find out within seconds that this is impossible."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drydock.engine import CALL_SECONDS, Engine, find
from drydock.progress import Say
from drydock.state import beside

# A registry that can be reached answers at once; one behind a closed firewall never does.
FIRST_ANSWER_SECONDS = 8
REMEMBER_SECONDS = 600.0
# A pull that is silent for longer looks as if it hung.
QUIET_SECONDS = 2.0
MB = 1_000_000


@dataclass(frozen=True)
class Memory:
    """Remembers for some minutes that an image cannot be pulled, so that not every build waits for it again.

    Args:
        path: The file that holds it.
    """

    path: Path

    def refusal(self, reference: str, now: Callable[[], float] = time.time) -> str | None:
        """Return why this image could not be pulled some minutes ago; None when nothing is known."""
        try:
            known = json.loads(self.path.read_text())
            fresh = 0 <= now() - float(known["at"]) < REMEMBER_SECONDS
            return str(known["reason"]) if fresh and known["reference"] == reference else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remember(self, reference: str, reason: str, now: Callable[[], float] = time.time) -> None:
        """Write down why an image could not be pulled."""
        beside(self.path).write_text(
            json.dumps({"reference": reference, "reason": reason, "at": now()}) + "\n"
        )

    def forget(self) -> None:
        """Remember nothing."""
        self.path.unlink(missing_ok=True)


class Layers:
    """Tells of a pull: a line for each layer that is there, and of all together where none comes for a while.

    Args:
        say: Takes one line at a time.
        now: The time in seconds.
    """

    def __init__(self, say: Say, now: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._now = now
        self._told = now()
        self._arrived: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._done: set[str] = set()

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take an event of the engine's."""
        layer, status = str(event.get("id", "")), str(event.get("status", ""))
        detail = event.get("progressDetail") or {}
        if status == "Downloading" and detail.get("total"):
            self._arrived[layer] = int(detail.get("current", 0))
            self._sizes[layer] = int(detail["total"])
        elif status == "Download complete":
            self._arrived[layer] = self._sizes.get(layer, 0)
        elif status in ("Pull complete", "Already exists") and layer not in self._done:
            self._done.add(layer)
            size = f", {self._sizes[layer] / MB:.1f} MB" if layer in self._sizes else ""
            self._tell(f"  {layer}: {'pulled' if status == 'Pull complete' else 'there already'}{size}")
        if self._sizes and self._now() - self._told >= QUIET_SECONDS:
            arrived, expected = sum(self._arrived.values()) / MB, sum(self._sizes.values()) / MB
            self._tell(f"  {arrived:.1f} of {expected:.1f} MB, {len(self._done)} layers there")

    def _tell(self, line: str) -> None:
        self._told = self._now()
        self._say(line)


def pull(engine: Engine, reference: str, say: Say) -> str | None:
    """Pull an image.

    Returns:
        None when it is on the engine now, else the reason in a few words.
    """
    import docker
    import requests

    try:
        # Twice: short patience shows whether the registry answers at all, long patience fetches the layers.
        with closing(find.client(engine.candidate, timeout=FIRST_ANSWER_SECONDS)) as hasty:
            for event in _events(hasty, reference):
                if error := event.get("error"):
                    return reason(str(error))
                break
        with closing(find.client(engine.candidate, timeout=CALL_SECONDS)) as patient:
            layers = Layers(say)
            for event in _events(patient, reference):
                if error := event.get("error"):
                    return reason(str(error))
                layers(event)
    except requests.exceptions.Timeout:
        return f"its registry gave no answer within {FIRST_ANSWER_SECONDS} s"
    except (docker.errors.APIError, requests.exceptions.ConnectionError) as error:
        return reason(str(getattr(error, "explanation", None) or error))
    return None


def _events(client: Any, reference: str) -> Iterator[dict[str, Any]]:
    events: Iterator[dict[str, Any]] = client.api.pull(reference, stream=True, decode=True)
    return events


def reason(message: str) -> str:
    """Shorten an engine's message to what a person wants to know."""
    last = message.strip().splitlines()[-1] if message.strip() else "no reason given"
    return last.rpartition("dial tcp: ")[2].strip(' "')
