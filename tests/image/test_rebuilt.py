"""The one new layer of an image is read without `docker save`, and is the same byte for byte."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from drydock import command, image
from drydock.engine import LABEL, Engine
from drydock.image import local
from drydock.image.cache import Cache
from drydock.image.pack import packed
from tests.conftest import write_files

pytestmark = pytest.mark.live

# The folders of the code have files of the layer below as well, as those of production do.
DOCKERFILE = """\
FROM scratch
COPY below /
COPY code /
COPY above /
CMD ["/start"]
"""
EPOCH = 1_000_000_000
DEEP = "app/shop/" + "a_folder_with_a_long_name/" * 4 + "a_module_with_a_long_name.py"
FILES = {
    "below/app/shop/static/style.css": "p {}\n",
    "below/app/shop/data.txt": "1\n",
    "below/lib/site/other/__init__.py": "",
    "code/app/main.py": "app = 1\n",
    "code/app/shop/__init__.py": "one = 1\n",
    "code/app/shop/old.py": "two = 2\n",
    f"code/{DEEP}": "three = 3\n",
    "code/lib/site/own/__init__.py": "four = 4\n",
    "above/tests/test_it.py": "def test(): pass\n",
}


class Builds:
    """Builds of one project, read with one cache."""

    def __init__(self, engine: Engine, folder: Path, cache: Cache) -> None:
        self.engine, self.folder, self.cache = engine, folder, cache
        self.made: list[str] = []
        # BuildKit would take an equal layer from its cache, with the times of an earlier test.
        unique = {f"{name}/unique": uuid4().hex for name in ("below/app/shop", "code/app", "above/tests")}
        write_files(folder, {"Dockerfile": DOCKERFILE, **FILES, **unique})

    def build(self, revision: str = "one") -> str:
        # Where two layers are new, as with other times, `docker save` reads them.
        for path in self.folder.rglob("*"):
            os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)
        reference = f"drydock-test-rebuilt:{uuid4().hex[:12]}"
        labels = [f"--label={LABEL}=test", f"--label=revision={revision}"]
        args = ["docker", "buildx", "build", "--load", *labels, f"--build-arg=SOURCE_DATE_EPOCH={EPOCH}"]
        command.run([*args, f"--tag={reference}", "."], cwd=self.folder, env=self.engine.environment)
        self.made.append(reference)
        return reference

    def read(self, reference: str) -> image.Image:
        return image.read(self.engine, reference, cache=self.cache)


@pytest.fixture
def builds(engine: Engine, tmp_path: Path) -> Iterator[Builds]:
    made = Builds(engine, tmp_path / "context", Cache(tmp_path / "cache"))
    yield made
    for reference in made.made:
        engine.sdk.images.remove(reference)


def changed(folder: Path) -> None:
    (folder / "code/app/main.py").write_text("app = 22\n")


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


def refuse(*_: object) -> None:
    raise AssertionError("docker save was called")


def test_a_push_needs_no_save_either(builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
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
