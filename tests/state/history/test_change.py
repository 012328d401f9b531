from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from drydock import recorder
from drydock.image import Image, read_archive
from drydock.image.cache import Cache
from drydock.image.compare import Change
from drydock.report.page import gather as changes
from drydock.report.page.gather import Since, since
from drydock.state.history import Build
from tests.image.making import docker_archive, files_tar, write_archive
from tests.state.history.samples import build

SITE = "opt/venv/lib/python3.13/site-packages"


def distribution(name: str, version: str, size: int) -> dict[str, str]:
    return {
        f"{SITE}/{name}.py": "x" * size,
        f"{SITE}/{name}-{version}.dist-info/METADATA": f"Name: {name}\nVersion: {version}\n",
        f"{SITE}/{name}-{version}.dist-info/RECORD": f"{name}.py,,\n",
    }


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    made = Cache(tmp_path / "cache")
    monkeypatch.setattr(changes, "user_cache", lambda: made)
    return made


def read(folder: Path, cache: Cache, *files: dict[str, str]) -> Image:
    layer = files_tar({path: text for some in files for path, text in some.items()})
    return read_archive(write_archive(folder / "image.tar", docker_archive([layer])), cache=cache)


def compare(before: Image, after: Image) -> Since:
    earlier = recorder.weigh(before)
    made: Build = replace(build(0.0, before.id), image=earlier)
    return since(made, earlier, recorder.weigh(after), after)


def test_packages_are_added_removed_upgraded_and_grown(tmp_path: Path, cache: Cache) -> None:
    before = read(
        tmp_path, cache, *(distribution(name, "1.0", 100) for name in ("gone", "newer", "grown", "same"))
    )
    after = read(
        tmp_path,
        cache,
        distribution("added", "1.0", 400),
        distribution("newer", "2.0", 100),
        distribution("grown", "1.0", 300),
        distribution("same", "1.0", 100),
    )

    found = {
        one.name: (one.change, one.before, one.after, one.grown)
        for one in compare(before, after).packages
        if one.source == "python"
    }

    assert found == {
        "added": (Change.ADDED, "", "1.0", 400),
        "grown": (Change.CHANGED, "1.0", "1.0", 200),
        "newer": (Change.CHANGED, "1.0", "2.0", 0),
        "gone": (Change.REMOVED, "1.0", "", -100),
    }


def test_files_are_compared_while_the_cache_knows_the_earlier_layers(tmp_path: Path, cache: Cache) -> None:
    before = read(tmp_path, cache, {"app/a.py": "x", "app/b.py": "x"})
    after = read(tmp_path, cache, {"app/a.py": "xyz", "app/c.py": "x"})

    files = compare(before, after).files

    assert files is not None
    assert {(one.change, one.path) for one in files} == {
        (Change.CHANGED, "/app/a.py"),
        (Change.REMOVED, "/app/b.py"),
        (Change.ADDED, "/app/c.py"),
    }


def test_forgotten_layers_leave_the_packages_and_no_files(tmp_path: Path, cache: Cache) -> None:
    before = read(tmp_path, Cache(tmp_path / "another"), distribution("six", "1.16", 100))
    after = read(tmp_path, cache, distribution("six", "1.17", 150))

    found = compare(before, after)

    assert found.files is None
    assert [one.name for one in found.packages if one.source == "python"] == ["six"]


def test_both_sizes_are_compared(tmp_path: Path, cache: Cache) -> None:
    before = read(tmp_path, cache, {"app/a.py": "x" * 1_000})
    after = read(tmp_path, cache, {"app/a.py": "x" * 101_000})

    found = compare(before, after)

    assert found.on_disk == after.on_disk - before.on_disk > 90_000
    assert found.on_wire == after.on_wire - before.on_wire
