"""Measure the images: production and slim against the plain baseline, in one run.

All three are built from the last commit, and start in turn; the result is the median. The user's images stay
untouched: these have separate references, which `invoke clean` removes.

    ./run python -m benchmarks.images             takes about two minutes on two cores
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence

from benchmarks.contenders import NAMES, Contenders, contenders
from benchmarks.figures import BASELINE, Figure, Goal, narrator, parser, show
from benchmarks.service import MEMORY, READY, migrated
from benchmarks.starts import Start, start
from drydock import image as images
from drydock.progress import Say
from drydock.project.compression import Compression
from drydock.report import MB
from tests.support.systems import systems

SIZE = Goal(0.5)
# Swagger UI's files for use without the internet; stored compressed, so as large on the wire.
DOCS = "/todo_api/static/"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    say = narrator()
    with contenders(say) as built:
        ids = {name: built.build(name).image_id for name in NAMES}
        figures = [
            *_sizes(built, ids, say),
            *(_starts(built, ids, options.starts, say) if options.starts else ()),
        ]
    return show("images", figures, options)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument(
        "--starts", type=int, default=5, metavar="N", help="starts of each image (5; 0 for none)"
    )
    return made.parse_args(arguments)


def _sizes(built: Contenders, ids: Mapping[str, str], say: Say) -> list[Figure]:
    """Measure every image on disk, and its layers on the wire."""
    say("weighing")

    def weighed(wire: str) -> dict[str, images.Image]:
        compression = Compression.parse(wire)
        return {
            name: images.read(built.ours.engine, one, compression=compression) for name, one in ids.items()
        }

    zstd, gzip = weighed("zstd"), weighed("gzip")
    pushed = zstd | {BASELINE: gzip[BASELINE]}
    return [
        Figure("on disk", "MB", {name: one.on_disk / MB for name, one in gzip.items()}, SIZE),
        Figure("of it the page at /docs", "MB", {name: _below(one, DOCS) / MB for name, one in gzip.items()}),
        Figure(
            "on the wire: ours by invoke push (zstd), the baseline by docker push (gzip)",
            "MB",
            {name: one.on_wire / MB for name, one in pushed.items()},
            SIZE,
        ),
        Figure("on the wire: all with gzip", "MB", {name: one.on_wire / MB for name, one in gzip.items()}),
        Figure("on the wire: all with zstd", "MB", {name: one.on_wire / MB for name, one in zstd.items()}),
    ]


def _below(image: images.Image, folder: str) -> int:
    """Return the bytes of an image's files below a folder."""
    return sum(file.size for path, file in images.Anatomy(image).tree.items() if folder in path)


def _starts(built: Contenders, ids: Mapping[str, str], count: int, say: Say) -> list[Figure]:
    """Start all images in turn, among the servers of a production start."""
    found: dict[str, list[Start]] = {name: [] for name in ids}
    with systems(built.ours.engine, ids[NAMES[0]]) as neighbourhood:
        environment = migrated(neighbourhood) | {"CHAT_PRELOAD": "0"}
        account = neighbourhood.account()
        for number in range(count):
            say(f"start {number + 1} of {count}")
            for name, image_id in ids.items():
                found[name].append(start(neighbourhood, image_id, environment, account))

    def median(of: Callable[[Start], float]) -> dict[str, float]:
        return {name: statistics.median(map(of, starts)) for name, starts in found.items()}

    return [
        Figure("from docker run to ready", "s", median(lambda one: one.ready), READY),
        Figure("memory when ready", "MB", median(lambda one: one.memory_ready / MB), MEMORY),
        Figure("memory after the first chat turn", "MB", median(lambda one: one.memory_chat / MB)),
    ]


if __name__ == "__main__":
    sys.exit(main())
