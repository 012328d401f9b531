from __future__ import annotations

from pathlib import Path

import pytest

from drydock.errors import BadConfiguration
from drydock.project.configuration import around
from tests.conftest import write_files

CONFIGURED = '[tool.drydock]\nsource = "backend"\n'


@pytest.mark.parametrize(
    ("files", "folder", "expected"),
    [
        ({"pyproject.toml": CONFIGURED, "backend/pyproject.toml": ""}, "backend/app/deep", "."),
        ({"pyproject.toml": CONFIGURED, "backend/pyproject.toml": ""}, ".", "."),
        ({"pyproject.toml": CONFIGURED, "worker/pyproject.toml": ""}, "worker/app", "worker"),
        ({"pyproject.toml": CONFIGURED}, "docs", "."),
        ({"drydock.toml": "", "backend/requirements.txt": ""}, "backend", "."),
        ({"requirements.txt": "", "services/shop/pyproject.toml": ""}, "services/shop/app", "services/shop"),
        ({"Pipfile": ""}, "app", "."),
        ({"Dockerfile": ""}, "app", "."),
        ({"main.py": ""}, "app", "app"),
    ],
)
def test_the_project_is_the_nearest_that_the_folder_is_a_part_of(
    files: dict[str, str], folder: str, expected: str, tmp_path: Path
) -> None:
    root = write_files(tmp_path / "repository", files)
    (root / ".git").mkdir()
    (root / folder).mkdir(parents=True, exist_ok=True)

    assert around((root / folder).resolve()) == (root / expected).resolve()


def test_the_search_ends_at_the_top_of_the_repository(tmp_path: Path) -> None:
    write_files(tmp_path, {"pyproject.toml": "", "repository/.git": "gitdir: elsewhere\n"})

    assert around(tmp_path / "repository") == tmp_path / "repository"


def test_a_broken_configuration_above_is_not_passed_over(tmp_path: Path) -> None:
    write_files(tmp_path, {"pyproject.toml": "[tool.drydock]\ncolour = 1\n", "app/.keep": ""})

    with pytest.raises(BadConfiguration, match="colour"):
        around(tmp_path / "app")
