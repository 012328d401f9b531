from __future__ import annotations

from pathlib import Path

import pytest

from drydock.image import Difference, diff, read_archive
from drydock.image.cache import Cache
from drydock.image.compare import Change, FileChange, PackageChange
from drydock.image.packages import Source
from tests.image.making import Entry, docker_archive, files_tar, layer_tar, write_archive

SITE = "lib/python3.13/site-packages"
BASE = files_tar({"usr/bin/python3": "x" * 4000})


def distribution(name: str, version: str, size: int) -> dict[str, str]:
    return {
        f"{SITE}/{name}.py": "x" * size,
        f"{SITE}/{name}-{version}.dist-info/RECORD": f"{name}.py,,",
    }


@pytest.fixture
def difference(tmp_path: Path, cache: Cache) -> Difference:
    """Two images on one base: one distribution grew, one is new, one is gone, one is unchanged."""
    same = distribution("same", "1.0", 10)
    before = files_tar(distribution("grown", "1.0", 100) | distribution("gone", "1.0", 50) | same)
    after = files_tar(distribution("grown", "2.0", 300) | distribution("new", "0.1", 70) | same)
    images = [
        read_archive(write_archive(tmp_path / name, docker_archive([BASE, layer])), cache=cache)
        for name, layer in (("before.tar", before), ("after.tar", after))
    ]
    return diff(*images)


def test_packages_that_came_grew_and_went_are_named(difference: Difference) -> None:
    python = [change for change in difference.packages if change.source is Source.PYTHON]
    assert python == [
        PackageChange(Change.CHANGED, Source.PYTHON, "grown", "1.0", "2.0", 200),
        PackageChange(Change.ADDED, Source.PYTHON, "new", "", "0.1", 70),
        PackageChange(Change.REMOVED, Source.PYTHON, "gone", "1.0", "", -50),
    ]


def test_files_that_differ_are_named_by_growth(difference: Difference) -> None:
    assert difference.files[0] == FileChange(Change.CHANGED, f"/{SITE}/grown.py", ("size", "sha256"), 200)
    assert difference.files[-1] == FileChange(Change.REMOVED, f"/{SITE}/gone.py", (), -50)
    assert f"/{SITE}/same.py" not in {change.path for change in difference.files}


def test_only_new_layers_are_uploaded(difference: Difference) -> None:
    assert [len(difference.shared), len(difference.removed), len(difference.added)] == [1, 1, 1]
    assert difference.upload == difference.added[0].on_wire


def test_sizes_are_compared(difference: Difference) -> None:
    added, removed = difference.added[0], difference.removed[0]
    assert difference.on_disk == added.on_disk - removed.on_disk
    assert difference.on_wire == added.on_wire - removed.on_wire


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        (Entry("a", b"1", mode=0o4755), "mode"),
        (Entry("a", b"1", uid=7), "uid"),
        (Entry("a", b"1", gid=7), "gid"),
        (Entry("a", b"1", mtime=7), "mtime"),
        (Entry("a", b"2"), "sha256"),
    ],
)
def test_any_changed_field_of_a_file_is_named(tmp_path: Path, cache: Cache, entry: Entry, field: str) -> None:
    images = [
        read_archive(write_archive(tmp_path / "i.tar", docker_archive([layer_tar([one])])), cache=cache)
        for one in (Entry("a", b"1"), entry)
    ]
    assert diff(*images).files == (FileChange(Change.CHANGED, "/a", (field,), 0),)


def test_image_does_not_differ_from_itself(tmp_path: Path, cache: Cache) -> None:
    image = read_archive(write_archive(tmp_path / "i.tar", docker_archive([BASE])), cache=cache)
    found = diff(image, image)
    assert (found.on_disk, found.on_wire, found.added, found.removed) == (0, 0, (), ())
    assert (found.packages, found.files) == ((), ())
