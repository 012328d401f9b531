"""Compaction keeps every key and value, and leaves alone what it does not understand."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from drydock import command
from drydock.engine import Engine, compaction
from drydock.engine.compaction import NotBbolt, compact, free_bytes
from tests.support.bbolt import PAGE, content, database
from tests.support.process import folder
from tests.support.second_engine import beside

STEPS = 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return database(tmp_path / "metadata_v2.db", free=300)


def test_a_compacted_database_has_the_same_content(path: Path) -> None:
    before, size = content(path), path.stat().st_size
    path.chmod(0o640)

    smaller = compact(path, least=0)

    assert content(path) == before
    assert before[b"pages"] == (5, {b"a": b"1", b"long": bytes(range(256)) * 40, b"m": b"2", b"z": b""})
    assert path.stat().st_size == size - smaller == 9 * PAGE
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("transaction", [8, 9])
def test_a_compacted_database_is_compacted_again_without_loss(tmp_path: Path, transaction: int) -> None:
    path = database(tmp_path / "cache.db", free=3, transaction=transaction)
    before = content(path)
    compact(path, least=0)
    once = path.read_bytes()

    assert free_bytes(path) == 0
    assert compact(path, least=0) == 0
    assert path.read_bytes() == once
    assert content(path) == before


def test_few_free_pages_are_left(path: Path) -> None:
    before = path.read_bytes()

    assert free_bytes(path) == 302 * PAGE
    assert compact(path) == 0

    assert path.read_bytes() == before


def test_a_database_that_an_engine_has_open_is_left(path: Path) -> None:
    before = path.read_bytes()

    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            compact(path, least=0)

    assert path.read_bytes() == before


def no_first_page(data: bytearray) -> None:
    data[30] ^= 1
    data[PAGE + 30] ^= 1


def no_page(data: bytearray) -> None:
    data[7 * PAGE] ^= 1


def beyond_the_end(data: bytearray) -> None:
    data[8 * PAGE + 24] = 0xFF
    data[8 * PAGE + 26] = 0xFF


def a_circle(data: bytearray) -> None:
    data[8 * PAGE + 24] = 8


@pytest.mark.parametrize("damage", [no_first_page, no_page, beyond_the_end, a_circle])
def test_a_damaged_database_stays_as_it_is(path: Path, damage: Callable[[bytearray], None]) -> None:
    data = bytearray(path.read_bytes())
    damage(data)
    path.write_bytes(data)

    with pytest.raises(NotBbolt):
        compact(path, least=0)

    assert path.read_bytes() == data
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", ["of another format", ""])
def test_another_file_is_no_database(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.db"
    path.write_text(text)

    with pytest.raises(NotBbolt):
        compact(path, least=0)

    assert path.read_text() == text


def test_a_copy_that_differs_replaces_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()
    digests = iter((b"one", b"other"))
    monkeypatch.setattr(compaction, "_digest", lambda *_: next(digests))

    with pytest.raises(NotBbolt, match="its copy differs"):
        compact(path, least=0)

    assert path.read_bytes() == before


def built(engine: Engine, context: Path) -> str:
    """Build a context's image, and return what BuildKit says of its steps."""
    args = ["docker", "build", "--progress=plain", "--quiet=false", "--tag=drydock-compacted", str(context)]
    return command.run(args, env=engine.environment).stderr


@pytest.mark.live
def test_an_engine_finds_every_step_of_a_compacted_database(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    lines = ["FROM scratch", *(f"COPY file /{number}" for number in range(STEPS))]
    (tmp_path / "Dockerfile").write_text("\n".join(lines) + "\n")
    dockerd = Path(shutil.which("dockerd") or "")
    with folder("compacted") as place:
        with beside(place, dockerd, {}) as engine:
            assert "CACHED" not in built(engine, tmp_path)
            command.run(["docker", "builder", "prune", "--force"], env=engine.environment)
            built(engine, tmp_path)
        databases = sorted(place.glob("data/buildkit/*.db"))
        smaller = [compaction.compact(path, least=1) for path in databases]
        with beside(place, dockerd, {}) as engine:
            assert built(engine, tmp_path).count("CACHED") == STEPS

    assert sum(smaller) > 0
