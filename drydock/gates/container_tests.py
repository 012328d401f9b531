"""The application's own unit tests, inside the image that ships."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from drydock.engine import Engine
from drydock.engine.runtime import Run, started
from drydock.verdict import Outcome, Verdict

GATE = "container_tests"
EVIDENCE_LINES = 40
NO_TESTS = 5  # pytest's exit code when it collected nothing
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_COUNTS = re.compile(
    r"^=*\s*((?:\d+ (?:passed|failed|errors?|skipped|deselected|warnings?)(?:, )?)+) in ", re.MULTILINE
)


def run(engine: Engine, image: str, target: str, args: Sequence[str], show: Callable[[str], None]) -> Verdict:
    """Run pytest in a container of the test image, restricted as in production.

    Args:
        engine: Where the image is.
        image: Id of the test image, built on the target's layers.
        target: The target that is judged, for the message.
        args: Arguments for pytest.
        show: Takes pytest's output as it comes.
    """
    began = time.monotonic()
    output: list[str] = []
    with started(engine, Run(image, command=args, owner=GATE)) as running:
        for chunk in running.container.logs(stream=True, follow=True):
            text = chunk.decode("utf-8", "replace")
            output.append(text)
            show(text)
        code = int(running.container.wait()["StatusCode"])
    return judge(target, code, "".join(output), time.monotonic() - began)


def judge(target: str, code: int, output: str, seconds: float) -> Verdict:
    """Decide from pytest's exit code and output; the summary names the first failing test."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    counted = _COUNTS.findall(plain)
    counts = counted[-1].strip(", ") if counted else ""
    failed = _FAILED.findall(plain)
    measurements = {"tests": counts, "failed": failed}
    if code == 0 and "passed" in counts:
        return Verdict(
            GATE,
            Outcome.PASSED,
            f"{counts} in the {target} image",
            measurements=measurements,
            seconds=seconds,
        )
    tail = "\n".join(plain.strip().splitlines()[-EVIDENCE_LINES:])
    if failed:
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        summary = f"{counts} in the {target} image: {failed[0]}{more}"
        return Verdict(
            GATE, Outcome.FAILED, summary, evidence=tail, measurements=measurements, seconds=seconds
        )
    if code in (0, NO_TESTS):
        summary = f"pytest found no test to run in the {target} image"
    else:
        summary = f"pytest exited with {code} in the {target} image"
    return Verdict(GATE, Outcome.COULD_NOT_CHECK, summary, evidence=tail, seconds=seconds)
