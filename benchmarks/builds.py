"""Time `invoke build` as a whole process: cold, with nothing changed, and with one source file changed.

Run it with `./run python -m benchmarks.builds`; it works in a clone of the last commit.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from drydock.gates.cache import touch_source
from drydock.project import load
from drydock.report import console, megabytes
from drydock.report.tables import table

ROOT = Path(__file__).resolve().parent.parent
REPETITIONS = 3


def build(project: Path, *options: str) -> tuple[float, dict[str, Any]]:
    """Run `invoke build` and return its seconds as a process, start-up included, and its result."""
    args = [sys.executable, "-m", "invoke", "--search-root", str(ROOT), "build", "--json"]
    began = time.perf_counter()
    done = subprocess.run(
        [*args, "--project", str(project), *options], check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    return time.perf_counter() - began, json.loads(done.stdout)


def main() -> None:
    """Measure and print."""
    out = console()
    with tempfile.TemporaryDirectory(prefix="drydock-benchmark-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        cold, result = build(clone, "--no-cache")
        slim = build(clone, "--target", "slim")[1]
        build(clone)
        unchanged = min(build(clone)[0] for _ in range(REPETITIONS))
        changed = []
        for _ in range(REPETITIONS):
            touch_source(load(clone), clone)
            changed.append(build(clone)[0])
    rows = [
        ("cold", f"{cold:.1f}", "1.00"),
        ("nothing changed", f"{unchanged:.1f}", f"{unchanged / cold:.2f}"),
        ("one source file changed", f"{min(changed):.1f}", f"{min(changed) / cold:.2f}"),
    ]
    table(out, ("invoke build", "seconds", "of cold"), rows, right=(1, 2))
    sizes = [
        (
            name,
            megabytes(found["on_disk"]),
            megabytes(found["on_wire"]),
            f"{found['on_disk'] / slim['on_disk']:.2f}",
        )
        for name, found in (("production", result), ("slim", slim))
    ]
    table(out, ("image", "on disk", "on the wire", "of slim on disk"), sizes, right=(1, 2, 3))


if __name__ == "__main__":
    main()
