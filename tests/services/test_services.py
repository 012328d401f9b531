"""A service's image is found, pulled or built; errors of services and migrations include their log."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from drydock import services
from drydock.base import make, pull
from drydock.command import Completed
from drydock.engine.runtime import Run
from drydock.progress import silent
from drydock.recipe.backing import POSTGRES
from drydock.services.errors import MigrationFailed, NoService, NotAnswering
from tests.conftest import MakeProject


class Container:
    """A container that ends with a code; every command in it fails."""

    def __init__(self, code: int) -> None:
        self.container = self
        self.code = code

    def wait(self) -> dict[str, int]:
        return {"StatusCode": self.code}

    def execute(self, *words: str) -> Completed:
        """Fail."""
        return Completed(words, 2, "", "")

    def alive(self) -> bool:
        """Never end."""
        return True

    def log(self) -> str:
        return "relation orders exists"


def engine(*tags: str) -> Any:
    listed = [SimpleNamespace(tags=[tag]) for tag in tags]
    return SimpleNamespace(sdk=SimpleNamespace(images=SimpleNamespace(list=lambda **_: listed)))


@pytest.mark.parametrize(
    ("tags", "taken"),
    [(("postgres:15", "postgres:17"), "postgres:17"), (("postgres:15", "postgres:16"), "postgres:16")],
)
def test_a_local_image_of_any_version_is_taken(
    tags: tuple[str, ...], taken: str, make_project: MakeProject
) -> None:
    assert services.image(engine(*tags), make_project({}), POSTGRES, silent) == taken


def test_an_image_that_is_nowhere_names_every_reason(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.bases, "look", lambda *_: None)
    monkeypatch.setattr(pull, "pull", lambda *_: "no such host")
    monkeypatch.setattr(make, "plan_of", lambda *_: "that takes root")

    with pytest.raises(NoService, match=r"cannot be pulled \(no such host\) or made here \(that takes root"):
        services.image(engine(), make_project({}), POSTGRES, silent)


def test_a_service_that_never_answers_shows_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "READY_SECONDS", 0.0)

    with pytest.raises(NotAnswering) as caught:
        services.wait(Container(0), POSTGRES)  # type: ignore[arg-type]
    assert caught.value.evidence == "relation orders exists"


def starting(code: int) -> Any:
    def started(_engine: object, run: Run) -> AbstractContextManager[Container]:
        assert list(run.command) == ["migrate"]
        return nullcontext(Container(code))

    return started


def test_a_failed_migration_shows_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "started", starting(1))

    with pytest.raises(MigrationFailed, match="exited with 1") as caught:
        services.migrate(engine(), Run("shop"))
    assert caught.value.evidence == "relation orders exists"


def test_an_image_without_a_migration_has_nothing_to_migrate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "started", starting(69))

    assert services.migrate(engine(), Run("shop")) is None
