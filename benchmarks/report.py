"""Time `invoke report` as a whole process, and its page in a real Chromium until every chart is drawn.

Run it with `./run python -m benchmarks.report`; the image must have been built. The goals are five seconds
for the report and one for the page. Ratios are to `invoke size`, which reads the same image, and to an empty
page in the same browser.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from drydock.report import console
from drydock.report.tables import table
from tests.support import packages

ROOT = Path(__file__).resolve().parent.parent
REPETITIONS = 5
EMPTY = "<!doctype html><title>empty</title><p>nothing"
# The page's scripts are at its end and draw before the browser's load event.
FIGURES = ("first text", "every chart drawn", "on a processor")
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def task(*args: str) -> tuple[float, float]:
    """Run a task as a process; return its seconds including start-up, and its CPU seconds."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "invoke", *args, "--json"]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, used


def opened(browser: Browser, page: Path) -> tuple[float, float, float]:
    """Open a page in a new context.

    Returns:
        Milliseconds until its first text, until it is loaded, and of CPU time of the page's thread: the only
        meaningful figure on a busy machine.
    """
    context = browser.new_context(offline=True)
    try:
        tab = context.new_page()
        session = context.new_cdp_session(tab)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        tab.goto(page.as_uri())
        tab.wait_for_function(f"{LOADED} > 0 && performance.getEntriesByType('paint').length > 0")
        metrics = session.send("Performance.getMetrics")["metrics"]
        (work,) = [metric["value"] for metric in metrics if metric["name"] == "TaskDuration"]
        return tab.evaluate(PAINTED), tab.evaluate(LOADED), 1000 * work
    finally:
        context.close()


def medians(measure: Callable[[], tuple[float, ...]]) -> tuple[float, ...]:
    """Measure several times and return the median of each figure."""
    return tuple(map(statistics.median, zip(*(measure() for _ in range(REPETITIONS)), strict=True)))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="drydock-benchmark-") as folder, sync_playwright() as playwright:
        page, empty = Path(folder) / "report.html", Path(folder) / "empty.html"
        empty.write_text(EMPTY)
        size = medians(lambda: task("size"))
        report = medians(lambda: task("report", "--output", str(page)))
        browser = playwright.chromium.launch(executable_path=packages.chromium())
        opened(browser, empty)  # a browser's first page starts its processes
        nothing, whole = medians(lambda: opened(browser, empty)), medians(lambda: opened(browser, page))
        browser.close()
        weight = page.stat().st_size
    out = console()
    table(
        out,
        ("task", "seconds", "on a processor", "of invoke size"),
        [
            (name, f"{seconds:.1f}", f"{used:.1f}", f"{used / size[1]:.1f}")
            for name, (seconds, used) in (("invoke size", size), ("invoke report", report))
        ],
        right=(1, 2, 3),
    )
    table(
        out,
        ("Chromium, milliseconds", "empty page", "report", "ratio"),
        [
            (what, f"{least:.0f}", f"{found:.0f}", f"{found / least:.1f}")
            for what, least, found in zip(FIGURES, nothing, whole, strict=True)
        ],
        right=(1, 2, 3),
    )
    out.print(f"the page has {weight / 1000:.0f} kB")


if __name__ == "__main__":
    main()
