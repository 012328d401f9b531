"""Build twice without any cache, and name the first file that differs."""

import time
from collections.abc import Callable

from drydock import command, programs
from drydock import image as images
from drydock.engine import Engine
from drydock.errors import DrydockError
from drydock.gates.contents import unpacked
from drydock.gates.gate import Facts
from drydock.gates.subject import Subject
from drydock.image import Difference, Image
from drydock.image.compare import FileChange
from drydock.progress import Say
from drydock.verdict import Outcome, Verdict

GATE = "reproducible"
FACTS = Facts(inputs=("Dockerfile", ".dockerignore"), demanded=False, changes="none", default=False, rank=70)
SHOWN = 20
# Limits of diffoscope's report on one file, in bytes and seconds.
LONGEST_REPORT = 4000
LONGEST_LOOK = 120
DIFFERS = 1


def judge(subject: Subject) -> Verdict:
    """Build twice without cache and compare; the user's caches are not touched."""
    engine = subject.engine
    # Without a commit, each build would carry a time of its own.
    arguments = {"SOURCE_DATE_EPOCH": str(int(time.time())), **subject.workspace.build_args()}
    chosen = subject.options().but(reference="", no_cache=True, build_args=arguments)
    ids = [subject.build(name, chosen).image_id for name in ("first", "second")]
    try:
        pair = None if ids[0] == ids[1] else [images.read(engine, image_id) for image_id in ids]
        if pair and engine.podman and len(set(map(images.content_digest, pair))) == 1:
            summary = "two builds without cache gave the same layers and settings; Podman adds their times"
            return Verdict(GATE, Outcome.PASSED, summary, measurements={"first": ids[0], "second": ids[1]})
        return decide(ids, pair, lambda path: look(engine, ids, path, subject.say))
    finally:
        _remove(engine, ids)


def decide(ids: list[str], pair: list[Image] | None, looked: Callable[[str], str]) -> Verdict:
    """Compare two builds; the summary names the first difference."""
    measurements = {"first": ids[0], "second": ids[1]}
    if pair is None:
        summary = f"two builds without cache gave {ids[0]}"
        return Verdict(GATE, Outcome.PASSED, summary, measurements=measurements)
    difference = images.diff(*pair)
    details = explain(difference, *pair)
    others = sorted(one.path for one in difference.files if one.fields and _has_other_content(one))
    return Verdict(
        GATE,
        Outcome.FAILED,
        f"two builds without cache differ: {details[0]}",
        details[:SHOWN],
        evidence=looked(others[0]) if others else "",
        measurements=measurements,
    )


def explain(difference: Difference, first: Image, second: Image) -> tuple[str, ...]:
    """Return the differences, one a line: content, then owners, modes and times, then configuration."""
    changes = sorted(difference.files, key=lambda one: (not _has_other_content(one), one.path))
    lines = [f"{change.path} ({', '.join(change.fields) or change.change})" for change in changes]
    if not lines and difference.added:
        lines = [f"the layer of `{layer.instruction}`: same files, other order" for layer in difference.added]
    if first.config != second.config:
        lines.append("the configuration: environment, labels, history or time of creation")
    return tuple(lines) or ("the history of the layers",)


def _has_other_content(change: FileChange) -> bool:
    return not change.fields or "sha256" in change.fields


def look(engine: Engine, ids: list[str], path: str, say: Say) -> str:
    """Return diffoscope's report on a file of both images, or the reason why there is none."""
    try:
        diffoscope = programs.program("diffoscope", say)
        say(f"comparing {path}")
        with unpacked(engine, ids[0], path.__eq__) as first, unpacked(engine, ids[1], path.__eq__) as second:
            here, there = (folder / path.lstrip("/") for folder in (first, second))
            limits = ["--no-progress", "--max-text-report-size", str(LONGEST_REPORT)]
            args = [str(diffoscope), *limits, str(here), str(there)]
            done = command.run(args, check=False, timeout=LONGEST_LOOK)
    except (DrydockError, command.CommandFailed) as error:
        return f"diffoscope cannot say more: {error}"
    if done.code != DIFFERS:
        return f"diffoscope cannot say more: it exited with {done.code}: {done.stderr.strip()[-200:]}"
    return done.stdout.rstrip()


def _remove(engine: Engine, ids: list[str]) -> None:
    """Remove the two images unless tagged: a tag belongs to the user."""
    import docker

    for image_id in dict.fromkeys(ids):
        try:
            if not engine.sdk.images.get(image_id).tags:
                engine.sdk.images.remove(image_id)
        except docker.errors.APIError:
            continue  # in use, or gone already
