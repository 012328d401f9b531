"""Prometheus metrics, correct with several workers.

With more than one worker, each process stores its numbers in files, which any of them adds up. The folder is
named after the supervisor: all its workers share it, and a new start begins at zero.
"""

from __future__ import annotations

import os
from pathlib import Path

from todo_api.settings import DEFAULT_DATA_DIR

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def _prepare_folder() -> None:
    """Choose the shared folder; the client library reads its name when imported."""
    if MULTIPROCESS_VARIABLE not in os.environ and int(os.environ.get("WEB_CONCURRENCY") or 1) > 1:
        supervisor = os.getppid()
        try:
            started = Path(f"/proc/{supervisor}/stat").read_text().rpartition(")")[2].split()[19]
        except OSError:
            started = "0"
        base = Path(os.environ.get("DATA_DIR") or DEFAULT_DATA_DIR)
        os.environ[MULTIPROCESS_VARIABLE] = str(base / f"metrics-{supervisor}-{started}")
    if folder := os.environ.get(MULTIPROCESS_VARIABLE):
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)


_prepare_folder()

from prometheus_client import (  # noqa: E402 (after the folder is known)
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

REQUESTS = Counter("http_requests", "Requests answered.", ("method", "route", "status"))
DURATION = Histogram(
    "http_request_duration_seconds",
    "Seconds from a request's first byte to its response's last.",
    ("method", "route"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
)
IN_FLIGHT = Gauge("http_requests_in_flight", "Requests being answered.", multiprocess_mode="livesum")
RATE_LIMITED = Counter("rate_limited_requests", "Requests refused by a rate limit.", ("limit",))
JWKS_FETCHES = Counter("jwks_fetches", "Fetches of the issuer's keys.", ("outcome",))
CHAT_TURNS = Counter("chat_turns", "Chat turns ended.", ("outcome",))
CHAT_DURATION = Histogram(
    "chat_turn_duration_seconds", "Seconds of a chat turn.", buckets=(0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)
)


def render() -> tuple[bytes, str]:
    """Return the metrics of all workers as text, and its media type."""
    registry = REGISTRY
    if folder := os.environ.get(MULTIPROCESS_VARIABLE):
        from prometheus_client.multiprocess import MultiProcessCollector

        _forget_killed(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST


def _forget_killed(folder: Path) -> None:
    """Remove the gauges of killed processes from the sum."""
    from prometheus_client.multiprocess import mark_process_dead

    for process in {path.stem.rpartition("_")[2] for path in folder.glob("gauge_live*.db")}:
        if not Path("/proc", process).exists():
            mark_process_dead(int(process))  # type: ignore[no-untyped-call]


def forget_process() -> None:
    """Remove this process's gauges from the sum at its end."""
    if os.environ.get(MULTIPROCESS_VARIABLE):
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
