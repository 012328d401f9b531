"""Look at an image."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from drydock.errors import BadCommandLine
from drydock.tasks.offer import PLATFORM, Given, offer, voice

if TYPE_CHECKING:
    from drydock.image import Image

LAST_PORT = 65535


@offer(
    "starting {target}",
    port="port of this machine (default: a free one)",
    platform=f"{PLATFORM}, under emulation if it is another than the engine's",
    env_file="file of NAME=VALUE lines for the container",
    with_="also start a service beside it, and migrate it: postgres",
    shared=("target", "platform", "project"),
)
def run(given: Given, port: int = 0, env_file: str = "", with_: list[str] | None = None) -> None:
    """Start the image for a look, with a URL, a token and a curl line; Ctrl-C stops it."""
    from drydock import services
    from drydock.report.look import look

    if not 0 <= port <= LAST_PORT:
        how = f"give one from 1 to {LAST_PORT}, or none for a free one"
        raise BadCommandLine(problem=f"there is no port {port}", how=how)
    for name in with_ or ():
        if name not in services.BY_NAME:
            known = ", ".join(services.BY_NAME)
            raise BadCommandLine(problem=f"{name} cannot be started beside the image", how=f"use {known}")
    look(given.pipe, given.target, port, Path(env_file) if env_file else None, with_ or ())


@offer(
    "reading the image",
    positional=("image", "other"),
    image="a reference, here or on a registry, a digest, an archive or OCI layout (default: the target's)",
    other="a later image: show the changes from the first to this one",
    against="an earlier image: show the changes since",
    why="name the layer and the package that this path comes from",
    left_out="show what slim has and production lacks, with the reason for each difference",
    all="with --left-out: path by path, not by folder",
)
def size(
    given: Given,
    image: str = "",
    other: str = "",
    against: str = "",
    why: str = "",
    left_out: bool = False,
    all: bool = False,  # noqa: A002 - the option's name
) -> None:
    """Show an image's contents, or with `size A B` the changes from A to B: layers, packages, files."""
    from drydock import image as images
    from drydock.gates import budget
    from drydock.report import console
    from drydock.report import size as report

    with ExitStack() as kept:
        look = partial(_look, given, kept)
        if left_out:
            pair = (image, other) if other else map(given.pipe.project.reference, ("slim", "production"))
            _left_out(given, *map(look, pair), every=all)
            return
        before, now = (image, other) if other else (against, image)
        measured = look(now or given.reference)
        anatomy = images.Anatomy(measured)
        if why:
            report.show_reason(console(), anatomy, why)
        elif before:
            found = images.diff(look(before), measured)
            given.answer(report.difference_as_json(found), lambda out: report.show_difference(out, found))
        else:
            verdict = budget.judge(measured, given.pipe.project.budget(given.target), given.target)
            given.answer(report.as_json(anatomy, verdict), lambda out: report.show(out, anatomy, verdict))


def _left_out(given: Given, slim: Image, production: Image, *, every: bool) -> None:
    from drydock.gates.errors import GateFailed
    from drydock.image import Anatomy
    from drydock.image.left_out import compare
    from drydock.report import size as report

    found = compare(Anatomy(slim), Anatomy(production))
    given.answer(report.left_out_as_json(found), lambda out: report.show_left_out(out, found, every=every))
    if found.unexplained:
        raise GateFailed(
            gate="size --left-out",
            summary=f"paths that differ from slim for no known reason: {len(found.unexplained)}",
            how="build both targets from one commit, then repeat the command",
        )


def _look(given: Given, kept: ExitStack, name: str) -> Image:
    """Read an image on the engine, in a file, or else on its registry."""
    from drydock import temporary
    from drydock.engine.errors import ImageMissing
    from drydock.publish import pull

    try:
        return given.pipe.look(name)
    except ImageMissing:
        if (target := pull.named(name)) is None:
            raise
    folder = kept.enter_context(temporary.folder("pull"))
    voice(given.hushed)(f"fetching {target} from its registry")
    with given.wait(f"fetching {target}"):
        fetched = given.pipe.look(str(pull.layout(given.pipe.engine, target, folder)))
    return replace(fetched, reference=str(target))


@offer(
    "collecting facts about {target}",
    output="the file to write (default: report.html in a folder of drydock's, which the last line names)",
)
def report(given: Given, output: str = "") -> None:
    """Write one HTML page about the image: contents, budgets, changes, gates, trend, bill of materials."""
    from drydock.report.page import file, gather, render
    from drydock.report.progress import under_way
    from drydock.state import beside

    path = Path(output) if output else beside(given.pipe.project.state / "report.html")
    with nullcontext() if given.hushed else under_way("putting the page together"):
        page = render.render(gather.gather(given.pipe, given.target))
    file.write(path, page)
    content = {"path": str(path.resolve()), "bytes": len(page.encode())}
    given.answer(content, [path.resolve().as_uri()])


@offer("reading the history of {target}", last="how many builds to show")
def history(given: Given, last: int = 20) -> None:
    """Show the last builds and verdicts, with the trend of size and build time."""
    from drydock.detect.project import load
    from drydock.report import history as report
    from drydock.state.history import History, reading

    if last < 1:
        raise BadCommandLine(problem=f"--last is {last}", how="give a number of builds from 1 on")
    image = load(Path(given.project)).image
    with reading(History()) as database:
        builds = database.builds(image, given.target, limit=last, failed=True)
        judged = database.latest_verdicts(image, given.target)
    given.answer(report.as_json(image, builds, judged), lambda out: report.show(out, builds, judged))


@offer(
    "describing {target} to Gordon", shared=("target", "project"), question="your question about the image"
)
def ask_gordon(given: Given, question: str) -> None:
    """Ask Docker AI (Gordon), where it is installed, about the Dockerfile, the sizes and the findings."""
    from drydock.report import docker_ai, megabytes
    from drydock.state.history import History, reading

    docker_ai.require()
    pipe = given.pipe
    _ = pipe.recipe  # the Dockerfile is part of the question
    measured = pipe.look(given.reference)
    sizes = {"on disk": megabytes(measured.on_disk), "on the wire": megabytes(measured.on_wire)}
    with reading(History()) as history:
        judged = [one.verdict for one in history.latest_verdicts(pipe.project.image, given.target)]
    docker_ai.ask(pipe.project, docker_ai.prompt(pipe.project, question, sizes, docker_ai.findings(judged)))
