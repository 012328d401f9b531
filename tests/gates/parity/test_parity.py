"""Parity: which differences count, and which are accepted automatically."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pytest

from drydock.command import Completed
from drydock.engine.errors import NotReady
from drydock.engine.runtime import Running
from drydock.gates import parity, proof
from drydock.gates.errors import CouldNotCheck
from drydock.gates.parity.known import KNOWN
from drydock.gates.parity.snippets import PRELUDE, PROGRAM, SNIPPETS
from drydock.gates.subject import Subject
from drydock.project import Project
from drydock.verdict import Outcome, Verdict
from drydock.workspace import Workspace
from tests.conftest import ROOT, MakeProject
from tests.support.answers import answering

Judge = Callable[[dict[str, Any]], Verdict]
SAME = {"version": {"answer": "3.13"}, "zones": {"answer": ["Europe/Berlin", "UTC"]}}


@pytest.fixture
def judge(make_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Judge two images with these answers, or that fail to start."""

    def judged(answers: dict[str, Any], expectations: str = "") -> Verdict:
        project = make_project({"image/expectations.toml": expectations, "Dockerfile": "# drydock's\n"})
        workspace = Workspace(None, project)  # type: ignore[arg-type]
        for target in answers:
            workspace.adopt(target, target)

        def ask(image: str, _project: Project) -> dict[str, Any]:
            if isinstance(found := answers[image], Exception):
                raise found
            return cast("dict[str, Any]", found)

        monkeypatch.setattr(parity, "container", lambda _, image: nullcontext(image))
        monkeypatch.setattr(parity, "ask", ask)
        return parity.judge(Subject(workspace, "production"))

    return judged


def run(snippets: dict[str, str]) -> dict[str, Any]:
    """Run snippets on this machine as in a container."""
    questions = json.dumps([PRELUDE, snippets])
    done = subprocess.run([sys.executable, "-c", PROGRAM, questions], capture_output=True, check=True)
    return cast("dict[str, Any]", json.loads(done.stdout))


def test_equal_answers_pass_with_the_number_of_questions(judge: Judge) -> None:
    verdict = judge({"slim": SAME, "production": SAME})

    assert verdict.outcome is Outcome.PASSED
    assert verdict.measurements["checks"] == {"both images": 2}


def test_each_difference_is_a_finding_with_both_answers(judge: Judge) -> None:
    other = {"version": {"answer": "3.14"}, "zones": {"answer": ["UTC"]}}
    verdict = judge({"slim": SAME, "production": other})

    assert verdict.outcome is Outcome.FAILED
    assert verdict.details[:2] == (
        "version answer: slim answers 3.13, production 3.14",
        "zones Europe/Berlin: slim answers there, production nothing",
    )


def test_a_question_that_fails_in_one_image_is_a_difference(judge: Judge) -> None:
    broken = SAME | {"zones": {"error": "exit code -11: no message"}}
    verdict = judge({"slim": SAME, "production": broken})

    assert verdict.outcome is Outcome.FAILED
    assert any("exit code -11" in line for line in verdict.details)


def test_a_question_that_fails_alike_is_told_and_no_difference(judge: Judge) -> None:
    both = SAME | {"zones": {"error": "exit code 1: no zones"}}
    verdict = judge({"slim": both, "production": both})

    assert verdict.outcome is Outcome.PASSED
    assert any("zones: exit code 1: no zones" in line for line in verdict.details)


def test_a_question_without_an_answer_in_time_is_no_pass(judge: Judge) -> None:
    late = SAME | {"zones": {"late": "no answer in 300 s"}}
    verdict = judge({"slim": SAME, "production": late})

    assert verdict.outcome is Outcome.COULD_NOT_CHECK


def test_a_display_without_its_library_is_lacking_in_both_images(judge: Judge) -> None:
    """The official images have `_tkinter`, and not the library that it is linked with."""
    names = ("terminals", "modules of the standard library")
    modules = ("tkinter", "_tkinter")
    library = "ImportError: libtk8.6.so: cannot open shared object file"
    answers = {
        target: SAME
        | {
            name: {"answer": {module: text.format(module)}}
            for name, module in zip(names, modules, strict=True)
        }
        for target, text in (("slim", library), ("production", "ModuleNotFoundError: No module named '{}'"))
    }

    assert judge(answers).outcome is Outcome.PASSED


def test_a_difference_on_purpose_is_told_with_its_reason(judge: Judge) -> None:
    name = "programs of the system"
    verdict = judge(
        {"slim": SAME | {name: {"answer": ["env", "sh"]}}, "production": SAME | {name: {"answer": []}}}
    )

    assert verdict.outcome is Outcome.PASSED
    (line,) = (line for line in verdict.details if name in line)
    assert all(word in line for word in ("env", "sh", next(k.reason for k in KNOWN if k.check == name)))


ACCEPTED = '[[parity.ignore]]\ncheck = "zones"\nsubject = "*Berlin"\nreason = "no clock"\nuntil = {}\n'


@pytest.mark.parametrize(
    ("until", "outcome"),
    [(date.max, None), (date(2020, 1, 1), Outcome.FAILED), (date.today(), Outcome.PASSED)],
)
def test_a_project_accepts_a_difference_until_a_day(
    judge: Callable[..., Verdict], until: date, outcome: Outcome | None
) -> None:
    answers = {"slim": SAME, "production": SAME | {"zones": {"answer": ["UTC"]}}}
    if outcome is None:
        with pytest.raises(Exception, match="days away"):
            judge(answers, ACCEPTED.format(until))
    else:
        assert judge(answers, ACCEPTED.format(until)).outcome is outcome


@pytest.mark.parametrize(
    ("library", "outcome"), [("libstdc++.so.6", Outcome.PASSED), ("libssl.so.3", Outcome.FAILED)]
)
def test_only_a_library_that_nothing_needs_may_be_missing(
    judge: Judge, library: str, outcome: Outcome
) -> None:
    name = "libraries by name"
    lacking = SAME | {name: {"answer": {library: "OSError: no such file"}}}

    assert judge({"slim": SAME | {name: {"answer": {}}}, "production": lacking}).outcome is outcome


def test_an_image_that_alone_does_not_start_is_refused_with_its_log(judge: Judge) -> None:
    fault = NotReady(image="x", path="/", seconds=60, last="no answer", evidence="its log")
    verdict = judge({"slim": SAME, "production": fault})

    assert (verdict.outcome, verdict.evidence) == (Outcome.FAILED, "its log")


def test_two_images_that_do_not_start_could_not_be_compared(judge: Judge) -> None:
    fault = NotReady(image="x", path="/", seconds=60, last="no answer")
    with pytest.raises(NotReady):
        judge({"slim": fault, "production": fault})


def test_slim_is_not_compared_with_itself(make_project: MakeProject) -> None:
    workspace = Workspace(None, make_project({}))  # type: ignore[arg-type]

    assert parity.judge(Subject(workspace, "slim")).outcome is Outcome.COULD_NOT_CHECK


def test_a_python_that_answers_nothing_is_no_pass() -> None:
    running = SimpleNamespace(
        execute=lambda *words: Completed(words, 126, "", "no space left"),
        run=SimpleNamespace(image="shop:dev"),
    )
    with pytest.raises(CouldNotCheck, match="exit code 126"):
        parity.answers_to_snippets(cast("Running", running))


def test_a_snippet_that_dies_takes_no_other_along() -> None:
    answers = run(
        {
            "dies": "import signal\nos.kill(os.getpid(), signal.SIGSEGV)",
            "raises": "answer = 1 / 0",
            "prints": "print('noise')\nanswer = {'b': 1, 'a': [None, True]}",
            "leaves": "os._exit(3)",
        }
    )

    assert answers["dies"]["error"].startswith("exit code -11")
    assert answers["raises"]["error"] == "exit code 1: ZeroDivisionError: division by zero"
    assert answers["prints"] == {"answer": {"b": 1, "a": [None, True]}}
    assert answers["leaves"]["error"].startswith("exit code 3")


def test_at_least_sixty_questions_are_asked_and_each_is_python() -> None:
    for name, source in SNIPPETS.items():
        compile(PRELUDE + source, name, "exec")

    assert len(SNIPPETS) >= 60


def test_every_difference_on_purpose_is_about_a_question() -> None:
    assert {one.check for one in KNOWN} - SNIPPETS.keys() == set()


def test_the_document_names_every_difference_on_purpose() -> None:
    text = (ROOT / "docs/background/security.md").read_text(encoding="utf-8")
    exact = {one.subject.rpartition("/")[2] for one in KNOWN if not set("*[") & set(one.subject)}

    assert {name for name in exact if f"`{name}`" not in text} == {"test"}


def test_texts_in_another_order_differ() -> None:
    (finding,) = parity.differences("path", ["a", "b"], ["b", "a"], "production")

    assert finding.subject == "whole"


def test_many_differences_of_one_question_are_counted() -> None:
    found = list(parity.differences("zones", [str(number) for number in range(100)], [], "production"))

    assert len(found) == parity.MOST_OF_ONE + 1
    assert str(100 - parity.MOST_OF_ONE) in found[-1].text


@pytest.fixture
def running() -> Iterator[Running]:
    numbers = itertools.count()
    answer = lambda: json.dumps({"id": next(numbers), "tags": ["a"]}).encode()  # noqa: E731
    with answering(answer, "application/json") as found:
        yield found


def test_answers_over_http_keep_their_form_and_lose_their_values(
    running: Running, make_project: MakeProject
) -> None:
    request = '[[smoke]]\nmethod = "GET"\npath = "/tasks"\nstatus = 200\n'
    project = make_project({"drydock.toml": request})
    found = parity.answers_to_requests(running, project)

    assert found["request 1, GET /tasks"] == [200, "application/json", {"id": "int", "tags": ["str"]}]
    assert found["GET /docs"] == found["request 1, GET /tasks"]
    assert isinstance(found["GET /openapi.json"][2], str)


@pytest.mark.parametrize(
    ("stages", "demanded"), [("production", False), ("production slim", True)], ids=["without", "with"]
)
def test_a_push_demands_it_where_the_project_has_slim(
    stages: str, demanded: bool, make_project: MakeProject
) -> None:
    lines = "".join(f"FROM scratch AS {name}\n" for name in stages.split())
    project: Project = make_project({"Dockerfile": f"# drydock's\n{lines}"})

    assert ("parity" in {gate.name for gate in proof.demanded("production", project)}) is demanded
