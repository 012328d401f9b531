"""Receipts between the jobs of a CI run: imported completely, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drydock.errors import DrydockError, NotWritten
from drydock.state import exchange
from drydock.state.errors import (
    ExchangeKeyMissing,
    ExportAltered,
    ExportMissing,
    NothingToExport,
    OtherExchangeKey,
)
from drydock.state.receipts import Gate, Missing, Receipts
from drydock.state.sealed import Sealed
from drydock.verdict import Outcome, Verdict

CONTENT = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
KEY = {exchange.KEY: "k" * exchange.SHORTEST_KEY}
GATES = (Gate("size_budget", "sha256:one"), Gate("smoke", "sha256:two"))


def judged(gate: Gate, outcome: Outcome = Outcome.PASSED) -> None:
    verdict = Verdict(gate.name, outcome, "104.0 MB", evidence="PASSWORD=secret")
    Receipts().write(gate, verdict, content=CONTENT, image="sha256:image", tools={"drydock": "1"})


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let this process be another machine, with its own state folder and key."""

    def become(name: str) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / name))

    return become


@pytest.fixture
def exported(tmp_path: Path, machine: Callable[[str], None]) -> Path:
    machine("gates")
    for gate in GATES:
        judged(gate)
    exchange.export([CONTENT, OTHER], tmp_path / "receipts.json", KEY)
    machine("push")
    return tmp_path / "receipts.json"


def test_receipts_of_one_machine_count_on_the_next(exported: Path) -> None:
    assert len(Receipts().missing(GATES, CONTENT)) == len(GATES)

    assert exchange.take(exported, KEY) == ["size_budget", "smoke"]

    assert Receipts().missing(GATES, CONTENT) == []
    assert len(Receipts().missing(GATES, OTHER)) == len(GATES)


def test_a_receipt_counts_for_its_definition_only(exported: Path) -> None:
    exchange.take(exported, KEY)

    (missing,) = Receipts().missing([Gate("smoke", "sha256:changed")], CONTENT)
    assert missing.reason == "its tests or limits changed since"


def test_a_refusal_and_a_waiver_travel_as_well(tmp_path: Path, machine: Callable[[str], None]) -> None:
    machine("gates")
    judged(GATES[0], Outcome.FAILED)
    Receipts().waive("hotfix", [Missing("smoke", "never run")], content=CONTENT, image="sha256:image")
    exchange.export([CONTENT], tmp_path / "receipts.json", KEY)
    machine("push")

    assert exchange.take(tmp_path / "receipts.json", KEY) == ["size_budget", "waiver"]

    assert [one.gate for one in Receipts().refusals(GATES, CONTENT)] == ["size_budget"]
    waiver = Receipts().waiver(CONTENT)
    assert waiver is not None
    assert (waiver.reason, waiver.missing) == ("hotfix", ("smoke (never run)",))


def test_evidence_stays_at_home(exported: Path) -> None:
    assert "secret" not in exported.read_text()
    assert exported.stat().st_mode & 0o077 == 0


def test_a_newer_finding_of_this_machine_stays(exported: Path) -> None:
    judged(GATES[1], Outcome.FAILED)

    exchange.take(exported, KEY)

    assert [one.gate for one in Receipts().missing(GATES, CONTENT)] == ["smoke"]


def refused(file: Path, error: type[DrydockError], key: dict[str, str] = KEY) -> str:
    """Return the message of an import that must fail and change nothing."""
    with pytest.raises(error) as caught:
        exchange.take(file, key)
    assert len(Receipts().missing(GATES, CONTENT)) == len(GATES)
    return str(caught.value)


def test_another_key_is_refused(exported: Path) -> None:
    told = refused(exported, OtherExchangeKey, {exchange.KEY: "o" * exchange.SHORTEST_KEY})
    assert str(exported) in told


@pytest.mark.parametrize("key", [{}, {exchange.KEY: ""}, {exchange.KEY: "short"}])
def test_a_missing_key_is_refused(exported: Path, key: dict[str, str]) -> None:
    refused(exported, ExchangeKeyMissing, key)
    with pytest.raises(ExchangeKeyMissing):
        exchange.export([CONTENT], exported, key)


def test_an_altered_file_is_refused(exported: Path) -> None:
    exported.write_text(exported.read_text().replace("104.0 MB", "103.0 MB"))
    assert "it was edited" in refused(exported, ExportAltered)


@pytest.mark.parametrize("content", ["", "{}", "[]", "no JSON"])
def test_another_file_is_refused(exported: Path, content: str) -> None:
    exported.write_text(content)
    refused(exported, ExportAltered)


@pytest.mark.parametrize(
    "change",
    [{"content": "../../key"}, {"written": "today"}, {"verdict": {"gate": "smoke"}}, {"format": "9"}],
)
def test_a_file_of_another_form_is_refused_whole(exported: Path, change: dict[str, Any]) -> None:
    sealed = Sealed(key=KEY[exchange.KEY].encode())
    body = sealed.read(exported)
    body["receipts"][-1] |= change
    sealed.write(exported, body)

    assert "it holds a receipt of another format" in refused(exported, ExportAltered)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportMissing, match=r"there is no file .*nothing\.json"):
        exchange.take(tmp_path / "nothing.json", KEY)


def test_a_write_that_fails_leaves_nothing_behind(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged(Gate("other", "sha256:other"))  # creates this machine's key
    write = Sealed.write

    def failing(self: Sealed, path: Path, body: Any) -> None:
        if path.name == "smoke.json":
            raise OSError(28, "No space left on device", str(path))
        write(self, path, body)

    with monkeypatch.context() as patched:
        patched.setattr(Sealed, "write", failing)
        with pytest.raises(NotWritten, match="No space left"):
            exchange.take(exported, KEY)

    assert len(Receipts().missing(GATES, CONTENT)) == len(GATES)


def test_without_receipts_there_is_nothing_to_export(tmp_path: Path, machine: Callable[[str], None]) -> None:
    machine("empty")
    with pytest.raises(NothingToExport):
        exchange.export([CONTENT], tmp_path / "receipts.json", KEY)
    assert not (tmp_path / "receipts.json").exists()


def test_only_receipts_of_the_machine_itself_are_exported(exported: Path) -> None:
    judged(GATES[0])
    (path,) = (Path(exported.parent) / "push").glob("drydock/receipts/*/*.json")
    body = json.loads(path.read_text())
    path.write_text(json.dumps(body | {"key": "another machine"}))

    with pytest.raises(NothingToExport):
        exchange.export([CONTENT], exported, KEY)
