"""Load on one path by wrk, a client so cheap that the server is the bottleneck."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from drydock import command
from tests.support import packages

SCRIPT = Path(__file__).with_name("load.lua")
CONNECTIONS = 16
# wrk counts slower answers as errors; here they are slow answers.
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Load:
    """Results of one round of load.

    Args:
        requests: Number of answers.
        rate: Answers a second.
        p99: Seconds within which 99 of 100 answers came.
        failed: Answers other than 2xx or 3xx, and requests without an answer.
    """

    requests: int
    rate: float
    p99: float
    failed: int


def load(url: str, token: str, method: str, path: str, seconds: float, body: str = "") -> Load:
    """Request one path without a pause on a few connections; an empty body sends none."""
    headers = [f"Authorization: Bearer {token}", *(["Content-Type: application/json"] if body else [])]
    done = command.run(
        [
            *packages.wrk(),
            *("--threads", "1", "--connections", str(CONNECTIONS)),
            *("--duration", f"{seconds:g}s", "--timeout", f"{TIMEOUT_SECONDS}s"),
            *(part for header in headers for part in ("--header", header)),
            *("--script", str(SCRIPT), url, "--", method, path, body),
        ]
    )
    result = json.loads(done.stdout.splitlines()[-1])
    requests = int(result["requests"])
    return Load(requests, requests / result["seconds"], result["p99"], int(result["failed"]))
