"""Ask production and slim the same requests and questions, and refuse each difference without a reason."""

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any

from drydock.engine.errors import ContainerExited, NotReady
from drydock.engine.runtime import Answer, Run, Running, started
from drydock.gates import smoke
from drydock.gates.errors import CouldNotCheck
from drydock.gates.expectations.findings import Finding, Report, decide, sift
from drydock.gates.expectations.read import INPUTS
from drydock.gates.gate import Facts
from drydock.gates.parity.known import KNOWN
from drydock.gates.parity.snippets import PRELUDE, PROGRAM, SNIPPETS
from drydock.gates.subject import Subject
from drydock.project import Project
from drydock.spelling import spelled
from drydock.verdict import Outcome, Verdict

GATE = "parity"
FACTS = Facts(inputs=(*INPUTS, "Dockerfile"), settings=smoke.settings, stages=("slim",), rank=45)
# Requests beside the project's own; the answer to the first one is compared word by word.
ALSO = ("/openapi.json", "/docs", "/no-such-path-of-drydock")
MOST_OF_ONE, LONGEST = 25, 160
NOTHING = "nothing"


def judge(subject: Subject) -> Verdict:
    """Start both images once, ask both the same, and compare the answers."""
    if subject.target == "slim":
        return Verdict(
            GATE, Outcome.COULD_NOT_CHECK, "slim is the reference for the others; leave out --target"
        )
    project = subject.project
    accepted = subject.expectations.parity.ignore
    # Built one after the other; the threads below only ask.
    images = {target: subject.workspace.built(target).image_id for target in ("slim", subject.target)}
    subject.say(f"asking slim and {subject.target} {len(SNIPPETS)} questions")
    # This thread owns the containers: an interrupt removes them first, which ends the threads' questions.
    with ThreadPoolExecutor(len(images)) as pool, ExitStack() as stack:
        containers = {
            target: stack.enter_context(container(subject, image)) for target, image in images.items()
        }
        asked = {target: pool.submit(ask, one, project) for target, one in containers.items()}
        faults = {target: one.exception() for target, one in asked.items() if one.exception()}
    for target, fault in faults.items():
        if len(faults) == 1 and isinstance(fault, ContainerExited | NotReady):
            verdict = Verdict.failed(GATE, fault)
            return replace(verdict, summary=f"only {target} fails: {verdict.summary}")
    slim, other = (one.result() for one in asked.values())
    report = compare(slim, other, subject.target)
    for note in report.notes:
        subject.say(note)
    return decide(GATE, subject.target, [report], accepted, "questions")


def container(subject: Subject, image: str) -> AbstractContextManager[Running]:
    project = subject.project
    run = Run(image, project.port, environment=project.development.environment, owner=GATE)
    return started(subject.engine, run)


def ask(running: Running, project: Project) -> dict[str, Any]:
    """Return a container's answer to each request and each snippet."""
    running.wait_until_ready(project.ready_path)
    return {**answers_to_requests(running, project), **answers_to_snippets(running)}


def answers_to_requests(running: Running, project: Project) -> dict[str, Any]:
    """Return status, media type and form of each answer: values such as ids and times differ between runs."""
    found: dict[str, Any] = {}
    for number, (request, path, answer) in enumerate(smoke.exchanges(running, project), 1):
        name = f"request {number}, {request.method} {request.path}"
        found[name] = formed(answer) if answer else f"not sent: {path}"
    for path in filter(None, (project.health_path, project.ready_path, *ALSO)):
        answer = running.send("GET", path)
        exact = [answer.status, answer.media_type, answer.body]
        found[f"GET {path}"] = exact if path == ALSO[0] else formed(answer)
    return found


def formed(answer: Answer) -> list[Any]:
    """Return an answer without the values that differ between runs."""
    try:
        return [answer.status, answer.media_type, form(json.loads(answer.body))]
    except ValueError:
        return [answer.status, answer.media_type, re.sub(r"[0-9a-f]{8,}|\d+", "#", answer.body)]


def form(value: Any) -> Any:
    """Return the keys and the types of a JSON value."""
    if isinstance(value, dict):
        return {key: form(item) for key, item in value.items()}
    return [form(item) for item in value] if isinstance(value, list) else type(value).__name__


def answers_to_snippets(running: Running, snippets: Mapping[str, str] = SNIPPETS) -> dict[str, Any]:
    """Run each snippet in an interpreter of its own, and return the answers."""
    questions = json.dumps([PRELUDE, dict(snippets)])
    done = running.execute("python3", "-c", PROGRAM, questions)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise CouldNotCheck(
            gate=GATE,
            summary=f"python3 of {running.run.image} answered no question: exit code {done.code}",
            how=f"see it with {spelled('`drydock run`')}, which starts the image in the same way",
            evidence=done.stderr,
        ) from error
    return found


def compare(slim: Mapping[str, Any], other: Mapping[str, Any], target: str) -> Report:
    """Report unexpected differences, and note intended ones with their reasons."""
    late = {name for one in (slim, other) for name, said in one.items() if _has(said, "late")}
    found = [
        finding
        for name in dict.fromkeys((*slim, *other))
        if name not in late
        for finding in differences(name, slim.get(name, NOTHING), other.get(name, NOTHING), target)
    ]
    sifted = sift(found, KNOWN)
    reasons = dict.fromkeys(known.reason for known in KNOWN)
    covered = {why: [one for one, known in sifted.ignored if known.reason == why] for why in reasons}
    notes = [
        f"on purpose: {why}: {', '.join(f'{one.check} {one.subject}' for one in ones)}"
        for why, ones in covered.items()
        if ones
    ]
    alike = [name for name, said in slim.items() if _has(said, "error") and said == other.get(name)]
    notes += [f"both fail in the same way, {name}: {slim[name]['error']}" for name in alike]
    tests = "`drydock gate container_tests --target slim` runs them on slim"
    notes.append(spelled(f"not asked here: the unit tests; {tests}"))
    faults = tuple(f"{name}: an image gave no answer in time" for name in sorted(late))
    return Report("both images", len(slim), sifted.open, faults, tuple(notes))


def _has(said: Any, kind: str) -> bool:
    return isinstance(said, dict) and kind in said


def differences(name: str, slim: Any, other: Any, target: str) -> Iterator[Finding]:
    """Yield each part of two answers that differs, with both of its values."""
    if slim == other:
        return
    keys, here, there = ["whole"], {"whole": slim}, {"whole": other}
    if not any(_has(said, "error") for said in (slim, other)):
        slim, other = (said["answer"] if _has(said, "answer") else said for said in (slim, other))
        mine, theirs = dict(parts(slim)), dict(parts(other))
        # Where no part differs, their order does.
        if unequal := [key for key in {**mine, **theirs} if mine.get(key) != theirs.get(key)]:
            keys, here, there = unequal, mine, theirs
    for key in keys[:MOST_OF_ONE]:
        values = (shown(values.get(key, NOTHING)) for values in (here, there))
        yield Finding(name, key or "answer", "slim answers {}, {target} {}".format(*values, target=target))
    if len(keys) > MOST_OF_ONE:
        yield Finding(name, "and more", f"{len(keys) - MOST_OF_ONE} more parts of the answer differ")


def parts(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the parts of a JSON value by their places; a list of texts has its texts as places."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from parts(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        texts = all(isinstance(item, str) for item in value)
        for number, item in enumerate(value):
            if texts:
                yield f"{path} {item}".strip(), "there"
            else:
                yield from parts(item, f"{path}[{number}]")
    else:
        yield path, value


def shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
