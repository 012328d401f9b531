"""Pull a base image, or find out within seconds that it cannot be pulled."""

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

# A reachable registry answers at once; one behind a closed firewall never does.
FIRST_ANSWER_SECONDS = 8
REMEMBER_SECONDS = 600.0
# A pull that is silent for longer seems to hang.
QUIET_SECONDS = 2.0
MB = 1_000_000


@dataclass(frozen=True)
class Memory:
    """Remembers failed downloads for some minutes, so that not every build waits for the network again."""

    path: Path

    def refusal(self, reference: str, now: Callable[[], float] = time.time) -> str | None:
        """Return the reason of this image's recent failure, None if none is known."""
        try:
            known = self._all()[reference]
            return str(known["reason"]) if 0 <= now() - float(known["at"]) < REMEMBER_SECONDS else None
        except (ValueError, KeyError, TypeError):
            return None

    def remember(self, reference: str, reason: str, now: Callable[[], float] = time.time) -> None:
        """Save the reason of a failed download."""
        known = {**self._all(), reference: {"reason": reason, "at": now()}}
        beside(self.path).write_text(json.dumps(known) + "\n")

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)

    def _all(self) -> dict[str, Any]:
        try:
            known = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}


class Layers:
    """Shows a pull: a line for each finished layer, and the total during long silences."""

    def __init__(self, say: Say, now: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._now = now
        self._told = now()
        self._arrived: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._done: set[str] = set()

    def __call__(self, event: Mapping[str, Any]) -> None:
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


def pull(engine: Engine, reference: str, say: Say, platform: str = "", apart: str = "") -> str | None:
    """Pull an image; return None, or the reason of the failure in a few words.

    With a platform, the image is named `apart`, and the reference stays with the image that it named before.
    """
    import docker
    import requests

    former = _image(engine, reference) if platform else None
    try:
        # Twice: a short time-out shows whether the registry answers at all, a long one fetches the layers.
        with closing(find.client(engine.candidate, timeout=FIRST_ANSWER_SECONDS)) as hasty:
            for event in _events(hasty, reference, platform):
                if error := event.get("error"):
                    return reason(str(error))
                break
        with closing(find.client(engine.candidate, timeout=CALL_SECONDS)) as patient:
            layers = Layers(say)
            for event in _events(patient, reference, platform):
                if error := event.get("error"):
                    return reason(str(error))
                layers(event)
        if platform:
            engine.sdk.images.get(reference).tag(apart)
            if former:
                former.tag(reference)
            else:
                engine.sdk.images.remove(reference, noprune=True)
    except requests.exceptions.Timeout:
        return f"its registry gave no answer within {FIRST_ANSWER_SECONDS} s"
    except (docker.errors.APIError, requests.exceptions.ConnectionError) as error:
        return reason(str(getattr(error, "explanation", None) or error))
    return None


def _image(engine: Engine, reference: str) -> Any:
    import docker

    try:
        return engine.sdk.images.get(reference)
    except docker.errors.ImageNotFound:
        return None


def _events(client: Any, reference: str, platform: str) -> Iterator[dict[str, Any]]:
    how = {"stream": True, "decode": True, "platform": platform or None}
    events: Iterator[dict[str, Any]] = client.api.pull(reference, **how)
    return events


def reason(message: str) -> str:
    """Shorten an engine's message to its last cause."""
    last = message.strip().splitlines()[-1] if message.strip() else "no reason given"
    return last.rpartition("dial tcp: ")[2].strip(' "')
