"""Compare ways to compress an image's layers, in bytes on the wire and in time, with docker's gzip.

Run it with `./run python -m benchmarks.compression [--image REFERENCE] [COMPRESSION...]`. Each one measures
the image with an empty cache, as the first build does: it reads every layer from the engine, lists its
content and compresses it. CPU seconds are this process's: nearly the same on a busy machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from drydock import image as images
from drydock.detect.project import load
from drydock.engine import Engine, connect
from drydock.image.cache import Cache
from drydock.project.compression import GZIP, Compression
from drydock.report import console, megabytes, print_json
from drydock.report.progress import waiting
from drydock.report.tables import table

ROUNDS = 3
USUAL = ("gzip", "zstd:9", "zstd", "zstd:15")


@dataclass(frozen=True)
class Figure:
    """One compression's result for an image.

    Args:
        on_wire: Bytes of all layers.
        seconds: The shortest time of several rounds.
        cpu: The least CPU seconds of several rounds.
    """

    compression: Compression
    on_wire: int
    seconds: float
    cpu: float


def measure(engine: Engine, reference: str, compression: Compression, rounds: int = ROUNDS) -> Figure:
    """Measure an image several times, each with an empty cache."""
    found, seconds, cpu = 0, [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="drydock-benchmark-") as folder:
            began, used = time.perf_counter(), time.process_time()
            read = images.read(engine, reference, compression=compression, cache=Cache(Path(folder)))
            found = read.on_wire
            seconds.append(time.perf_counter() - began)
            cpu.append(time.process_time() - used)
    return Figure(compression, found, min(seconds), min(cpu))


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table, gzip first as the baseline."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("compressions", nargs="*", default=list(USUAL))
    parser.add_argument("--image", default="", help="default: the newest production image of this project")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    engine = connect()
    reference = arguments.image or load(Path()).reference("production")
    ways = dict.fromkeys([GZIP, *map(Compression.parse, arguments.compressions)])
    figures = []
    for way in ways:
        with waiting(f"compressing {reference} with {way}"):
            figures.append(measure(engine, reference, way, arguments.rounds))
    usual = figures[0]
    rows = [
        (
            str(one.compression),
            megabytes(one.on_wire),
            f"{one.on_wire / usual.on_wire:.3f}",
            f"{one.seconds:.1f}",
            f"{one.seconds / usual.seconds:.2f}",
            f"{one.cpu:.1f}",
            f"{one.cpu / usual.cpu:.2f}",
        )
        for one in figures
    ]
    if arguments.json:
        print_json({"image": reference, "figures": [asdict(one) for one in figures]})
    else:
        titles = ("compression", "on the wire", "of gzip's", "seconds", "of gzip's", "of CPU", "of gzip's")
        table(console(), titles, rows, right=(1, 2, 3, 4, 5, 6))


if __name__ == "__main__":
    main()
