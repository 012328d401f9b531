from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from drydock.publish.reference import parse
from drydock.publish.sbom import CYCLONEDX, SPDX
from drydock.release.errors import ReleaseRunning
from drydock.release.journal import Entry, Journal
from drydock.release.plan import RELEASE, Plan

PLAN = Plan(
    command="release 1.4.2",
    steps=RELEASE,
    version="1.4.2",
    revision="0123456789abcdef0123456789abcdef01234567",
    target="production",
    image="acme/shop",
    pushed=parse("registry.example/acme/shop:sha-0123456789ab"),
    tags=("1.4.2", "1.4", "1", "latest"),
    gates=("smoke",),
    key="cosign.key",
)
ENTRY = Entry(PLAN.revision, "sha256:1", (), {SPDX: "sha256:3"}, "sha256:4", ("sha256:5",), ("sha256:6",))
BILLS = {CYCLONEDX: b"{}", SPDX: b"[]"}


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_what_was_written_is_read_by_the_next_process() -> None:
    Journal(PLAN).write(ENTRY)

    assert Journal(PLAN).read() == ENTRY


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAN, tags=("1.4.3",)),
        replace(PLAN, pushed=parse("elsewhere.example/acme/shop:sha-0123456789ab")),
        replace(PLAN, image="shop"),
        replace(PLAN, target="slim"),
        replace(PLAN, command="push"),
    ],
)
def test_another_release_has_a_journal_of_its_own(other: Plan) -> None:
    Journal(PLAN).write(ENTRY)

    assert Journal(other).read() == Entry()


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_text(path.read_text().replace("sha256:4", "sha256:6")),
        lambda path: path.write_text("{"),
        lambda path: path.unlink(),
    ],
    ids=["edited", "damaged", "gone"],
)
def test_a_journal_that_does_not_count_is_begun_anew(harm: Callable[[Path], object]) -> None:
    Journal(PLAN).write(ENTRY)
    harm(Journal(PLAN).folder / "journal.json")

    assert Journal(PLAN).read() == Entry()


def test_documents_are_kept_as_they_are() -> None:
    digests = Journal(PLAN).keep(BILLS)

    assert Journal(PLAN).documents(digests) == BILLS


def test_a_document_that_was_changed_is_not_used() -> None:
    journal = Journal(PLAN)
    digests = journal.keep(BILLS)
    (journal.folder / "spdx.json").write_bytes(b"[1]")

    assert journal.documents(digests) is None


def test_documents_that_were_never_kept_are_none() -> None:
    assert Journal(PLAN).documents({}) is None


def test_one_process_at_a_time_is_at_a_release() -> None:
    with (
        Journal(PLAN).locked(),
        pytest.raises(ReleaseRunning, match=r"another process is running `drydock release 1\.4\.2`"),
        Journal(PLAN).locked(),
    ):
        pass

    with Journal(PLAN).locked():
        pass


def test_the_journal_is_private() -> None:
    Journal(PLAN).write(ENTRY)

    path = Journal(PLAN).folder / "journal.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
