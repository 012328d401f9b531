"""Debian's archive: sources from this machine's mirrors, apt's policy, failing closed, and a real lookup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drydock.engine import apt
from drydock.engine.apt import Repository
from drydock.gates import debian
from drydock.gates.expectations.findings import CouldNotAskError
from drydock.image.components import Component, Components
from drydock.image.packages import Source

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MAIN = Repository("http://mirror/debian/", "bookworm")
SECURITY = Repository("http://mirror/security/", "bookworm-security")
ZLIB = Component("zlib1g", "1:1.3-1", "amd64", Source.DEBIAN)
POLICY = """\
zlib1g:
  Installed: 1:1.3-1
  Candidate: 1:1.3-1+deb13u2
  Version table:
     1:1.3-1+deb13u2 500
        500 http://mirror/security trixie-security/main amd64 Packages
     1:1.3-1+deb13u1 500
        500 http://mirror/debian trixie/main amd64 Packages
 *** 1:1.3-1 100
        100 /tmp/status
"""


def components(release: dict[str, str], *packages: Component) -> Components:
    return Components(packages, release)


def test_sources_are_those_of_the_image_on_this_machines_mirrors() -> None:
    lines = debian.source_lines([MAIN, SECURITY], "bookworm", "trixie")
    assert [line.split("] ")[1] for line in lines] == [
        "http://mirror/debian/ trixie main",
        "http://mirror/security/ trixie-security main",
    ]


@pytest.mark.parametrize("mirrors", [[], [MAIN]])
def test_machine_without_a_security_mirror_is_a_fault(mirrors: list[Repository]) -> None:
    with pytest.raises(CouldNotAskError, match="no mirror of Debian's security updates"):
        debian.source_lines(mirrors, "bookworm", "trixie")


def test_security_update_is_found_with_its_version() -> None:
    report = debian.judge([ZLIB], POLICY)
    (finding,) = report.findings
    assert (finding.check, finding.subject, finding.fixed_in) == (
        "debian-security",
        "zlib1g",
        "1:1.3-1+deb13u2",
    )


def test_newer_version_of_the_main_suite_is_no_vulnerability() -> None:
    policy = POLICY.replace("trixie-security/main", "trixie-updates/main")
    assert debian.judge([ZLIB], policy).findings == ()


def test_installed_security_update_is_no_finding() -> None:
    policy = POLICY.replace("Installed: 1:1.3-1\n", "Installed: 1:1.3-1+deb13u2\n").replace(
        " *** 1:1.3-1 100", " *** 1:1.3-1+deb13u2 100"
    )
    report = debian.judge([ZLIB], policy)
    assert (report.findings, report.faults) == ((), ())


@pytest.mark.parametrize(
    "policy", ["", "zlib1g:\n  Installed: 1\n  Version table:\n *** 1 100\n        100 /s\n"]
)
def test_package_that_no_suite_knows_is_a_fault(policy: str) -> None:
    report = debian.judge([ZLIB], policy)
    assert report.faults == ("no suite of the release has a package zlib1g 1:1.3-1: it was not checked",)


@pytest.mark.parametrize(
    ("release", "fault"),
    [
        ({}, "the image is without os-release, not Debian"),
        (
            {"ID": "alpine", "PRETTY_NAME": "Alpine Linux v3.22"},
            "the image is Alpine Linux v3.22, not Debian",
        ),
        ({"ID": "debian"}, "names no Debian release"),
    ],
)
def test_image_of_another_system_is_a_fault(release: dict[str, str], fault: str) -> None:
    report = debian.audit(components(release, ZLIB), 7, NOW, lambda _: None)
    assert fault in report.faults[0]


def test_empty_list_of_packages_is_a_fault() -> None:
    release = {"ID": "debian", "VERSION_CODENAME": "trixie"}
    report = debian.audit(components(release), 7, NOW, lambda _: None)
    assert report.faults == ("the image is Debian and lists no Debian package",)


def test_machine_without_apt_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    release = {"ID": "debian", "VERSION_CODENAME": "trixie"}
    report = debian.audit(components(release, ZLIB), 7, NOW, lambda _: None)
    assert "this machine has no apt that works" in report.faults[0]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (None, "apt fetched no list of security updates"),
        ("Suite: trixie-security\n", "has no date"),
        ("Date: Sun, 01 Nov 2026 10:00:00 UTC\n", "was signed 19 days ago, more than 7"),
    ],
)
def test_security_suite_that_is_not_fresh_is_a_fault(tmp_path: Path, text: str | None, fault: str) -> None:
    if text is not None:
        (tmp_path / "mirror_dists_trixie-security_InRelease").write_text(text)
    with pytest.raises(CouldNotAskError, match=fault):
        debian.check_age(tmp_path, 7, NOW)


def test_fresh_security_suite_is_accepted(tmp_path: Path) -> None:
    signed = (NOW - timedelta(days=1)).strftime("%a, %d %b %Y %H:%M:%S UTC")
    (tmp_path / "mirror_dists_trixie-security_InRelease").write_text(f"Date: {signed}\n")
    debian.check_age(tmp_path, 7, NOW)


def test_the_oldest_list_tells_how_old_the_answer_is(tmp_path: Path) -> None:
    for name, day in (("a", 18), ("b", 16)):
        text = f"Date: Mon, {day} Nov 2026 10:00:00 UTC\n"
        (tmp_path / f"{name}_dists_trixie-security_InRelease").write_text(text)

    assert debian.signed_on(tmp_path).isoformat() == "2026-11-16T10:00:00+00:00"


def test_mirror_that_does_not_answer_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    dead = Repository("http://127.0.0.1:9/debian-security/", "bookworm-security")
    monkeypatch.setattr(apt, "repositories", lambda: [dead])
    monkeypatch.setattr(debian.osrelease, "codename", lambda: "bookworm")
    release = {"ID": "debian", "VERSION_CODENAME": "trixie"}
    report = debian.audit(components(release, ZLIB), 7, NOW, lambda _: None)
    assert report.faults[0].startswith("Debian's archive could not be asked: E:")


def test_real_archive_knows_the_update_of_an_old_package() -> None:
    old = Component("libssl3t64", "3.5.0-1", "amd64", Source.DEBIAN)
    invented = Component("drydock-invented", "1", "all", Source.DEBIAN)
    release = {"ID": "debian", "VERSION_CODENAME": "trixie"}
    report = debian.audit(components(release, old, invented), 14, datetime.now(UTC), lambda _: None)
    assert [finding.subject for finding in report.findings] == ["libssl3t64"]
    assert report.faults == ("no suite of the release has a package drydock-invented 1: it was not checked",)
