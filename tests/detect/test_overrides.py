"""Values set by hand override any evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from drydock.detect import detect
from tests.detect.support import materialise, summary, write


def test_entry_point_by_hand_decides_between_applications(tmp_path: Path) -> None:
    found = detect(materialise("entry_several", tmp_path / "app"), {"entry-point": "stock:app"})

    assert found.conflicts == ()
    assert found.entry_point is not None
    assert (found.entry_point.value, found.entry_point.why) == ("stock:app", "set by hand: entry-point")


def test_entry_point_by_hand_that_does_not_exist_lists_the_candidates(tmp_path: Path) -> None:
    found = detect(materialise("entry_several", tmp_path / "app"), {"entry-point": "stok:app"})

    assert [c.text for c in found.conflicts] == [
        "entry-point is stok:app, which no file of this project defines; found: orders:app (orders.py:3), "
        "stock:app (stock.py:3); set entry-point in drydock.toml or pass --option entry-point=VALUE"
    ]


def test_lock_by_hand_decides_between_lock_files(tmp_path: Path) -> None:
    found = summary(detect(materialise("locks_two", tmp_path / "app"), {"lock": "poetry.lock"}))

    assert (found["conflicts"], found["dependencies"]) == ([], "poetry")


def test_lock_by_hand_that_does_not_exist_is_a_conflict(tmp_path: Path) -> None:
    found = detect(materialise("locks_two", tmp_path / "app"), {"lock": "pdm.lock"})

    assert [c.option for c in found.conflicts] == ["lock"]
    assert "lock is pdm.lock, which declares no dependencies here" in found.conflicts[0].text


def test_unknown_extra_lists_the_declared_ones(tmp_path: Path) -> None:
    found = detect(materialise("server_in_extra", tmp_path / "app"), {"extras": "serve"})

    assert [c.text for c in found.conflicts] == [
        "extras names serve, which is not declared; declared are: "
        "server (pyproject.toml [project] dependencies), "
        "test (pyproject.toml [project] dependencies); "
        "set extras in [tool.drydock] or pass --option extras=VALUE"
    ]


@pytest.mark.parametrize(
    ("option", "given", "fact"),
    [
        ("source", "/", "source is /, which is not a folder of this project"),
        ("workdir", "../other", "workdir is ../other, which is not a folder of this project"),
        ("port", "http", "port is http, which is not a number from 1 to 65535"),
    ],
)
def test_value_that_cannot_be_meant_is_a_conflict(option: str, given: str, fact: str, tmp_path: Path) -> None:
    found = detect(materialise("requirements_unpinned", tmp_path / "app"), {option: given})

    assert [c.text for c in found.conflicts] == [
        f"{fact}; set {option} in drydock.toml or pass --option {option}=VALUE"
    ]


def test_single_values_by_hand(tmp_path: Path) -> None:
    options = {
        "python": "3.12",
        "port": "81",
        "health-path": "/up",
        "ready-path": "/db",
        "workdir": "sub",
        "factory": "true",
        "system-packages": "git, ffmpeg",
        "build-packages": "gcc libpq-dev?",
        "image": "python:3.12-slim",
    }
    app = write(materialise("requirements_unpinned", tmp_path / "app"), {"sub/notes.txt": ""})
    found = summary(detect(app, options))

    assert (found["python"], found["port"], found["workdir"], found["factory"]) == ("3.12", 81, "sub", True)
    assert (found["liveness"], found["readiness"], found["system_run"]) == ("/up", "/db", ["git", "ffmpeg"])
    assert found["system_build"] == ["gcc", "libpq-dev"]


def test_source_by_hand_restricts_the_search(tmp_path: Path) -> None:
    for part in ("one", "two"):
        materialise("requirements_unpinned", tmp_path / "repo" / part)

    undecided = detect(tmp_path / "repo")
    found = summary(detect(tmp_path / "repo", {"source": "two"}))

    assert [c.text for c in undecided.conflicts] == [
        "2 applications and nothing that says which to start: one (one/main.py:3), two (two/main.py:3); "
        "set source in drydock.toml or pass --option source=VALUE"
    ]
    assert (found["conflicts"], found["source"], found["workdir"]) == ([], "two", "two")


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({}, "drydock.toml"),
        ({"pyproject.toml": "[tool.ruff]\n"}, "[tool.drydock]"),
        ({"pyproject.toml": "[tool.ruff]\n", "drydock.toml": "port = 80\n"}, "drydock.toml"),
    ],
)
def test_advice_names_the_configuration_that_the_project_has(
    files: dict[str, str | bytes], place: str, tmp_path: Path
) -> None:
    found = detect(write(tmp_path, {"main.py": "", "requirements.txt": "fastapi\n", **files}))
    chosen = detect(tmp_path, {"port": "99999"})

    assert [one.remedy for one in found.blockers] == [
        f"set entry-point in {place} or pass --option entry-point=VALUE"
    ]
    assert f"; set port in {place} or pass " in chosen.conflicts[0].text
