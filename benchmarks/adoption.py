"""Figures of a first day: drydock by `uvx` in another author's project, which has no file of drydock's.

Cold has an empty cache of uv, no state of drydock and no layer of an earlier build; the base image is there,
as on any machine that builds such images. Warm is the same command again. Both end when the request that
`drydock run` prints was answered with 2xx. Files and lines are those that `drydock init` writes, without
locks.

    ./run python -m benchmarks.adoption           takes about a minute on two cores
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import PRODUCTION, BenchmarkFailed, Figure, Goal, narrator, parser, show
from drydock.engine import connect
from drydock.programs import uv
from drydock.progress import Say
from tests.support.images import remove_repository
from tests.support.repository import git

ROOT = Path(__file__).resolve().parent.parent
NAME = "drydock-benchmark-adoption"
FILES = {
    "pyproject.toml": f"""\
[project]
name = "{NAME}"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["fastapi", "uvicorn"]
""",
    "main.py": """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health() -> dict[str, bool]:
    return {"ok": True}
""",
}
END_SECONDS = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the steps, print the figures, and return the exit code."""
    options, say = parser(__doc__).parse_args(arguments), narrator()
    with tempfile.TemporaryDirectory() as name:
        try:
            seconds, written = _first_day(Path(name), say)
        finally:
            remove_repository(connect(), NAME)
    figures = [
        *(Figure(what, "s", {PRODUCTION: taken}) for what, taken in seconds.items() if what != "explain"),
        Figure("drydock explain", "s", {PRODUCTION: seconds["explain"]}, Goal(1)),
        Figure("files that init writes", "", {PRODUCTION: len(written)}, Goal(4)),
        Figure("their lines", "", {PRODUCTION: sum(written.values())}, Goal(250)),
        Figure("lines of the Dockerfile", "", {PRODUCTION: written["Dockerfile"]}, Goal(120)),
    ]
    return show("from uvx to a running container", figures, options)


def _first_day(folder: Path, say: Say) -> tuple[dict[str, float], dict[str, int]]:
    """Return the seconds of each step, and the lines of each written file."""
    say("building the wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target=wheel", f"--directory={folder}/index"]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = (folder / "index").iterdir()
    project = folder / NAME
    project.mkdir()
    for path, text in FILES.items():
        (project / path).write_text(text)
    git(project, "init", "--quiet")
    # Of this process's variables, none that lead to this repository's environment.
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    own = {name: f"{folder}/{name}" for name in ("UV_CACHE_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME")}
    uvx = [uv(), "tool", "run", "--quiet", "--no-config", "--from", str(wheel), "drydock"]
    typed = Typed(uvx, project, kept | own)

    say("cold: uvx, a build without cache, and a start")
    cold_build = typed.seconds("build", "--no-cache")
    cold = cold_build + typed.answered()
    say("warm: uvx, and a start")
    seconds = {
        "cold, to a built image": cold_build,
        "cold, to an answer": cold,
        "warm, to an answer": typed.answered(),
        "explain": typed.seconds("explain"),
    }
    typed.seconds("init")
    written = git(project, "ls-files", "--others", "--exclude-standard").split()
    mine = [path for path in written if path not in FILES and not path.endswith(".lock")]
    return seconds, {path: len((project / path).read_text().splitlines()) for path in mine}


@dataclass(frozen=True)
class Typed:
    """A program in a project, as a person types it."""

    program: Sequence[str]
    folder: Path
    environment: Mapping[str, str]

    def seconds(self, *words: str) -> float:
        """Return the seconds of a command to its end."""
        began = time.monotonic()
        done = subprocess.run(
            [*self.program, *words],
            cwd=self.folder,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise BenchmarkFailed(f"drydock {' '.join(words)}: {done.stderr}")
        return time.monotonic() - began

    def answered(self) -> float:
        """Return the seconds of `drydock run` to the answer of the request that it prints."""
        began = time.monotonic()
        process = subprocess.Popen(
            [*self.program, "run"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert process.stdout  # noqa: S101 - it is a pipe
        try:
            while not (line := process.stdout.readline()).startswith("curl "):
                if not line:
                    raise BenchmarkFailed("drydock run ended before it was ready")
            with urllib.request.urlopen(shlex.split(line)[-1]) as answer:  # noqa: S310 - of this machine
                answer.read()
            return time.monotonic() - began
        finally:
            # A shell makes background processes ignore Ctrl-C.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(END_SECONDS)
            process.stdout.close()


if __name__ == "__main__":
    sys.exit(main())
