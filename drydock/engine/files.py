"""Read an image's files through a container that is never started."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import quote, urlencode

from drydock.engine import LABEL, Engine
from drydock.interrupts import held

# A container needs a command, which nothing runs.
UNUSED = ("/none",)


@contextmanager
def opened(engine: Engine, image: str, owner: str) -> Iterator[Callable[[str], bytes | None]]:
    """Yield a function that returns a folder as a tar archive; it returns None if the engine does not.

    Args:
        owner: The label's value: the task or gate that reads.
    """
    wanted = {"Image": image, "Cmd": UNUSED, "Labels": {LABEL: owner}}
    with ExitStack() as stack:
        place = ""
        with held():
            status, answer = engine.request("POST", "/containers/create", wanted)
            if status == http.client.CREATED:
                place = f"/containers/{quote(json.loads(answer)['Id'])}"
                stack.callback(_remove, engine, place)

        def read(folder: str) -> bytes | None:
            if not place:
                return None
            status, answer = engine.request("GET", f"{place}/archive?{urlencode({'path': folder})}")
            return answer if status == http.client.OK else None

        yield read


def _remove(engine: Engine, place: str) -> None:
    with held():
        engine.request("DELETE", f"{place}?force=true&v=true")
