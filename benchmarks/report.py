"""Time `invoke report` as a whole process, and its page in a real Chromium until every chart is drawn.

Run it with `./run python -m benchmarks.report`; the image must have been built. The goals are five seconds
for the report and one for the page; ratios are against `invoke size`, which looks at the same image, and
against an empty page in the same browser.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from drydock.report import console
from drydock.report.tables import table
from tests.support import packages

ROOT = Path(__file__).resolve().parent.parent
REPETITIONS = 5
EMPTY = "<!doctype html><title>empty</title><p>nothing"
# The page's scripts stand at its end and draw before the browser calls it loaded.
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def task(*args: str) -> tuple[float, dict[str, Any]]:
    """Run a task; return its seconds as a process, start-up included, and its result."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "invoke", *args, "--json"]
    done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return time.perf_counter() - began, json.loads(done.stdout)


def opened(browser: Browser, page: Path) -> tuple[float, float]:
    """Open a page in a context of its own; return milliseconds to its first text and to its end."""
    context = browser.new_context(offline=True)
    try:
        tab = context.new_page()
        tab.goto(page.as_uri())
        tab.wait_for_function(f"{LOADED} > 0 && performance.getEntriesByType('paint').length > 0")
        return tab.evaluate(PAINTED), tab.evaluate(LOADED)
    finally:
        context.close()


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="drydock-benchmark-") as folder, sync_playwright() as playwright:
        page, empty = Path(folder) / "report.html", Path(folder) / "empty.html"
        empty.write_text(EMPTY)
        size = statistics.median(task("size")[0] for _ in range(REPETITIONS))
        report = statistics.median(task("report", "--output", str(page))[0] for _ in range(REPETITIONS))
        browser = playwright.chromium.launch(executable_path=packages.chromium())
        opened(browser, empty)  # the first page of a browser starts its processes
        times = {
            name: [
                statistics.median(one)
                for one in zip(*(opened(browser, path) for _ in range(REPETITIONS)), strict=True)
            ]
            for name, path in (("empty page", empty), ("report", page))
        }
        browser.close()
        weight = page.stat().st_size
    out = console()
    rows = [("invoke size", f"{size:.1f}", "1.0"), ("invoke report", f"{report:.1f}", f"{report / size:.1f}")]
    table(out, ("task", "seconds", "of invoke size"), rows, right=(1, 2))
    (_, least), (text, loaded) = times["empty page"], times["report"]
    rows = [
        ("empty page, loaded", f"{least:.0f}", "1.0"),
        ("report, first text", f"{text:.0f}", f"{text / least:.1f}"),
        ("report, every chart drawn", f"{loaded:.0f}", f"{loaded / least:.1f}"),
    ]
    table(out, ("Chromium", "milliseconds", "of the empty page"), rows, right=(1, 2))
    out.print(f"the page has {weight / 1000:.0f} kB")


if __name__ == "__main__":
    main()
