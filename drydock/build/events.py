"""Read BuildKit's progress, as ``docker buildx build --progress=rawjson`` prints it.

The stream is a row of pretty-printed JSON objects; after a failed build, plain text follows. Each object
holds changes of vertices (steps), their logs and their transfers; see buildkit's ``client.SolveStatus``.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from drydock.progress import REMARK

# `[builder 3/7] RUN uv sync`: the platform comes first if there are several, and a single stage is not named.
_STEP = re.compile(r"\[(?:linux/\S+ )?(?:(?P<stage>[\w.-]+) +)?\d+/\d+\] (?P<text>.*)", re.DOTALL)
_MOUNT = re.compile(r"--mount=\S+")
_SETTINGS = re.compile(r"^RUN (?:(?:set -\w+|export [^;]+);\s*|[A-Z_]+=(?:\"[^\"]*\"|[^\s\"]*) )+")
# The Dockerfile writes an optional file as a pattern that matches only this file: `uv.loc[k]`.
_PATTERN = re.compile(r"\[(\w)\]")
# pip and uv print this for each large file: `Downloading uvloop (4.3MiB)`.
_DOWNLOAD = re.compile(r"^\s*Downloading (?P<what>\S+) \((?P<size>[\d.]+) ?(?P<unit>[kKMG]i?B)\)")
_UNITS = {"k": 1, "K": 1, "M": 2, "G": 3}
LOG_LINES = 40


@dataclass
class Step:
    """One vertex of the build graph while the build runs."""

    digest: str  # BuildKit's id
    name: str  # BuildKit's text, such as `[builder 3/7] RUN uv sync`
    cached: bool = False
    started: datetime | None = None
    completed: datetime | None = None
    error: str = ""
    log: list[str] = field(default_factory=list)  # its last lines
    remarks: list[str] = field(default_factory=list)  # what drydock's own scripts say to the user
    transfers: dict[str, int] = field(default_factory=dict)  # bytes moved so far, by the transfer's id
    downloads: dict[str, int] = field(default_factory=dict)  # bytes of announced downloads, by name

    @property
    def stage(self) -> str:
        """The Dockerfile stage; empty for BuildKit's internal steps and for a single stage."""
        match = _STEP.match(self.name)
        return (match["stage"] or "") if match else ""

    @property
    def instruction(self) -> str:
        """The Dockerfile instruction on one line, without its mounts and shell settings."""
        match = _STEP.match(self.name)
        line = " ".join(_MOUNT.sub("", match["text"] if match else self.name).split())
        return _PATTERN.sub(r"\1", _SETTINGS.sub("RUN ", line))

    @property
    def counts(self) -> bool:
        """Whether the step can be cached or run: BuildKit reports internal steps and FROM as neither."""
        return bool(_STEP.match(self.name)) and not self.instruction.startswith("FROM ")

    @property
    def cancelled(self) -> bool:
        """Whether a failure elsewhere ended it: in a parallel step, or in another build."""
        return "context canceled" in self.error

    @property
    def seconds(self) -> float:
        """Its run time; 0.0 if it was cached or never started."""
        if self.cached or self.started is None or self.completed is None:
            return 0.0
        return max(0.0, (self.completed - self.started).total_seconds())


@dataclass(frozen=True)
class Update:
    """A visible change of a step: ``started``, ``progress``, ``log`` or ``done``."""

    kind: str
    step: Step
    text: str = ""


def once(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return each step of the Dockerfile once.

    BuildKit reports a step that another build runs at the same time under two digests. One is the other
    build's step, which may be cancelled; the second is this build's, which finds the result in the cache.
    """
    found: dict[str, Step] = {}
    for step in steps:
        if step.counts and not step.cancelled:
            known = found.setdefault(step.name, step)
            if step.cached and not known.cached:
                found[step.name] = step
    return tuple(found.values())


def remarks(steps: Iterable[Step]) -> tuple[str, ...]:
    """Return each remark about the image once."""
    return tuple(dict.fromkeys(line for step in steps for line in step.remarks))


class Progress:
    """Turn the raw stream into steps, chunk by chunk."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}
        self.rest = ""  # not (yet) a JSON object: at the end, the error's text
        self._decoder = json.JSONDecoder()

    def feed(self, chunk: str) -> Iterator[Update]:
        """Take a chunk of the stream, cut anywhere, and yield the changes that it completes."""
        self.rest += chunk
        while True:
            self.rest = self.rest.lstrip()
            if not self.rest.startswith("{"):
                return
            try:
                content, end = self._decoder.raw_decode(self.rest)
            except json.JSONDecodeError:
                return  # the rest of this object is in the next chunk
            self.rest = self.rest[end:]
            yield from self._apply(content)

    def _apply(self, content: dict[str, list[dict[str, object]]]) -> Iterator[Update]:
        for vertex in content.get("vertexes") or []:
            yield from self._vertex(vertex)
        for status in content.get("statuses") or []:
            step = self.steps.get(str(status.get("vertex")))
            if step and isinstance(status.get("current"), int):
                step.transfers[str(status.get("id"))] = int(str(status["current"]))
                yield Update("progress", step, str(status.get("id")))
        for log in content.get("logs") or []:
            step = self.steps.get(str(log.get("vertex")))
            if step:
                text = base64.b64decode(str(log.get("data") or "")).decode("utf-8", "replace")
                yield from self.logged(step, text)

    def logged(self, step: Step, text: str) -> Iterator[Update]:
        """Add text to a step's log."""
        for line in filter(None, (part.rstrip() for part in re.split(r"[\r\n]+", text))):
            step.log.append(line)
            if line.startswith(REMARK):
                step.remarks.append(line.removeprefix(REMARK))
            if found := _DOWNLOAD.match(line):
                base = 1024 if "i" in found["unit"] else 1000
                size = float(found["size"]) * base ** _UNITS[found["unit"][0]]
                step.downloads[found["what"]] = int(size)
            yield Update("log", step, line)
        del step.log[:-LOG_LINES]

    def _vertex(self, vertex: dict[str, object]) -> Iterator[Update]:
        digest = str(vertex["digest"])
        step = self.steps.setdefault(digest, Step(digest, str(vertex.get("name", ""))))
        was_started, was_completed = step.started, step.completed
        # A digest is reported several times: a later report does not undo `cached`.
        step.cached = step.cached or bool(vertex.get("cached"))
        step.started = step.started or _time(vertex.get("started"))
        step.completed = _time(vertex.get("completed")) or (None if vertex.get("started") else step.completed)
        step.error = str(vertex.get("error") or step.error)
        if step.started and not was_started:
            yield Update("started", step)
        if step.completed and not was_completed:
            yield Update("done", step)


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
