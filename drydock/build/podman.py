"""Build with Podman's own program where the engine is Podman's: it has no BuildKit inside.

Its output is text: a line for each instruction, its own lines below it, and the id of the new layer.
"""

import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from drydock import command
from drydock.build import identity
from drydock.build.events import Progress, Step, Update
from drydock.build.plan import NONE, Options, given_secrets, shared_arguments
from drydock.engine import Engine, full_name
from drydock.errors import CommandMissing
from drydock.project import Project

PROGRAM = "podman"
COMMAND = (PROGRAM, "build", "--format=docker", "--layers", "--pull=never", "--identity-label=false")
# `[2/5] STEP 3/7: RUN uv sync`; a Dockerfile of one stage has no first part.
_STEP = re.compile(r"(?:\[(?P<stage>\d+)/\d+\] )?STEP (?P<place>(?P<number>\d+)/\d+): (?P<text>.*)")
_STAGE = re.compile(r"FROM .* AS (\S+)$", re.IGNORECASE)
_COMMIT = re.compile(r"(?:\[\d+/\d+\] )?COMMIT\b")
_DONE = re.compile(r"--> (?P<cached>Using cache )?[0-9a-f]{12,}")
_FAILED = re.compile(r'Error: building at STEP "(?P<text>.*?)": (?P<reason>.*)')
# BuildKit reports these and FROM; the others only change the configuration.
_COUNTED = ("RUN ", "COPY ", "ADD ", "WORKDIR ")
_CONTEXT = re.compile(r'copier: stat: ("[^"]+"): no such file or directory')


def is_here(engine: Engine) -> bool:
    """Tell whether this machine's podman builds into the engine's own store.

    A client of a service elsewhere does not qualify: it sends secrets as files of the build context.
    """
    told = "--format={{.Host.ServiceIsRemote}} {{.Store.GraphRoot}}"
    try:
        done = command.run([PROGRAM, "info", told], check=False)
    except CommandMissing:
        return False
    return done.stdout.strip() == f"false {engine.info.get('DockerRootDir')}"


def arguments(
    project: Project,
    options: Options,
    *,
    ca_bundle: Path | None,
    outputs: Path,
    environment: Mapping[str, str] = os.environ,
) -> list[str]:
    """Return podman's command line."""
    tag = [f"--tag={full_name(options.reference)}"] if options.reference else []
    secrets = given_secrets(project, options, ca_bundle, environment)
    return [
        *(*COMMAND, f"--iidfile={outputs / identity.ID_FILE}", *tag),
        *shared_arguments(project, options, secrets, environment),
    ]


def variables(options: Options, outputs: Path) -> Mapping[str, str]:
    """Return variables for podman, which keeps its cache mounts in the folder of temporary files."""
    return {"TMPDIR": str(outputs)} if options.no_cache else NONE


class Text(Progress):
    """Turn Podman's text into steps.

    An instruction that copies from an unfinished stage waits for it: that stage's lines come between.
    """

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[str, str] = {}
        self._open: list[Step] = []  # the last one runs, the others wait
        self._line = ""

    def feed(self, chunk: str) -> Iterator[Update]:
        *lines, self._line = (self._line + chunk).split("\n")
        for line in lines:
            yield from self._take(line)

    def _take(self, line: str) -> Iterator[Update]:
        if begun := _STEP.fullmatch(line):
            yield from self._begin(begun["stage"] or "", begun["place"], begun["text"])
        elif done := _DONE.match(line):
            if self._open and done["cached"]:
                self._open[-1].cached = True  # its id follows
            elif self._open:
                yield from self._end(self._open.pop())
        elif failed := _FAILED.match(line):
            reason = re.sub(r"\bexit status (\d+)$", r"exit code: \1", failed["reason"])
            # As BuildKit says it.
            reason = _CONTEXT.sub(r"failed to compute cache key: \1: not found", reason)
            self.rest += f"ERROR: {reason}\n"
            for step in self._open[-1:]:
                step.error = reason
        elif _COMMIT.match(line):
            return
        elif self._open:
            yield from self.logged(self._open[-1], line)
        else:
            self.rest += line.replace("Error: ", "ERROR: ", 1) + "\n"

    def _begin(self, stage: str, place: str, text: str) -> Iterator[Update]:
        if text.startswith("FROM "):
            named = _STAGE.match(text)
            self._names[stage] = named[1] if named else stage
            return
        name = " ".join(filter(None, (self._names.get(stage, stage), place)))
        step = Step(f"{stage} {place}", f"[{name}] {text}", started=datetime.now(UTC))
        self._open.append(step)
        if text.startswith(_COUNTED):
            self.steps[step.digest] = step
            yield Update("started", step)

    def _end(self, step: Step) -> Iterator[Update]:
        step.completed = datetime.now(UTC)
        for waiting in self._open[-1:]:
            waiting.started = step.completed
        if step.digest in self.steps:
            yield Update("done", step)
