"""Gates of the hook that are Nox sessions, in a separate folder."""

from __future__ import annotations

from pathlib import Path

from drydock.hook import in_session
from drydock.hook.watched import Watched
from drydock.verdict import Outcome

NOXFILE = """\
import nox

nox.options.default_venv_backend = "none"

@nox.session
def lint(session):
    import shop
    print(shop.WORDS, *session.posargs)
    if shop.FAULT:
        session.error(shop.FAULT)
"""
LINT = Watched("lint", (), session=("-m", "not live"))


def folder(root: Path, *, fault: str = "") -> Path:
    (root / "noxfile.py").write_text(NOXFILE)
    (root / "shop.py").write_text(f"WORDS = 'all is well'\nFAULT = {fault!r}\n")
    return root


def test_a_session_that_succeeds_has_passed_and_says_its_last_words(tmp_path: Path) -> None:
    verdict = in_session(LINT, folder(tmp_path))

    assert verdict.outcome is Outcome.PASSED
    assert verdict.summary == "all is well -m not live"
    assert verdict.seconds > 0


def test_a_session_that_fails_is_refused_with_what_it_said(tmp_path: Path) -> None:
    verdict = in_session(LINT, folder(tmp_path, fault="line 3 is too long"))

    assert verdict.outcome is Outcome.FAILED
    assert "line 3 is too long" in verdict.evidence
