"""The gates: `nox -l` lists them, `nox` runs them all, each refuses what is not good enough."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2026.10.20"
# Every tool stands in the one locked environment that `./run` makes; a second one would only be slower.
nox.options.default_venv_backend = "none"
nox.options.error_on_external_run = False
nox.options.stop_on_first_error = False

# The tools stand beside this Python, also where nox was called by its path.
os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
# nox shows every library's debug log; the engine's client writes one line for each request.
for name in ("urllib3", "docker"):
    logging.getLogger(name).setLevel(logging.WARNING)


# These need an image, a base or a cluster, and have sessions of their own.
ELSEWHERE = ("--ignore=tests/system", "--ignore=tests/layout")


def gate(session: nox.Session, name: str) -> None:
    """Run one gate; positional arguments are `--project DIR`, `--target TARGET` and the gate's own."""
    from drydock.gates import runner

    if fault := runner.run(name, session.posargs, session.log):
        session.error(str(fault))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and types: ruff, mypy and hadolint."""
    session.run("ruff", "format", "--check", ".", external=True)
    session.run("ruff", "check", ".", external=True)
    session.run("mypy", external=True)
    session.run("hadolint", "--failure-threshold", "style", "Dockerfile", external=True)


@nox.session
def container_tests(session: nox.Session) -> None:
    """Run the backend's unit tests inside the built image; positional arguments go to pytest."""
    gate(session, "container_tests")


@nox.session
def size_budget(session: nox.Session) -> None:
    """Weigh both images, by layer, package and file, against budgets, the base and main's last image."""
    gate(session, "size_budget")


@nox.session
def smoke(session: nox.Session) -> None:
    """Start both images as Kubernetes would, ask them over HTTP, and stop them."""
    gate(session, "smoke")


@nox.session
def security(session: nox.Session) -> None:
    """Hold Dockerfile and image against hadolint, checkov, Trivy and image/expectations.toml."""
    gate(session, "security")


@nox.session
def licences(session: nox.Session) -> None:
    """Hold the licences of everything in the image against the allow-list."""
    gate(session, "licences")


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Look up known vulnerabilities of everything in the image; fails when no database answers."""
    gate(session, "audit")


@nox.session
def build_cache(session: nox.Session) -> None:
    """Time cold and cached builds, and prove that a source change installs nothing again."""
    gate(session, "build_cache")


@nox.session(default=False)
def reproducible(session: nox.Session) -> None:
    """Build twice without any cache, and name the first file that differs."""
    gate(session, "reproducible")


@nox.session
def kubernetes(session: nox.Session) -> None:
    """Hold the manifests against strict schemas, checkov, Trivy and the settings that the image knows."""
    gate(session, "kubernetes")


@nox.session(default=False)
def official_layout(session: nox.Session) -> None:
    """Make a base with the official image's layout, and prove both images on it."""
    session.run("pytest", *(session.posargs or ["tests/layout"]), external=True)


@nox.session(default=False)
def cluster(session: nox.Session) -> None:
    """Deploy to the cluster that KUBECONFIG names and prove that the image runs there as it should."""
    gate(session, "cluster")


@nox.session
def integration(session: nox.Session) -> None:
    """Prove the production image against PostgreSQL, PgBouncer, Better Auth, MCP clients and a model."""
    from drydock.gates import runner

    image = runner.built("production", session.log)
    args = session.posargs or ["tests/system", "--ignore=tests/system/cluster"]
    session.run("pytest", *args, env={"DRYDOCK_IMAGE": image}, external=True)


@nox.session
def tests(session: nox.Session) -> None:
    """Run drydock's own tests; positional arguments go to pytest."""
    session.run("pytest", *ELSEWHERE, "-m", "not acceptance", *(session.posargs or ["tests"]), external=True)


@nox.session(default=False)
def acceptance(session: nox.Session) -> None:
    """Run every documented command, stop releases at each step, start other projects, search layers."""
    session.run("pytest", *ELSEWHERE, "-m", "acceptance", *(session.posargs or ["tests"]), external=True)


@nox.session(default=False)
def examples(session: nox.Session) -> None:
    """Build, start and ask every example of tests/apps; positional arguments name some of them, or --json."""
    session.run("python", "-m", "tests.verify", *session.posargs, external=True)


# Only when nox itself loads this file; then its command line is this process's.
if __name__ == "user_nox_module":
    from drydock import errors, sessions

    try:
        sessions.check(sys.argv[1:], nox.registry.get())
    except errors.UnknownSession as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
