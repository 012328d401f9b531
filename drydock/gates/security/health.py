"""See a container become healthy, stop its process, and see the engine notice."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple

from drydock.engine import Engine
from drydock.engine.runtime import NANOSECONDS, Run, Running, started
from drydock.gates import contents
from drydock.gates.expectations.findings import Finding, Report
from drydock.project import Project

SOURCE = "health"
POLL_SECONDS = 0.25
# The probe's interval in `Run.healthcheck`. The image's own, for production, would take longer, and is judged
# with the rest of the configuration.
PROBE_EVERY = 1.0
# For an engine that is busy with other containers, beyond HEALTHCHECK's own times.
SLACK_SECONDS = 15.0
# The engine's own defaults, for settings that HEALTHCHECK leaves out.
DEFAULTS = {"Interval": 30.0, "Timeout": 30.0, "Retries": 3.0, "StartPeriod": 0.0}


class Limits(NamedTuple):
    """Times to wait, in seconds."""

    healthy: float  # from the start until a working application counts as healthy
    noticed: float  # from a hang until the probe, at the interval used here, has noticed
    promised: float  # from a hang until unhealthy with the image's own interval and retries


def limits(healthcheck: Mapping[str, object]) -> Limits:
    """Return the times that a HEALTHCHECK promises, with slack for waiting."""

    def value(key: str) -> float:
        found = float(str(healthcheck.get(key) or 0))
        return (found if key == "Retries" else found / NANOSECONDS) or DEFAULTS[key]

    promised = (value("Interval") + value("Timeout")) * value("Retries")
    # Failures during the start period do not count.
    healthy = max(value("StartPeriod"), promised)
    return Limits(healthy + SLACK_SECONDS, PROBE_EVERY + value("Timeout") + SLACK_SECONDS, promised)


def probed(
    engine: Engine, project: Project, image: str, healthcheck: Mapping[str, object]
) -> AbstractContextManager[Running]:
    """Start an image whose probe runs more often than in production, so that it takes seconds to notice."""
    environment = project.development.environment
    wanted = Run(image, project.port, environment=environment, owner=contents.OWNER, healthcheck=healthcheck)
    return started(engine, wanted)


def watch(running: Running, healthcheck: Mapping[str, object], asked: bool = False) -> Report:
    """See a container healthy, suspend its process, and see it unhealthy.

    SIGSTOP leaves the port open and the process alive: only a probe that asks can tell. The probe's command
    and time-out are the image's own. Podman's engine has to be `asked` for each probe.
    """
    most = limits(healthcheck)
    seconds = _wait(running, "healthy", most.healthy, asked)
    if seconds is None:
        text = f"not healthy within {most.healthy:g} s: {_last(running)}"
        return Report(SOURCE, 1, (Finding("health", "start", text),))
    facts = {"healthy_seconds": seconds}
    running.container.kill(signal="SIGSTOP")
    seconds = _wait(running, "unhealthy", most.noticed, asked)
    if asked:
        running.container.kill()  # Podman would wait ten seconds for the suspended process
    if seconds is None:
        text = f"still healthy {most.noticed:g} s after its process was stopped"
        return Report(SOURCE, 1, (Finding("health", "hang", text),), facts=facts)
    facts |= {"unhealthy_seconds": seconds, "unhealthy_in_production_seconds": most.promised}
    return Report(SOURCE, 1, facts=facts)


def _wait(
    running: Running, wanted: str, most: float, asked: bool, clock: Callable[[], float] = time.monotonic
) -> float | None:
    """Return the seconds until a state; None when it did not come, or the container ended."""
    began = clock()
    while clock() - began < most:
        if asked:
            running.probe()
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
