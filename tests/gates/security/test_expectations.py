"""The expectations file is read strictly, and its ignores expire."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from drydock import toml
from drydock.detect import project
from drydock.errors import BadConfiguration
from drydock.gates.expectations.findings import Finding, Ignore, Severity, sift
from drydock.gates.expectations.model import Expectations
from drydock.gates.expectations.read import load, make
from tests.conftest import ROOT, MakeProject

TODAY = date(2026, 11, 21)


def parse(text: str) -> Expectations:
    return make(toml.parse(text, "expectations.toml"), "expectations.toml", TODAY)


def refuse(text: str) -> str:
    with pytest.raises(BadConfiguration) as caught:
        parse(text)
    return str(caught.value)


def test_own_expectations_are_legal() -> None:
    assert load(project.load(ROOT)).image.user == "10001:10001"


def test_project_without_a_file_expects_nothing_of_its_own(make_project: MakeProject) -> None:
    expectations = load(make_project({}))
    assert expectations.file == ()
    assert expectations.image.user is None


def test_unknown_key_is_named_with_the_known_ones() -> None:
    message = refuse("[image]\nusr = '1'\n")
    assert message.startswith(
        "error: expectations.toml image.usr: unknown key; use one of architectures, cmd"
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[image]\nuser = 10001", "image.user: 10001 is not a string"),
        ("[image.health]\ninterval = true", "image.health.interval: True is not a whole number"),
        ("[image]\nports = '8000/tcp'", "image.ports: '8000/tcp' is not a list"),
        ("[image.env]\nPORT = 8000", "image.env.PORT: 8000 is not a string"),
        ("[[file]]\nmode = '0644'", "file[0].path: missing"),
        ("[[file]]\npath = '/app'\nmode = 'rwx'", "file[0].mode: 'rwx' is not a mode"),
        ("file = 1", "file: 1 is not a list"),
        ("image = 1", "image: 1 is not a table"),
        ("[audit]\nseverity = 'bad'", "audit.severity: 'bad' is not a severity"),
        ("[image", "not valid TOML"),
    ],
)
def test_wrong_value_is_named(text: str, named: str) -> None:
    assert named in refuse(text)


@pytest.mark.parametrize("gate", ["security", "audit", "licences"])
def test_ignore_needs_a_reason_and_a_day(gate: str) -> None:
    table = f"[[{gate}.ignore]]\ncheck = 'setuid'\n"
    assert f"{gate}.ignore[0].reason: missing" in refuse(table + "until = 2027-01-01\n")
    assert f"{gate}.ignore[0].until: missing" in refuse(table + "reason = 'x'\n")
    assert "reason is empty" in refuse(table + "reason = ' '\nuntil = 2027-01-01\n")
    assert "'2027-01-01' is not a date" in refuse(table + "reason = 'x'\nuntil = '2027-01-01'\n")


def test_ignore_cannot_last_for_years() -> None:
    text = "[[audit.ignore]]\ncheck = 'CVE-1'\nreason = 'x'\nuntil = 2099-01-01\n"
    assert "until 2099-01-01 is more than 366 days away" in refuse(text)


def test_justification_is_a_word_of_openvex_and_for_vulnerabilities() -> None:
    def ignore(gate: str, word: str) -> str:
        keys = "check = 'CVE-1'\nreason = 'x'\nuntil = 2027-01-01"
        return f"[[{gate}.ignore]]\n{keys}\njustification = '{word}'\n"

    assert "justification 'trust me'; write one of component_not_present, " in refuse(
        ignore("audit", "trust me")
    )
    assert "in [[audit.ignore]] alone" in refuse(ignore("licences", "component_not_present"))
    word = "component_not_present"
    assert parse(ignore("audit", word)).audit.ignore[0].justification == word


SETUID = Finding("setuid", "/usr/bin/su", "has mode 4755")


def test_ignore_covers_by_check_alias_and_wildcard() -> None:
    until = TODAY + timedelta(days=1)
    aliased = Finding("GHSA-1", "jinja2", "is vulnerable", aliases=("CVE-1",))
    ignores = [Ignore("set*", "no-new-privileges", until, "/usr/bin/*"), Ignore("CVE-1", "unused", until)]
    sifted = sift([SETUID, aliased], ignores, TODAY)
    assert sifted.open == ()
    assert [ignore.check for _, ignore in sifted.ignored] == ["set*", "CVE-1"]


def test_ignore_of_another_subject_covers_nothing() -> None:
    ignore = Ignore("setuid", "x", TODAY, "/usr/bin/passwd")
    sifted = sift([SETUID], [ignore], TODAY)
    assert sifted.open == (SETUID,)
    assert sifted.unused == (ignore,)


def test_ignore_holds_on_its_last_day_and_fails_the_day_after() -> None:
    ignore = Ignore("setuid", "accepted", TODAY)
    assert sift([SETUID], [ignore], TODAY).open == ()
    expired = sift([SETUID], [ignore], TODAY + timedelta(days=1)).open
    assert [finding.check for finding in expired] == ["ignore", "setuid"]
    assert "expired on 2026-11-21: accepted" in str(expired[0])


def test_expired_ignore_fails_though_it_covers_nothing() -> None:
    assert sift([], [Ignore("gone", "x", TODAY - timedelta(days=1))], TODAY).open


def test_unrated_severity_stands_above_every_threshold() -> None:
    assert Severity.named("MODERATE") is Severity.MEDIUM
    assert Severity.named("") is Severity.UNKNOWN
    assert Severity.UNKNOWN > Severity.CRITICAL
