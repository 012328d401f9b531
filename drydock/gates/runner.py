"""Run gates by name: build what they judge, judge it, show the verdict and keep a receipt."""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

import drydock
from drydock import errors, programs, recorder
from drydock.build import OnUpdate, Options
from drydock.detect.project import load
from drydock.engine import Engine, connect
from drydock.gates import (
    audit,
    budget,
    cache,
    cluster,
    container_tests,
    growth,
    kubernetes,
    licences,
    mainline,
    reproducible,
    security,
    smoke,
)
from drydock.image import Anatomy, Image, content_digest
from drydock.nearest import choices, suggestion
from drydock.progress import Say, silent
from drydock.project import LOCK_FILES, Project
from drydock.report import console, print_json, tables
from drydock.report.progress import BuildProgress, under_way
from drydock.state import receipts
from drydock.state.receipts import Missing, Receipt, Receipts
from drydock.verdict import Outcome, Verdict
from drydock.workspace import Pipeline

Judge = Callable[[Pipeline, str, Sequence[str]], Verdict]


@dataclass(frozen=True)
class Gate:
    """A gate that judges an image.

    Args:
        name: Its Nox session's name.
        targets: The targets that it judges unless told otherwise.
        judge: Builds what is missing and judges one target.
        inputs: Files and folders, beside the image, that its verdict depends on.
        values: Settings that its verdict depends on, as JSON values.
        judges_image: Whether an image needs its receipt to be pushed; else it judges the recipe.
        vetoes: Whether an image that it refused is not pushed, although its pass is not demanded.
        longest_days: Age above which its receipt no longer counts; None for any.
        takes_arguments: Whether arguments that are not drydock's own are handed on.
        tools: The locked tools that take part.
    """

    name: str
    targets: tuple[str, ...]
    judge: Judge
    inputs: Callable[[Project], Iterable[Path]] = lambda _: ()
    values: Callable[[Project, str], Mapping[str, Any]] = lambda _project, _target: {}
    judges_image: bool = True
    vetoes: bool = False
    longest_days: float | None = None
    takes_arguments: bool = False
    tools: tuple[str, ...] = ()


def _container_tests(pipeline: Pipeline, target: str, args: Sequence[str]) -> Verdict:
    image = pipeline.tests_on(target).image_id
    show = (lambda _: None) if pipeline.quiet else _stderr
    return container_tests.run(pipeline.engine, image, target, args, show)


def _size_budget(pipeline: Pipeline, target: str, _args: Sequence[str]) -> Verdict:
    image, allowed = pipeline.measured(target), pipeline.project.budget(target)
    comparisons, notes = growth.compare(
        image,
        allowed,
        pipeline.project,
        target,
        base=lambda: pipeline.measure(pipeline.base.reference),
        mainline=lambda: mainline.image(pipeline, target),
    )
    return budget.judge(image, allowed, target, comparisons=comparisons, notes=notes)


def _smoke(pipeline: Pipeline, target: str, _args: Sequence[str]) -> Verdict:
    paths = Anatomy(pipeline.measured(target)).tree
    return smoke.run(pipeline.engine, pipeline.project, pipeline.built(target).image_id, target, paths)


def _build_cache(pipeline: Pipeline, target: str, _args: Sequence[str]) -> Verdict:
    options = pipeline.options(Options(target))
    return cache.run(pipeline.engine, pipeline.project, options, _follow(pipeline, target))


def _of_image(run: Callable[[Engine, Project, str, str, Say], Verdict]) -> Judge:
    """Return the judge of a gate that needs the built image and nothing else."""

    def judge(pipeline: Pipeline, target: str, _args: Sequence[str]) -> Verdict:
        image_id = pipeline.built(target).image_id
        return run(pipeline.engine, pipeline.project, image_id, target, pipeline.say)

    return judge


def _kubernetes(pipeline: Pipeline, target: str, _args: Sequence[str]) -> Verdict:
    image_id = pipeline.built(target).image_id
    return kubernetes.run(pipeline.engine, pipeline.project, image_id, pipeline.say)


def _cluster(pipeline: Pipeline, target: str, args: Sequence[str]) -> Verdict:
    reference = pipeline.built(target).reference
    return cluster.run(pipeline.engine, pipeline.project, reference, _stderr, args)


def _reproducible(pipeline: Pipeline, target: str, _args: Sequence[str]) -> Verdict:
    return reproducible.run(
        pipeline.engine,
        pipeline.project,
        pipeline.options(Options(target)),
        _follow(pipeline, target),
        pipeline.say,
    )


def _stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _follow(pipeline: Pipeline, target: str) -> cache.Follow:
    """Return what shows each build of a series."""

    def follow(name: str) -> AbstractContextManager[OnUpdate]:
        if pipeline.quiet:
            return nullcontext(lambda _: None)
        return BuildProgress(f"{target}, {name} build", brief=True)

    return follow


def _manifests(project: Project) -> Iterable[Path]:
    yield project.root / "deploy/kubernetes"


def _expectations(project: Project) -> Iterable[Path]:
    yield project.root / "image/expectations.toml"
    yield project.dockerfile


def _tests(project: Project) -> Iterable[Path]:
    yield project.source / "tests"
    yield from (project.source / name for name in ("requirements-test.lock", *LOCK_FILES))


def _recipe(project: Project) -> Iterable[Path]:
    yield project.dockerfile
    yield project.root / ".dockerignore"


def _budget_values(project: Project, target: str) -> Mapping[str, Any]:
    values = asdict(project.budget(target))
    return values | {"compression": str(project.compression), "main": project.main_branch}


def _smoke_values(project: Project, _target: str) -> Mapping[str, Any]:
    return {
        "requests": [asdict(request) for request in project.smoke],
        "development": asdict(project.development),
        "paths": [project.health_path, project.ready_path],
    }


BOTH = ("production", "slim")
GATES = {
    gate.name: gate
    for gate in (
        Gate(
            "container_tests",
            ("production",),
            _container_tests,
            inputs=_tests,
            takes_arguments=True,
        ),
        Gate("size_budget", BOTH, _size_budget, values=_budget_values),
        Gate("smoke", BOTH, _smoke, values=_smoke_values),
        Gate(
            "security",
            ("production",),
            _of_image(security.run),
            inputs=_expectations,
            tools=("hadolint", "checkov", "trivy"),
        ),
        Gate("licences", ("production",), _of_image(licences.run), inputs=_expectations),
        # Its answer ages with the databases, and where none can be reached there is none: `push` does not ask
        # for it, and heeds it where it said no.
        Gate(
            "audit",
            ("production",),
            _of_image(audit.run),
            inputs=_expectations,
            judges_image=False,
            vetoes=True,
            longest_days=1,
            tools=("pip-audit",),
        ),
        Gate("build_cache", ("production",), _build_cache, inputs=_recipe, judges_image=False),
        Gate("reproducible", ("production",), _reproducible, inputs=_recipe, judges_image=False),
        Gate(
            "kubernetes",
            ("production",),
            _kubernetes,
            inputs=_manifests,
            judges_image=False,
            tools=("kubectl", "kubernetes-validate", "checkov", "trivy"),
        ),
        Gate("cluster", ("production",), _cluster, _manifests, judges_image=False, takes_arguments=True),
    )
}


OPTIONS = ("--project", "--target", "--json", "--quiet")


@dataclass(frozen=True)
class Arguments:
    """What stands after ``--`` on a session's command line."""

    project: Path
    targets: tuple[str, ...]
    json: bool
    quiet: bool
    rest: tuple[str, ...]


def parse(gate: Gate, posargs: Sequence[str]) -> Arguments:
    """Read a session's arguments.

    Raises:
        errors.BadConfiguration: One is unknown to a gate that hands none on.
    """
    parser = argparse.ArgumentParser(prog=f"nox -s {gate.name} --", add_help=False, exit_on_error=False)
    parser.add_argument("--project", default=".", type=Path)
    parser.add_argument("--target", action="append", default=[])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    try:
        known, rest = parser.parse_known_args(posargs)
    except argparse.ArgumentError as error:
        raise errors.BadConfiguration(where=parser.prog, problem=str(error), how="see README.md") from error
    if rest and not gate.takes_arguments:
        raise errors.BadConfiguration(
            where=parser.prog,
            problem=f"unknown argument {rest[0]}",
            how=suggestion(rest[0], OPTIONS, f"use one of {', '.join(OPTIONS)}"),
        )
    return Arguments(known.project, tuple(known.target) or gate.targets, known.json, known.quiet, tuple(rest))


def run(name: str, posargs: Sequence[str], say: Say) -> errors.DrydockError | None:
    """Run one gate on each of its targets.

    Args:
        name: The gate.
        posargs: The session's arguments.
        say: Takes one line of progress at a time.

    Returns:
        The first fault, with what a gate that could not look says after what one that refused says; None when
        everything passed.
    """
    out = console(stderr=True)
    try:
        if name not in GATES:
            raise errors.UnknownGate(gate=name, known=choices(name, GATES))
        gate = GATES[name]
        arguments = parse(gate, posargs)
        tell = silent if arguments.quiet else _beside_pictures(out, say)
        hushed = arguments.json or arguments.quiet
        pipeline = Pipeline(connect(), load(arguments.project), tell, quiet=hushed)
        verdicts = [judge(gate, pipeline, target, arguments.rest) for target in arguments.targets]
    except errors.DrydockError as error:
        if error.evidence:
            out.print(error.evidence, markup=False)
        return error
    for verdict in verdicts:
        # What pytest printed was shown as it came.
        if verdict.evidence and not verdict.passed and not gate.takes_arguments:
            out.print(verdict.evidence, markup=False)
        if gate.name == cache.GATE:
            tables.builds(out, verdict)
        tables.verdict(out, verdict, details=gate.name == budget.GATE)
    if arguments.json:
        print_json({"verdicts": [verdict.as_json() for verdict in verdicts]})
    refused = sorted(verdicts, key=lambda verdict: verdict.outcome is Outcome.COULD_NOT_CHECK)
    return next((refusal(verdict) for verdict in refused if not verdict.passed), None)


def _beside_pictures(out: Console, say: Say) -> Say:
    """Return what prints a line above what moves on a terminal; nox's own log would print into it."""

    def tell(line: str) -> None:
        out.print(line, markup=False, soft_wrap=True)

    return tell if out.is_interactive else say


def refusal(verdict: Verdict) -> errors.DrydockError:
    """Return the error that a verdict other than a pass is."""
    kind = errors.CouldNotCheck if verdict.outcome is Outcome.COULD_NOT_CHECK else errors.GateFailed
    how = f"fix what the lines above show, and see it again with `drydock gate {verdict.gate}`"
    return kind(gate=verdict.gate, summary=verdict.summary, how=how, evidence=verdict.evidence)


def built(target: str, say: Say) -> str:
    """Build a target of the project in this folder and return the image's id."""
    return Pipeline(connect(), load(Path()), say).built(target).image_id


def judge(gate: Gate, pipeline: Pipeline, target: str, args: Sequence[str] = ()) -> Verdict:
    """Run one gate on one target; keep a receipt, and a line in the history, unless arguments narrowed it."""
    whose = recorder.origin(pipeline.project, pipeline.source, target)
    began = time.monotonic()
    try:
        with nullcontext() if pipeline.quiet else under_way(f"{gate.name} of {target}"):
            verdict = gate.judge(pipeline, target, args)
    except errors.DrydockError as error:
        ended = Verdict(gate.name, Outcome.COULD_NOT_CHECK, error.args[0], seconds=time.monotonic() - began)
        recorder.verdict(whose, "", ended, pipeline.say)
        raise
    verdict = replace(verdict, seconds=verdict.seconds or time.monotonic() - began)
    if not args:
        image = pipeline.measured(target)
        versions = {"drydock": drydock.version(), "engine": str(pipeline.engine.sdk.version()["Version"])}
        versions |= {name: programs.version(name) for name in gate.tools}
        defined = defined_now(gate, pipeline.project, target)
        content = content_digest(image)
        Receipts().write(defined, verdict, content=content, image=image.id, tools=versions)
        recorder.verdict(whose, content, verdict, pipeline.say)
    return verdict


def receipt(gate: Gate, pipeline: Pipeline, target: str) -> Receipt | None:
    """Return the receipt of an earlier pass on the very same content, by the gate as it is now."""
    defined = defined_now(gate, pipeline.project, target)
    return Receipts().find(defined, content_digest(pipeline.measured(target)))


def demanded(target: str) -> list[Gate]:
    """Return the gates that an image of a target has to pass before it may be pushed."""
    return [gate for gate in GATES.values() if gate.judges_image and target in gate.targets]


def missing(project: Project, image: Image, target: str) -> list[Missing]:
    """Return the gates that an image has yet to pass before it may be pushed, and those that refused it."""
    kept, content = Receipts(), content_digest(image)
    wanted = [defined_now(gate, project, target) for gate in demanded(target)]
    heeded = [defined_now(gate, project, target) for gate in GATES.values() if gate.vetoes]
    return kept.missing(wanted, content) + kept.refusals(heeded, content)


def defined_now(gate: Gate, project: Project, target: str) -> receipts.Gate:
    """Return a gate with the digest of all that decides it: code, inputs and settings."""
    values = {"code": code(), "target": target, **gate.values(project, target)}
    definition = receipts.definition(project.root, gate.inputs(project), values)
    return receipts.Gate(gate.name, definition, gate.longest_days)


@functools.cache
def code() -> str:
    """Return the digest of the code that takes part in judging; the same wherever drydock is installed."""
    package = Path(drydock.__file__).parent
    return receipts.definition(
        package, (package / name for name in ("compression.py", "gates", "image", "tools", "runtime.py")), {}
    )
