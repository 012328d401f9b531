"""Sizes of real images on the engine, compared with an independent measurement."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from drydock import command, image
from drydock.engine import LABEL, Engine
from drydock.engine.errors import ImageMissing
from drydock.image.cache import Cache
from tests.conftest import ROOT, write_files
from tests.support.archives import unpack

pytestmark = pytest.mark.live

DOCKERFILE = """\
FROM scratch
ENV PORT=8000
COPY runtime /usr/lib/runtime
COPY app /app
WORKDIR /data
USER 10001
HEALTHCHECK --interval=10s CMD ["/probe"]
LABEL revision={revision}
"""
FILES = {
    "runtime/python3": "x" * 300_000,
    "runtime/[brackets] and ünïcode": "x",
    "app/main.py": "app = 1\n",
}


class Builder:
    """Builds small images from scratch, and removes them."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder
        self._made: list[str] = []

    def build(self, changes: Mapping[str, str] | None = None, revision: str = "one") -> str:
        reference = f"drydock-test-size:{uuid4().hex[:12]}"
        dockerfile = DOCKERFILE.format(revision=revision)
        write_files(self._folder, {"Dockerfile": dockerfile, **FILES, **(changes or {})})
        args = ["docker", "buildx", "build", "--load", "--label", f"{LABEL}=test", "--tag", reference, "."]
        command.run(args, cwd=self._folder, env=self._engine.environment)
        self._made.append(reference)
        return reference

    def remove(self) -> None:
        for reference in self._made:
            self._engine.sdk.images.remove(reference)


@pytest.fixture
def builder(engine: Engine, tmp_path: Path) -> Iterator[Builder]:
    made = Builder(engine, tmp_path / "context")
    yield made
    made.remove()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def saved(reference: str) -> dict[str, bytes]:
    """Return the uncompressed layers of `docker save` by diff id, without drydock's readers."""
    data = subprocess.run(["docker", "save", reference], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = {member.name: archive.extractfile(member) for member in archive if member.isreg()}
        contents = {name: content.read() for name, content in members.items() if content}
    (entry,) = json.loads(contents["manifest.json"])
    layers = [contents[name] for name in entry["Layers"]]
    plain = [gzip.decompress(layer) if layer.startswith(b"\x1f\x8b") else layer for layer in layers]
    return {f"sha256:{hashlib.sha256(layer).hexdigest()}": layer for layer in plain}


def refuse_to_save(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("docker save was called")

    monkeypatch.setattr(engine.sdk.api, "get_image", refuse)


def test_sizes_are_those_of_the_saved_layers(engine: Engine, builder: Builder, cache: Cache) -> None:
    reference = builder.build()
    read = image.read(engine, reference, cache=cache)
    layers = saved(reference)
    assert [layer.diff_id for layer in read.layers] == list(layers)
    assert [layer.on_disk for layer in read.layers] == [len(layer) for layer in layers.values()]
    assert read.on_disk == sum(map(len, layers.values()))


def test_files_and_configuration_are_those_of_the_build(
    engine: Engine, builder: Builder, cache: Cache
) -> None:
    read = image.read(engine, builder.build(), cache=cache)
    tree = image.Anatomy(read).tree
    assert tree["/usr/lib/runtime/python3"].size == 300_000
    assert "/usr/lib/runtime/[brackets] and ünïcode" in tree
    assert [layer.instruction for layer in read.layers] == [
        "COPY runtime /usr/lib/runtime",
        "COPY app /app",
        "WORKDIR /data",
    ]
    assert (read.config.user, read.config.working_dir) == ("10001", "/data")
    assert read.config.variables["PORT"] == "8000"
    assert read.config.healthcheck == {"Interval": 10_000_000_000, "Test": ["CMD", "/probe"]}


def test_engine_and_archive_give_the_same_image(
    engine: Engine, builder: Builder, cache: Cache, tmp_path: Path
) -> None:
    reference = builder.build()
    command.run(["docker", "save", "--output", str(tmp_path / "image.tar"), reference])
    from_archive = image.read_archive(tmp_path / "image.tar", cache=Cache(tmp_path / "other"))
    first = image.read(engine, reference, cache=cache)
    # The second time, the configuration comes from the engine's inspection instead of the image.
    second = image.read(engine, reference, cache=cache)
    for read in (first, second):
        assert (read.id, read.layers) == (from_archive.id, from_archive.layers)
        assert image.content_digest(read) == image.content_digest(from_archive)


def test_unchanged_image_costs_no_save_and_under_100_ms(
    engine: Engine, builder: Builder, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = builder.build()
    first = image.read(engine, reference, cache=cache)
    refuse_to_save(engine, monkeypatch)
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        again = image.read(engine, reference, cache=cache)
        sizes = again.on_disk, again.on_wire
        seconds.append(time.perf_counter() - began)
        assert sizes == (first.on_disk, first.on_wire)
    # The machine may be busy with something else in between.
    assert min(seconds) < 0.1


def test_changed_label_changes_the_id_but_not_the_content(
    engine: Engine, builder: Builder, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = image.read(engine, builder.build(revision="one"), cache=cache)
    relabelled = builder.build(revision="two")
    refuse_to_save(engine, monkeypatch)
    second = image.read(engine, relabelled, cache=cache)
    assert second.id != first.id
    assert second.config.labels["revision"] == "two"
    assert image.content_digest(second) == image.content_digest(first)
    assert [layer.instruction for layer in second.layers] == [layer.instruction for layer in first.layers]


def test_changed_source_leaves_the_layers_below(engine: Engine, builder: Builder, cache: Cache) -> None:
    first = image.read(engine, builder.build(), cache=cache)
    second = image.read(engine, builder.build({"app/main.py": "app = 22\n"}), cache=cache)
    found = image.diff(first, second)
    assert [layer.instruction for layer in found.shared] == ["COPY runtime /usr/lib/runtime"]
    # WORKDIR comes after the change, so it is created again with a new time.
    assert [layer.instruction for layer in found.added] == ["COPY app /app", "WORKDIR /data"]
    assert "/app/main.py" in {change.path for change in found.files}
    assert image.content_digest(second) != image.content_digest(first)


def test_imported_file_system_is_read(engine: Engine, cache: Cache, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "root.tar", "w") as archive:
        info = tarfile.TarInfo("opt/hello")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"hello"))
    reference = f"drydock-test-size:{uuid4().hex[:12]}"
    command.run(["docker", "import", str(tmp_path / "root.tar"), reference], env=engine.environment)
    try:
        tree = image.Anatomy(image.read(engine, reference, cache=cache)).tree
    finally:
        engine.sdk.images.remove(reference)
    assert tree["/opt/hello"].sha256 == hashlib.sha256(b"hello").hexdigest()


@pytest.mark.parametrize("reference", ["drydock-test-size:never-built", "No Legal Name"])
def test_absent_image_raises(engine: Engine, cache: Cache, reference: str) -> None:
    with pytest.raises(ImageMissing, match=f"image {reference} is not on this engine"):
        image.read(engine, reference, cache=cache)


def test_nothing_is_left_in_the_temporary_folder(
    engine: Engine, builder: Builder, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    image.read(engine, builder.build(), cache=cache)
    assert list((tmp_path / "temporary").iterdir()) == []


def drydock(*args: str | Path) -> str:
    """Return the output of `drydock size`: JSON, or text without that option."""
    args = ("-m", "drydock.cli", "size", *map(str, args))
    return subprocess.run(
        [sys.executable, *args], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


def test_two_images_of_any_kind_are_compared(engine: Engine, builder: Builder, tmp_path: Path) -> None:
    first = builder.build()
    second = builder.build({"app/main.py": "app = 22\n"})
    archive, layout = tmp_path / "image.tar", tmp_path / "layout"
    command.run(["docker", "save", "--output", str(archive), second], env=engine.environment)
    layout.mkdir()
    with tarfile.open(archive) as saved_archive:
        unpack(saved_archive, layout)
    # A plain OCI layout: `docker save` adds its own manifest.
    (layout / "manifest.json").unlink()
    digest = engine.sdk.images.get(second).id

    found = [json.loads(drydock(first, other, "--json")) for other in (second, digest, archive, layout)]

    assert [change["path"] for change in found[0]["files"] if change["grown"]] == ["/app/main.py"]
    assert all(difference == found[0] for difference in found)


def test_one_image_is_looked_at_by_its_name(builder: Builder) -> None:
    reference = builder.build()
    assert json.loads(drydock(reference, "--json"))["reference"] == reference
    assert "COPY app /app" in drydock(reference, "--why", "/app/main.py")
