"""A real Chromium without a network, and the page of an image that attacks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from drydock.detect.project import load
from drydock.report.page import file, render
from tests.conftest import write_files
from tests.report import contents
from tests.support import packages


@dataclass
class Tab:
    """An open page and its events.

    Args:
        complaints: Console messages and uncaught errors.
        requests: Requested addresses.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


OpenPage = Callable[..., Tab]


# Only for a module: while it runs, Playwright's event loop keeps other tests from starting one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=packages.chromium())
        yield running
        running.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    manifest = '[project]\nname = "shop"\nversion = "1.4.2"\nrequires-python = ">=3.13"\n'
    project = load(write_files(folder / "project", {"pyproject.toml": manifest}))
    taken_apart = contents.anatomy(folder, contents.RUNTIME, contents.DEPENDENCIES, contents.APPLICATION)
    path = folder / "report.html"
    file.write(path, render.render(contents.content(folder, project, taken_apart)))
    return path


@pytest.fixture
def open_page(browser: Browser, report: Path) -> Iterator[OpenPage]:
    """Return a function that opens the page in a new context with Playwright's options."""
    contexts = []

    def open_it(**options: object) -> Tab:
        context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900}, **options)  # type: ignore[arg-type]
        contexts.append(context)
        tab = Tab(context.new_page())
        tab.page.on("console", lambda message: tab.complaints.append(message.text))
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.page.on("request", lambda request: tab.requests.append(request.url))
        tab.page.goto(report.as_uri())
        return tab

    yield open_it
    for context in contexts:
        context.close()
