"""See a container become healthy, stop its process, and see the engine notice."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drydock.engine import Engine
from drydock.gates.expectations import Finding, Report
from drydock.gates.security import contents
from drydock.project import Project
from drydock.runtime import Run, Running, started

SOURCE = "health"
POLL_SECONDS = 0.25
# For an engine that is busy with other containers, beyond what HEALTHCHECK itself promises.
SLACK_SECONDS = 15.0
NANOSECONDS = 1_000_000_000
# The engine's own defaults, for what HEALTHCHECK leaves out.
DEFAULTS = {"Interval": 30.0, "Timeout": 30.0, "Retries": 3.0, "StartPeriod": 0.0}


@dataclass(frozen=True)
class Promise:
    """Within which time HEALTHCHECK promises to notice, in seconds.

    Args:
        healthy: From the start until a working application counts as healthy.
        unhealthy: From the moment that it hangs until it counts as unhealthy.
    """

    healthy: float
    unhealthy: float


def promise(healthcheck: Mapping[str, object]) -> Promise:
    """Work out what a HEALTHCHECK promises."""

    def value(key: str) -> float:
        found = float(str(healthcheck.get(key) or 0))
        return (found if key == "Retries" else found / NANOSECONDS) or DEFAULTS[key]

    round_ = value("Interval") + value("Timeout")
    # The first probe runs one interval after the start; failures during the start period do not count.
    healthy = max(value("StartPeriod"), round_ * value("Retries"))
    return Promise(healthy + SLACK_SECONDS, round_ * value("Retries") + SLACK_SECONDS)


def run(engine: Engine, project: Project, image: str, healthcheck: Mapping[str, object]) -> Report:
    """Start an image, see it healthy, suspend its process, and see it unhealthy.

    SIGSTOP leaves the port open and the process there: only a probe that asks can tell.

    Args:
        engine: Where the image is.
        project: Says which environment a container needs.
        image: The image's id.
        healthcheck: As the image's configuration has it.
    """
    limits = promise(healthcheck)
    findings: list[Finding] = []
    facts: dict[str, float] = {}
    wanted = Run(image, port=project.port, environment=project.development.environment, owner=contents.OWNER)
    with started(engine, wanted) as running:
        seconds = _wait(running, "healthy", limits.healthy)
        if seconds is None:
            findings.append(
                Finding("health", "start", f"not healthy within {limits.healthy:g} s: {_last(running)}")
            )
            return Report(SOURCE, 1, tuple(findings))
        facts["healthy_seconds"] = seconds
        running.container.kill(signal="SIGSTOP")
        seconds = _wait(running, "unhealthy", limits.unhealthy)
        if seconds is None:
            findings.append(
                Finding(
                    "health", "hang", f"still healthy {limits.unhealthy:g} s after its process was stopped"
                )
            )
        else:
            facts["unhealthy_seconds"] = seconds
    return Report(SOURCE, 1, tuple(findings), facts=facts)


def _wait(
    running: Running, wanted: str, most: float, clock: Callable[[], float] = time.monotonic
) -> float | None:
    """Return the seconds until a state; None when it did not come, or the container ended."""
    began = clock()
    while clock() - began < most:
        running.container.reload()
        state = running.container.attrs["State"]
        if state.get("Health", {}).get("Status") == wanted:
            return round(clock() - began, 1)
        if not state["Running"]:
            return None
        time.sleep(POLL_SECONDS)
    return None


def _last(running: Running) -> str:
    running.container.reload()
    state = running.container.attrs["State"]
    if not state["Running"]:
        return f"the container exited with {state['ExitCode']}: {running.log(3)}"
    log = state.get("Health", {}).get("Log") or [{}]
    return str(log[-1].get("Output", "no probe ran")).strip()
