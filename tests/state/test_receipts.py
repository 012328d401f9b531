from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest

from drydock.state import DAY
from drydock.state.receipts import Gate, Receipts, definition
from drydock.verdict import Outcome, Verdict

CONTENT = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
GATE = Gate("size_budget", "sha256:definition")
PASSED = Verdict("size_budget", Outcome.PASSED, "production: 104.0 MB on disk of 150.0 MB")
FAILED = Verdict("size_budget", Outcome.FAILED, "production: 161.0 MB on disk")


@pytest.fixture
def receipts(tmp_path: Path) -> Receipts:
    return Receipts(tmp_path)


def write(receipts: Receipts, verdict: Verdict = PASSED, gate: Gate = GATE) -> None:
    receipts.write(gate, verdict, content=CONTENT, image="sha256:image", tools={"drydock": "0.1.0"})


def only_file(folder: Path) -> Path:
    (path,) = (folder / "receipts").glob("*/*.json")
    return path


def reason(receipts: Receipts, gate: Gate = GATE, content: str = CONTENT) -> str:
    (missing,) = receipts.missing([gate], content)
    assert receipts.find(gate, content) is None
    return missing.reason


def test_receipt_is_found_for_its_content(receipts: Receipts) -> None:
    write(receipts)
    found = receipts.find(GATE, CONTENT)
    assert found is not None
    assert (found.verdict, found.image, found.tools) == (PASSED, "sha256:image", {"drydock": "0.1.0"})
    assert receipts.missing([GATE], CONTENT) == []


def test_a_second_store_on_the_same_folder_finds_it(receipts: Receipts, tmp_path: Path) -> None:
    write(receipts)
    assert Receipts(tmp_path).find(GATE, CONTENT) is not None


def test_other_content_has_no_receipt(receipts: Receipts) -> None:
    write(receipts)
    assert reason(receipts, content=OTHER) == "never run for this image"


def test_changed_definition_tests_again(receipts: Receipts) -> None:
    write(receipts)
    assert reason(receipts, Gate(GATE.name, "sha256:changed")) == "its tests or limits changed since"


@pytest.mark.parametrize(
    ("outcome", "said"),
    [(Outcome.FAILED, "failed: x"), (Outcome.COULD_NOT_CHECK, "could not be checked: x")],
)
def test_only_a_pass_counts(receipts: Receipts, outcome: Outcome, said: str) -> None:
    write(receipts, Verdict("size_budget", outcome, "x"))
    assert reason(receipts) == said


def test_failure_replaces_an_earlier_pass(receipts: Receipts) -> None:
    write(receipts)
    write(receipts, FAILED)
    assert reason(receipts).startswith("failed")


@pytest.mark.parametrize(
    ("verdict", "refused"),
    [
        (PASSED, []),
        (FAILED, ["failed: production: 161.0 MB on disk"]),
        (Verdict("size_budget", Outcome.COULD_NOT_CHECK, "x"), []),
    ],
)
def test_only_a_failure_is_a_refusal(receipts: Receipts, verdict: Verdict, refused: list[str]) -> None:
    assert receipts.refusals([GATE], CONTENT) == []

    write(receipts, verdict)

    assert [one.reason for one in receipts.refusals([GATE], CONTENT)] == refused
    assert receipts.refusals([GATE], OTHER) == []
    assert receipts.refusals([Gate(GATE.name, "sha256:changed")], CONTENT) == []


def test_edited_receipt_is_refused(receipts: Receipts, tmp_path: Path) -> None:
    write(receipts, FAILED)
    path = only_file(tmp_path)
    path.write_text(path.read_text().replace('"failed"', '"passed"'))
    assert reason(receipts) == "its receipt was edited"


@pytest.mark.parametrize("name", ["mac", "written", "tools", "image"])
def test_receipt_without_one_of_its_fields_is_refused(receipts: Receipts, tmp_path: Path, name: str) -> None:
    write(receipts)
    path = only_file(tmp_path)
    body = json.loads(path.read_text())
    del body[name]
    path.write_text(json.dumps(body))
    assert reason(receipts) == "its receipt was edited"


def test_receipt_copied_to_other_content_is_refused(receipts: Receipts, tmp_path: Path) -> None:
    write(receipts)
    path = only_file(tmp_path)
    copy = path.parent.parent / OTHER.removeprefix("sha256:") / path.name
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    assert reason(receipts, content=OTHER) == "its receipt belongs to other content"


def test_receipt_of_another_machine_is_refused(receipts: Receipts, tmp_path: Path) -> None:
    write(receipts)
    (tmp_path / "key").write_bytes(os.urandom(32))
    assert reason(receipts) == "its receipt was written on another machine"


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"format": 99}'])
def test_damaged_receipt_is_refused(receipts: Receipts, tmp_path: Path, content: str) -> None:
    write(receipts)
    only_file(tmp_path).write_text(content)
    assert reason(receipts).startswith("its receipt ")


def test_receipt_ages_where_the_gate_says_so(receipts: Receipts, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(GATE.name, GATE.definition, longest_days=1)
    write(receipts, gate=gate)
    assert receipts.find(gate, CONTENT) is not None
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 2 * DAY)
    assert reason(receipts, gate) == "its receipt is 2 days old, and counts for 1"


def test_key_and_receipt_are_private(receipts: Receipts, tmp_path: Path) -> None:
    write(receipts)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE(only_file(tmp_path).stat().st_mode) == 0o600


def test_damaged_key_is_replaced(receipts: Receipts, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")
    write(receipts)
    assert receipts.find(GATE, CONTENT) is not None
    assert (tmp_path / "key").stat().st_size == 32


def test_nothing_half_written_is_left(receipts: Receipts, tmp_path: Path) -> None:
    write(receipts)
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {"key", "size_budget.json"}


def test_waiver_is_found_for_its_content(receipts: Receipts) -> None:
    missing = receipts.missing([GATE], CONTENT)
    receipts.waive("the tracker is down", missing, content=CONTENT, image="sha256:image")

    found = receipts.waiver(CONTENT)

    assert found is not None
    assert (found.reason, found.image) == ("the tracker is down", "sha256:image")
    assert found.missing == ("size_budget (never run for this image)",)
    assert receipts.waiver(OTHER) is None
    assert reason(receipts) == "never run for this image"


def test_settled_waiver_is_gone(receipts: Receipts) -> None:
    receipts.waive("the tracker is down", [], content=CONTENT, image="sha256:image")

    receipts.settle(CONTENT)
    receipts.settle(CONTENT)

    assert receipts.waiver(CONTENT) is None


def test_edited_waiver_does_not_count(receipts: Receipts, tmp_path: Path) -> None:
    receipts.waive("the tracker is down", [], content=CONTENT, image="sha256:image")
    path = only_file(tmp_path)
    path.write_text(path.read_text().replace("down", "slow"))

    assert receipts.waiver(CONTENT) is None


def test_waiver_copied_to_other_content_does_not_count(receipts: Receipts, tmp_path: Path) -> None:
    receipts.waive("the tracker is down", [], content=CONTENT, image="sha256:image")
    path = only_file(tmp_path)
    copy = path.parent.parent / OTHER.removeprefix("sha256:") / path.name
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())

    assert receipts.waiver(OTHER) is None


def test_definition_follows_content_not_place(tmp_path: Path) -> None:
    for clone in ("one", "two"):
        (tmp_path / clone / "tests").mkdir(parents=True)
        (tmp_path / clone / "tests" / "test_api.py").write_text("assert True")

    def of(clone: str, limit: int = 150) -> str:
        return definition(tmp_path / clone, [tmp_path / clone / "tests"], {"limit": limit})

    assert of("one") == of("two")
    assert of("one") != of("one", limit=149)
    (tmp_path / "two" / "tests" / "__pycache__").mkdir()
    (tmp_path / "two" / "tests" / "__pycache__" / "test_api.cpython-313.pyc").write_bytes(b"\0")
    assert of("one") == of("two")
    (tmp_path / "two" / "tests" / "test_more.py").write_text("")
    assert of("one") != of("two")


def test_definition_notices_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    absent = definition(tmp_path, [path], {})
    path.write_text("")
    assert definition(tmp_path, [path], {}) != absent
