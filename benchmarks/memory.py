"""Measure the memory of `drydock size` and `drydock sbom` on an image of 5 GB with a hundred thousand files.

The image is built on the engine, and removed at the end. Its large files are holes, which take no room on the
engine; the saved image is of full size, and needs it in the engine's and in this machine's temporary folder.
Each command runs with an empty cache, so that it reads every byte. Its figure is the peak of its largest
process.

    ./run python -m benchmarks.memory             takes about five minutes on two cores
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.figures import PRODUCTION, BenchmarkFailed, Figure, Goal, narrator, parser, show
from drydock import base, command
from drydock.detect.project import load
from drydock.engine import Engine, connect
from drydock.progress import Say
from tests.support.images import remove_repository

# The name of the project's images.
IMAGE = "drydock-benchmark-memory"
MOST = Goal(500)
MEGABYTE = 1_000_000
PROJECT = f'[project]\nname = "{IMAGE}"\nversion = "1"\ndependencies = ["fastapi"]\n'
# Packages with records of their own, as an environment for machine learning has, and few large libraries.
DOCKERFILE = r"""
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
RUN --network=none python3 - <<'SCRIPT'
import os
from pathlib import Path

PACKAGES, FILES, LARGE = 250, 400, 16
site = Path("/opt/venv/lib/python3.13/site-packages")
for number in range(PACKAGES):
    name = f"package_{number}"
    folder, record = site / name, site / f"{name}-1.0.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nLicense: MIT\n")
    listed = []
    for file in range(FILES):
        path = folder / f"part_{file // 40}" / f"a_module_{file}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"value = {number * FILES + file}\n" * 20)
        listed.append(f"{path.relative_to(site)},sha256=x,1")
    (record / "RECORD").write_text("\n".join(listed))
for number in range(LARGE):
    path = site / f"package_{number}" / "library.so"
    path.touch()
    os.truncate(path, BYTES // LARGE)
SCRIPT
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    say = narrator()
    with tempfile.TemporaryDirectory(prefix="drydock-benchmark-") as name:
        root = Path(name) / "project"
        root.mkdir()
        (root / "pyproject.toml").write_text(f'{PROJECT}\n[tool.drydock]\nimage = "{IMAGE}"\n')
        (root / "main.py").write_text("import fastapi\n\napp = fastapi.FastAPI()\n")
        engine, project = connect(), load(root)
        reference = project.reference("production")
        try:
            _build(
                engine, root, base.resolve(engine, project, say=say).reference, reference, options.bytes, say
            )
            runs = {"size": ("size", reference), "sbom": ("sbom",)}
            figures = []
            for task, words in runs.items():
                say(f"drydock {task}")
                peak = _peak(engine, (*words, "--project", str(root)), Path(name) / task)
                figures.append(Figure(f"peak memory of `drydock {task}`", "MB", {PRODUCTION: peak}, MOST))
        finally:
            remove_repository(engine, IMAGE)
    return show("memory", figures, options)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument(
        "--bytes", type=int, default=5_000_000_000, metavar="N", help="of the image's large files (5 GB)"
    )
    return made.parse_args(arguments)


def _build(engine: Engine, root: Path, python: str, reference: str, size: int, say: Say) -> None:
    say(f"building an image of {size / 1e9:g} GB")
    dockerfile = root / "large.Dockerfile"
    dockerfile.write_text(DOCKERFILE.replace("BYTES", str(size)))
    args = ["docker", "build", "--quiet", f"--file={dockerfile}", f"--build-arg=PYTHON_IMAGE={python}"]
    command.run([*args, f"--tag={reference}", str(root)], env=engine.environment)


def _peak(engine: Engine, words: Sequence[str], home: Path) -> float:
    """Run a command of drydock for a user without a cache; return its largest process's memory in MB."""
    environment: Mapping[str, str] = {
        **os.environ,
        **engine.environment,
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_STATE_HOME": str(home / "state"),
    }
    # One process measures one command: the system keeps the largest child only.
    code = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
    )
    code += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(done.returncode)"
    args = [sys.executable, "-c", code, sys.executable, "-m", "drydock.cli", *words]
    done = subprocess.run(args, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise BenchmarkFailed(f"`drydock {' '.join(words)}` exited with {done.returncode}")
    return int(done.stdout) * 1024 / MEGABYTE


if __name__ == "__main__":
    sys.exit(main())
