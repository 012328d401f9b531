"""Load on one path, made by wrk: a client that costs so little that the server is what is measured."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from drydock import command
from tests.support import packages

SCRIPT = Path(__file__).with_name("load.lua")
CONNECTIONS = 16
# wrk counts a slower answer as an error; here it is a slow answer.
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Load:
    """What one round of load came back with.

    Args:
        requests: Answers.
        rate: Answers a second.
        p99: Seconds within which 99 of 100 answers came.
        failed: Answers other than 2xx or 3xx, and requests without an answer.
    """

    requests: int
    rate: float
    p99: float
    failed: int


def load(url: str, token: str, method: str, path: str, seconds: float, body: str = "") -> Load:
    """Ask one path without a pause on a few connections.

    Args:
        url: The service's address.
        token: Bearer token.
        method: HTTP method.
        path: Path and query.
        seconds: How long.
        body: JSON text; empty for none.
    """
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
