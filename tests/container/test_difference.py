from __future__ import annotations

import difference
import pytest

LOCK = """\
anyio==4.16.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
Jinja_2[extra]==3.1 ; python_version >= '3.13' \\
    --hash=sha256:cc
pytest==9.2.0 \\
    --hash=sha256:dd
"""


def test_what_is_installed_is_not_installed_again() -> None:
    rest = difference.missing(LOCK, {"anyio": "4.16.0", "jinja-2": "3.1"})

    assert rest == "pytest==9.2.0 \\\n    --hash=sha256:dd\n"


def test_another_version_than_the_shipped_one_is_an_error() -> None:
    with pytest.raises(
        SystemExit, match=r"error: the image ships anyio 4\.15\.0, the tests' lock has 4\.16\.0"
    ):
        difference.missing(LOCK, {"anyio": "4.15.0"})


def test_tools_are_taken_in_whatever_version_ships() -> None:
    rest = difference.missing(LOCK, {"anyio": "4.15.0", "jinja-2": "3.0"}, any_version=True)

    assert rest == "pytest==9.2.0 \\\n    --hash=sha256:dd\n"


def test_a_lock_may_hold_several_versions_each_for_other_pythons() -> None:
    forked = (
        "fastapi==0.162.5 ; python_full_version < '3.11'\nfastapi==0.165.0 ; python_full_version >= '3.11'\n"
    )

    assert difference.missing(forked, {"fastapi": "0.165.0"}) == ""
    assert difference.missing(forked, {}) == forked
    with pytest.raises(
        SystemExit, match=r"the image ships fastapi 0\.1, the tests' lock has 0\.162\.5 or 0\.165\.0"
    ):
        difference.missing(forked, {"fastapi": "0.1"})


def test_addresses_are_installed_and_what_cannot_be_had_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    address = "words @ https://example.org/words-1.0.zip \\\n    --hash=sha256:ee\n"
    text = (
        f"{LOCK}{address}bare[x] @ https://user:secret@example.org/bare-1.0.zip\n"
        "from-git @ git+https://secret@example.org/from-git@abc ; python_version >= '3.11'\n"
        "./libs/local_tool-1.0-py3-none-any.whl \\\n    --hash=sha256:ff\n"
        "./libs/shipped-1.0-py3-none-any.whl\n-e ./libs/folder\n"
    )

    rest = difference.missing(
        text, {"anyio": "4.16.0", "jinja-2": "3.1", "pytest": "9.2.0", "shipped": "1.0"}
    )

    assert rest == address
    told = capsys.readouterr().err.splitlines()
    why = "it is of a repository or a file, or has no hash"
    assert told == [
        f"drydock: the test image lacks {name}: {why}" for name in ("bare", "from-git", "local-tool")
    ]


def test_a_repository_is_installed_where_git_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "tool @ git+https://example.org/tool@abc\n"

    assert difference.missing(text, {}) == text
    monkeypatch.setenv("PATH", "")
    assert difference.missing(text, {}) == ""


def test_an_address_without_a_hash_is_installed_where_nothing_has_one() -> None:
    assert (
        difference.missing("words @ https://example.org/words.zip\n", {})
        == "words @ https://example.org/words.zip\n"
    )
