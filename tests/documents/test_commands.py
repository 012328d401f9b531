"""A test runs every command in the documents, or the document states the command's requirement."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from invoke import Collection

import tasks
from tests.conftest import ROOT
from tests.documents import catalogue
from tests.documents.extract import Documented, canonical, commands, documents, words
from tests.support.sources import function

CATALOGUE = catalogue.read()
DOCUMENTED = [command for path in documents() for command in commands(path)]
RUN = {one.command for one in CATALOGUE.runs}
COVERED = {canonical(text) for text in (*RUN, *CATALOGUE.tested)}
HOW = "give each a row in tests/documents/commands.toml, or a mark <!-- needs: ... --> in its document"


@pytest.fixture(scope="module")
def sessions() -> dict[str, bool]:
    """Every Nox session, and whether plain `nox` runs it."""
    listed = [sys.executable, "-m", "nox", "--list"]
    done = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True)
    return {name: mark == "*" for mark, name in re.findall(r"^([*-]) (\w+) -> ", done.stdout, re.MULTILINE)}


def session_of(text: str) -> str:
    """Return the session that a command runs, or an empty text."""
    split = words(text)
    return split[2] if split[:2] == ["nox", "-s"] else ""


def test_the_documents_are_read_as_people_read_them() -> None:
    page = ROOT / "docs/how-to/kubernetes.md"
    found = {one.text: one for one in commands(page)}
    assert found["./run invoke deploy --overlay local"].needs == ""
    assert found["kind load docker-image todo-chatbot-api:dev"].needs == "kind"
    assert "nox -s cluster" in found


def test_every_command_is_run_by_a_test_or_marked(sessions: dict[str, bool]) -> None:
    def is_known(one: Documented) -> bool:
        # `.ci/run` runs plain `nox`; and tests of a command's longer forms also cover its bare name.
        text = canonical(one.text)
        by_ci = sessions.get(session_of(text), False)
        bare = any(known.startswith(f"{text} ") for known in COVERED)
        return bool(one.needs) or text in COVERED or by_ci or bare

    unknown = sorted(f"{one.place}: {one.text}" for one in DOCUMENTED if not is_known(one))
    assert not unknown, "\n".join([f"no test runs these; {HOW}:", *unknown])


def test_every_mark_names_what_is_known_to_be_away() -> None:
    marked = [one for one in DOCUMENTED if one.needs]
    assert {one.needs for one in marked} == set(CATALOGUE.needs)


def test_no_row_is_stale() -> None:
    assert sorted(COVERED - {canonical(one.text) for one in DOCUMENTED}) == []
    texts = " ".join(sorted(RUN))
    assert [old for old in CATALOGUE.replaced if old not in texts] == []


@pytest.mark.parametrize(("command", "test"), CATALOGUE.tested.items())
def test_the_test_of_a_command_is_there(command: str, test: str) -> None:
    path, _, name = test.partition("::")
    if not name:
        assert command in (ROOT / path).read_text(encoding="utf-8")
        return
    assert function(ROOT / path, name)
    # The documents' own tests run these commands word for word.
    if path.endswith("test_documents.py"):
        text = (ROOT / path).read_text(encoding="utf-8")
        assert [word for word in words(CATALOGUE.replace(command)) if word not in text] == []


@pytest.mark.parametrize(
    "text", sorted({one.text for one in DOCUMENTED if words(one.text)[:1] in (["drydock"], ["invoke"])})
)
def test_every_task_and_option_is_known(text: str) -> None:
    parts = [CATALOGUE.replace(word) for word in words(text)[1:] if word not in ("&&", "|")]
    if parts[0].startswith("--"):
        return
    (context,) = (one for one in Collection.to_contexts(tasks.namespace) if one.name == parts[0])
    options = [part.partition("=")[0] for part in parts[1:] if part.startswith("-")]
    assert [option for option in options if option not in {*context.flags, "--help"}] == []


def test_every_session_is_known(sessions: dict[str, bool]) -> None:
    named = {name for one in DOCUMENTED if (name := session_of(canonical(one.text)))}
    assert named
    assert named <= set(sessions)
