"""Run one neighbourhood of servers for a process's tests, and one container that most of them share."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import pytest

from drydock import engine
from tests.support.systems import Account, App, Systems, systems

LOG_LINES = 60


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the container's log to a failed test."""
    report = yield
    app = getattr(item, "funcargs", {}).get("app")
    if report.failed and isinstance(app, App):
        report.sections.append(("container log", app.running.log(LOG_LINES)))
    return report


# By their tests' seconds.
LONGEST = (
    *("test_schemathesis", "test_chat", "test_postgres"),
    *("test_better_auth", "test_lifecycle", "test_kagent_agent"),
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files: one that begins late would run alone at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def neighbourhood() -> Iterator[Systems]:
    """All servers that the application works with; at the end, no secret is in any container's log."""
    with systems(engine.connect(), os.environ["DRYDOCK_IMAGE"]) as found:
        yield found
    assert found.ledger.told() == []


@pytest.fixture(scope="session")
def app(neighbourhood: Systems) -> Iterator[App]:
    """A production container that most tests share; tests that break something start their own."""
    database = neighbourhood.postgres.create_database("shared")
    with neighbourhood.app(neighbourhood.environment(database)) as running:
        yield running


@pytest.fixture
def ada(neighbourhood: Systems) -> Account:
    return neighbourhood.account()


@pytest.fixture
def grace(neighbourhood: Systems) -> Account:
    return neighbourhood.account()
