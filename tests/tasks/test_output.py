"""Files that tasks write at a given path."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest
from invoke import Context, Exit

from drydock.errors import BadConfiguration, NotWritten
from drydock.publish import sbom as bills
from drydock.state import exchange
from drydock.state.errors import ExchangeKeyMissing
from drydock.tasks import housekeeping, offer, publishing, receipts


@pytest.fixture
def bill(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The output of `sbom`, for an image that need not exist on an engine."""
    document = json.dumps({"components": []}).encode()
    project = SimpleNamespace(reference=lambda target: f"shop:{target}")
    pipeline = SimpleNamespace(project=project, engine=None)
    monkeypatch.setattr(offer.Given, "pipe", pipeline)
    monkeypatch.setattr(bills, "read", lambda *_: None)
    monkeypatch.setattr(bills, "cyclonedx", lambda _: document)
    return document


@pytest.mark.parametrize("place", ["/dev/null/x", "file/x", "folder"])
def test_a_place_that_cannot_be_written_is_named(bill: bytes, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    with pytest.raises(Exit) as caught:
        publishing.sbom(Context(), output=str(tmp_path / place), project=".")

    assert caught.value.code == NotWritten.exit_code
    assert str(caught.value.message).startswith(f"error: {tmp_path / place} cannot be written: ")


def test_a_full_disk_is_named(bill: bytes) -> None:
    with pytest.raises(Exit) as caught:
        publishing.sbom(Context(), output="/dev/full", project=".")

    assert "error: /dev/full cannot be written: No space left on device" in str(caught.value.message)
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_the_document_is_written_with_the_folders_that_it_needs(bill: bytes, tmp_path: Path) -> None:
    publishing.sbom(Context(), output=str(tmp_path / "new/bill.json"), project=".")

    assert (tmp_path / "new/bill.json").read_bytes() == bill


def test_an_export_of_receipts_without_a_key_measures_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(exchange.KEY, raising=False)
    measured = property(lambda _: pytest.fail("an image was measured"))
    monkeypatch.setattr(offer.Given, "pipe", measured)

    with pytest.raises(Exit) as caught:
        receipts.receipts(Context(), "export", "receipts.json", project=".")

    assert caught.value.code == ExchangeKeyMissing.exit_code


def test_the_settings_of_a_project_that_names_no_class_are_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = SimpleNamespace(project=SimpleNamespace(root=tmp_path))
    monkeypatch.setattr(offer.Given, "pipe", pipeline)

    with pytest.raises(Exit) as caught:
        housekeeping.environment(Context(), project=str(tmp_path))

    assert caught.value.code == BadConfiguration.exit_code
    assert "gate.toml: is missing; name in it the class that reads the variables" in str(caught.value.message)
