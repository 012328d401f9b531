"""A small git project whose image builds in a second, and receipts for it."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drydock.detect.project import load
from drydock.engine import Engine
from drydock.gates import closure, proof
from drydock.gates.gate import registry
from drydock.image import content_digest
from drydock.publish.builds import open_workspace
from drydock.state.receipts import Receipts
from drydock.verdict import Outcome, Verdict
from drydock.workspace import Workspace
from tests.support.images import remove_repository

MANIFEST = """\
[project]
name = "{name}"
version = "{version}"
[tool.drydock]
base = "{base}"
"""
DOCKERFILE = "# drydock's\nFROM scratch AS production\nCOPY pyproject.toml /\n"
# Gates that an image of the target `production` must pass before a push.
PASSED = ("container_tests", "size_budget", "smoke", "security", "licences")


class Ship:
    """A project to push and release.

    Args:
        base: A base image that the engine has.
    """

    def __init__(self, engine: Engine, root: Path, base: str) -> None:
        self.engine = engine
        self.root = root
        self.base = base
        self.name = f"drydock-test-{uuid.uuid4().hex[:12]}"
        root.mkdir()
        (root / "Dockerfile").write_text(DOCKERFILE)
        (root / "requirements.lock").touch()
        self.git("init", "--quiet")
        self.commit("1.4.2")

    def commit(self, version: str) -> None:
        """Commit the project with another version."""
        (self.root / "pyproject.toml").write_text(
            MANIFEST.format(name=self.name, version=version, base=self.base)
        )
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", version)

    def git(self, *args: str) -> None:
        """Run git here, without a user's settings."""
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", *identity, *args], cwd=self.root, check=True)

    def workspace(self) -> Workspace:
        """Return a new process's workspace, without cached facts."""
        return open_workspace(self.engine, load(self.root))


@contextmanager
def ship_project(engine: Engine, root: Path, base: str) -> Iterator[Ship]:
    """Create a project, and remove its images afterwards."""
    made = Ship(engine, root, base)
    try:
        yield made
    finally:
        remove_repository(engine, made.name)


def pass_gates(workspace: Workspace, *names: str) -> None:
    """Write receipts for the image of the target `production`, as if gates had passed."""
    image = workspace.measured("production")
    # A later process would read the gates' code again.
    closure.forget()
    for name in names:
        defined = proof.defined(registry()[name], workspace.project, "production")
        verdict = Verdict(name, Outcome.PASSED, "well")
        Receipts().write(defined, verdict, content=content_digest(image), image=image.id, tools={})
