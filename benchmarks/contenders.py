"""The compared images: production and slim, and the plain baseline, all of the last commit."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import BASELINE, PRODUCTION
from drydock.build import BuildResult, Options, build
from drydock.detect.project import load
from drydock.engine import Engine, connect
from drydock.progress import Say
from drydock.project import Project
from drydock.publish.builds import open_workspace
from drydock.workspace import Workspace
from tests.support.clone import ROOT, checkout

HERE = Path(__file__).parent / "baseline"
SLIM = "slim"
NAMES = (PRODUCTION, SLIM, BASELINE)
# Separate references: images built under `dev` stay untouched.
CHANNEL = "benchmark"


@dataclass(frozen=True)
class Contenders:
    """Checkouts of the last commit, one with our Dockerfile and one with the baseline's.

    Args:
        ours: Builds production and slim.
    """

    ours: Workspace
    plain: Path

    def build(
        self, name: str, *, cold: bool = False, change: Callable[[Project, Path], None] | None = None
    ) -> BuildResult:
        """Build one of the images.

        Args:
            cold: Without any cache, and with empty cache mounts.
            change: Applied to its checkout before.
        """
        options = self._options(name)
        context = options.context or self.ours.project.root
        if change:
            change(self.ours.project, context)
        self.ours.say(f"building {name}")
        return build(self.ours.engine, self.ours.project, options.but(no_cache=cold))

    def _options(self, name: str) -> Options:
        reference = self.ours.project.reference(name, CHANNEL)
        if name != BASELINE:
            return self.ours.options(Options(name, reference))
        base = {"PYTHON_IMAGE": self.ours.base.reference}
        return Options(name, reference, context=self.plain, build_args=base)


@contextmanager
def contenders(say: Say, engine: Engine | None = None) -> Iterator[Contenders]:
    """Check the last commit out, and remove the checkouts afterwards; the images stay.

    Args:
        engine: The machine's own by default.
    """
    with tempfile.TemporaryDirectory(prefix="drydock-benchmark-") as name:
        ours, plain = (checkout(Path(name) / folder) for folder in ("ours", "plain"))
        shutil.copy(HERE / "Dockerfile", plain / "Dockerfile")
        shutil.copy(HERE / "Dockerfile.dockerignore", plain / ".dockerignore")
        yield Contenders(open_workspace(engine or connect(), load(ours), say), plain)


@contextmanager
def code_of(revision: str) -> Iterator[Path]:
    """Check a revision out, for `python -m` in its folder, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="drydock-benchmark-") as name:
        yield checkout(Path(name) / "earlier", revision)


@contextmanager
def application_of(revision: str) -> Iterator[Path]:
    """Extract the application of a revision, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="drydock-benchmark-") as name:
        archive = subprocess.run(
            ["git", "archive", revision, "backend/todo_api"], cwd=ROOT, check=True, capture_output=True
        )
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
            packed.extractall(name, filter="data")
        # The container reads it as another user.
        Path(name).chmod(0o755)
        yield Path(name) / "backend/todo_api"
