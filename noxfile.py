"""The gates: `nox -l` lists them, `nox` runs them all, each refuses what is not good enough.

`drydock.sessions` makes a session of each gate; this repository's own are below.
"""

from __future__ import annotations

from typing import Any

import nox

# These need an image, a base or a cluster, and have sessions of their own.
ELSEWHERE = ("--ignore=tests/system", "--ignore=tests/base/official_layout")
# Tests that wait for containers leave a core idle. A file's tests share servers, and stay together.
IN_TWO = ("-n", "2", "--dist", "loadfile")
# A third of the integration tests' time is waiting: for answers that do not come, and for containers to end.
IN_THREE = ("-n", "3", "--dist", "loadfile")
# Tests without an engine use what the others leave idle.
IN_FOUR = ("-n", "4", "--dist", "loadfile")
# In the order of the conftest.py files: without it, the file of the most tests would be the first.
LONGEST_FIRST = "--no-loadscope-reorder"
SLOWEST = "--durations=20"
# Each zstd compressor fills tens of megabytes. glibc would return them to the kernel each time, and get them
# back page by page: the kernel's half of the time of tests with small images. Other C libraries ignore these.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**30)}
# After Ctrl-C, tests stop their servers and remove their containers; nox would kill them within a second.
PATIENTLY: dict[str, Any] = {"external": True, "interrupt_timeout": 20.0, "terminate_timeout": 60.0}


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types and layers: ruff, mypy, import-linter and hadolint."""
    if session.posargs:
        session.error("error: lint looks at this repository alone and takes no arguments; give none")
    session.run("ruff", "format", "--check", ".", external=True)
    session.run("ruff", "check", ".", external=True)
    session.run("mypy", external=True)
    session.run("lint-imports", external=True)
    session.run("hadolint", "--failure-threshold", "style", "Dockerfile", external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation as a site, and refuse a link that leads nowhere."""
    args = session.posargs or ["build", "--quiet", "--strict"]
    session.run("python", "-m", "mkdocs", *args, external=True)


from drydock import sessions  # noqa: E402 - in the order of the list, style comes first


@nox.session
def integration(session: nox.Session) -> None:
    """Prove the production image against PostgreSQL, PgBouncer, Better Auth, MCP clients and a model."""
    _, image = sessions.built("production", session)
    # It counts the seconds after a fault: another test's load would add to them.
    alone = "tests/system/test_faults.py"
    others = (*IN_THREE, LONGEST_FIRST, "--ignore=tests/system/cluster", f"--ignore={alone}", "tests/system")
    for args in (session.posargs,) if session.posargs else ((alone,), others):
        session.run("pytest", *args, SLOWEST, env={"DRYDOCK_IMAGE": image}, **PATIENTLY)


@nox.session
def tests(session: nox.Session) -> None:
    """Run drydock's own tests; positional arguments go to pytest."""
    # Options alone, as -x or --lf, are for all tests.
    all_of_them = all(arg.startswith("-") for arg in session.posargs)
    args = [*IN_FOUR, LONGEST_FIRST, "tests", *session.posargs] if all_of_them else session.posargs
    session.run("pytest", *ELSEWHERE, SLOWEST, "-m", "not acceptance", *args, env=KEEP_MEMORY, **PATIENTLY)


@nox.session(default=False)
def cluster_tests(session: nox.Session) -> None:
    """Prove two projects' deployments on the cluster that KUBECONFIG names: ours and another author's."""
    reference, _ = sessions.built("production", session)
    # What they wait for is the cluster, whose clocks run side by side.
    args = session.posargs or ["-n", "2", SLOWEST, "tests/system/cluster"]
    session.run("pytest", *args, env={"DRYDOCK_CLUSTER_IMAGE": reference}, **PATIENTLY)


@nox.session(default=False)
def official_layout(session: nox.Session) -> None:
    """Make a base with the official image's layout, and prove both images on it."""
    session.run("pytest", *(session.posargs or ["tests/base/official_layout"]), **PATIENTLY)


@nox.session(default=False)
def acceptance(session: nox.Session) -> None:
    """Run every documented command, stop releases at each step, start other projects, search layers."""
    args = session.posargs or [*IN_TWO, "tests"]
    session.run("pytest", *ELSEWHERE, SLOWEST, "-m", "acceptance", *args, **PATIENTLY)


@nox.session(default=False)
def examples(session: nox.Session) -> None:
    """Build, start and ask every example of tests/apps; positional arguments name some of them, or --json."""
    session.run("python", "-m", "tests.verify", *session.posargs, **PATIENTLY)
