"""Compare pushes of this repository's image with `docker push`: bytes and seconds, after each kind of change.

Run it with `./run python -m benchmarks.pushes`. Both push the same images to a registry of their own on this
machine, through a proxy that counts the bytes. The seconds of both include the compression of new layers.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

from drydock import command
from drydock.engine import connect
from drydock.publish.push import Permissions, push
from drydock.report import console, print_json
from drydock.report.progress import waiting
from drydock.report.tables import table
from tests.publish.test_push_change import add_a_dependency, add_a_line, build
from tests.support import registry as real
from tests.support.images import remove_repository

CHANGES: dict[str, Callable[[Path], None]] = {
    "nothing is there yet": lambda _: None,
    "one source file": add_a_line,
    "one dependency": add_a_dependency,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pushes")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    engine, name = connect(), f"drydock-benchmark-{uuid4().hex[:12]}"
    rows: list[tuple[str, str, int, float]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="drydock-benchmark-")))
        # The layers' cache and the registries that have them: nothing is known at the beginning.
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        stack.callback(remove_repository, engine, name)
        ways = {
            way: stack.enter_context(real.road(stack.enter_context(real.registry())))
            for way in ("ours", "docker")
        }
        for number, (changed, change) in enumerate(CHANGES.items()):
            with waiting(f"building the image: {changed}"):
                image = build(engine, name, str(number), folder / str(number), change)
            for way, road in ways.items():
                reference, before, began = f"{road.address}/todo:{number}", road.bytes, time.perf_counter()
                if way == "ours":
                    push(engine, reference, image=image, permissions=Permissions(dirty=True))
                else:
                    engine.sdk.images.get(image).tag(reference)
                    command.run(["docker", "push", "--quiet", reference], env=engine.environment)
                    stack.callback(engine.sdk.images.remove, reference, noprune=True)
                rows.append((changed, way, road.bytes - before, time.perf_counter() - began))
    if given.json:
        titles = ("changed", "way", "bytes", "seconds")
        print_json({"pushes": [dict(zip(titles, row, strict=True)) for row in rows]})
    else:
        shown = [
            (
                changed,
                {"ours": "drydock push", "docker": "docker push"}[way],
                f"{sent / 1e6:.2f} MB",
                f"{seconds:.1f}",
            )
            for changed, way, sent, seconds in rows
        ]
        table(console(), ("changed", "push", "sent", "seconds"), shown, right=(2, 3))


if __name__ == "__main__":
    main()
