"""The one new layer of an image is read without `docker save`, and is the same byte for byte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drydock import image
from drydock.engine import Engine
from drydock.image import local
from drydock.image.cache import Cache
from drydock.image.pack import packed
from tests.conftest import write_files
from tests.image.layered import DEEP, Builds, changed, refuse

pytestmark = pytest.mark.live


@pytest.fixture
def builds(engine: Engine, tmp_path: Path) -> Iterator[Builds]:
    made = Builds(engine, tmp_path, Cache(tmp_path / "cache"))
    yield made
    for reference in made.made:
        engine.sdk.images.remove(reference)


def added(folder: Path) -> None:
    write_files(folder / "code", {"app/new/__init__.py": "five = 5\n", "app/empty/inside/x": ""})
    (folder / "code/app/empty/inside/x").unlink()
    (folder / "code/app/link.py").symlink_to("main.py")
    (folder / "code/app/main.py").chmod(0o755)


def removed(folder: Path) -> None:
    (folder / "code/app/shop/old.py").unlink()
    (folder / f"code/{DEEP}").unlink()


@pytest.mark.parametrize("change", [changed, added, removed])
def test_a_change_of_source_is_read_without_save(
    builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    builds.read(builds.build())
    change(builds.folder)
    reference = builds.build("two")
    whole = image.read(builds.engine, reference, cache=Cache(tmp_path / "other"))
    monkeypatch.setattr(local, "saved", refuse)

    alone = builds.read(reference)

    assert alone.layers == whole.layers
    assert [layer.files for layer in alone.layers] == [layer.files for layer in whole.layers]
    assert alone.config == whole.config


def test_a_push_needs_no_save_either(builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
    if builds.engine.containerd:
        pytest.skip("the id of an image in containerd's store does not tell its configuration's digest")
    builds.read(builds.build())
    changed(builds.folder)
    reference = builds.build("two")
    monkeypatch.setattr(local, "saved", refuse)
    read = builds.read(reference)
    monkeypatch.setattr("drydock.image.pack.saved", refuse)

    with packed(builds.engine, reference, cache=builds.cache) as content:
        assert f"sha256:{hashlib.sha256(content.configuration).hexdigest()}" == read.id
        assert json.loads(content.configuration)["config"]["Labels"]["revision"] == "two"
        assert [blob.diff_id for blob in content.layers] == [layer.diff_id for layer in read.layers]


UNUSUAL: dict[str, dict[str, str]] = {
    "a name that needs a longer header": {"code/app/ünïcode.py": "six = 6\n"},
    "a file that the layer below has as well": {"code/app/shop/data.txt": "2\n", "code/etc/own": "7\n"},
    "a second new layer": {"code/app/main.py": "app = 333\n", "above/tests/test_it.py": "\n"},
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_cannot_be_rebuilt_is_saved(
    builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    builds.read(builds.build())
    write_files(builds.folder, UNUSUAL[name])
    reference = builds.build()
    saves: list[str] = []
    usual = local.saved

    def counted(engine: Engine, reference: str, *rest: Any) -> image.Image:
        saves.append(reference)
        return usual(engine, reference, *rest)

    monkeypatch.setattr(local, "saved", counted)

    read = builds.read(reference)

    assert saves == [reference]
    whole = image.read(builds.engine, reference, cache=Cache(tmp_path / "other"))
    assert [layer.files for layer in read.layers] == [layer.files for layer in whole.layers]


def test_no_container_is_left(builds: Builds) -> None:
    builds.read(builds.build())
    changed(builds.folder)
    read = builds.read(builds.build())

    filters = {"ancestor": read.id}
    assert builds.engine.sdk.containers.list(all=True, filters=filters) == []
