"""BuildKit's progress, as ``docker buildx build --progress=rawjson`` prints it.

The stream is a row of pretty-printed JSON objects, followed by plain text when the build fails. Each object
holds changes of vertices (steps), their logs and their transfers; see buildkit's ``client.SolveStatus``.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

# `[builder 3/7] RUN uv sync`: the platform stands in front where several are built, and the stage is left out
# where there is only one.
_STEP = re.compile(r"\[(?:linux/\S+ )?(?:(?P<stage>[\w.-]+) +)?\d+/\d+\] (?P<text>.*)", re.DOTALL)
_MOUNT = re.compile(r"--mount=\S+")
_SETTINGS = re.compile(r"^RUN (?:(?:set -\w+|export [^;]+);\s*|[A-Z_]+=(?:\"[^\"]*\"|[^\s\"]*) )+")
# The Dockerfile writes a file that may be missing as a pattern which matches nothing else: `uv.loc[k]`.
_PATTERN = re.compile(r"\[(\w)\]")
# What pip and uv print for each large file: `Downloading uvloop (4.3MiB)`.
_DOWNLOAD = re.compile(r"^\s*Downloading (?P<what>\S+) \((?P<size>[\d.]+) ?(?P<unit>[kKMG]i?B)\)")
_UNITS = {"k": 1, "K": 1, "M": 2, "G": 3}
LOG_LINES = 40


@dataclass
class Step:
    """One vertex of the build graph while the build runs.

    Args:
        digest: BuildKit's name for it.
        name: BuildKit's words for it, such as ``[builder 3/7] RUN uv sync``.
        cached: Whether its result came from the cache.
        started: When it began to run; None before.
        completed: When it ended; None before.
        error: Why it failed; empty when it did not.
        log: The last lines that it printed.
        transfers: Bytes moved so far, by the name of what is moved.
        downloads: Sizes in bytes of what the step's program said that it downloads, by name.
    """

    digest: str
    name: str
    cached: bool = False
    started: datetime | None = None
    completed: datetime | None = None
    error: str = ""
    log: list[str] = field(default_factory=list)
    transfers: dict[str, int] = field(default_factory=dict)
    downloads: dict[str, int] = field(default_factory=dict)

    @property
    def stage(self) -> str:
        """The Dockerfile stage; empty for BuildKit's internal steps, and where there is only one stage."""
        match = _STEP.match(self.name)
        return (match["stage"] or "") if match else ""

    @property
    def instruction(self) -> str:
        """The Dockerfile instruction on one line, without its mounts and its shell's settings."""
        match = _STEP.match(self.name)
        line = " ".join(_MOUNT.sub("", match["text"] if match else self.name).split())
        return _PATTERN.sub(r"\1", _SETTINGS.sub("RUN ", line))

    @property
    def counts(self) -> bool:
        """Whether the step can be cached or run: BuildKit reports internal steps and FROM as neither."""
        return bool(_STEP.match(self.name)) and not self.instruction.startswith("FROM ")

    @property
    def cancelled(self) -> bool:
        """Whether it ended only because something else did: a step beside it, or another build."""
        return "context canceled" in self.error

    @property
    def seconds(self) -> float:
        """How long it ran; 0.0 when it was cached or never began."""
        if self.cached or self.started is None or self.completed is None:
            return 0.0
        return max(0.0, (self.completed - self.started).total_seconds())


@dataclass(frozen=True)
class Update:
    """A change of a step that a person may want to see: ``started``, ``progress``, ``log`` or ``done``."""

    kind: str
    step: Step
    text: str = ""


def once(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return each step of the Dockerfile once.

    BuildKit reports a step that another build works on at the same time twice, under two digests: as that
    one's, which may be cancelled with it, and as this one's, which finds the result in the cache.
    """
    found: dict[str, Step] = {}
    for step in steps:
        if step.counts and not step.cancelled:
            known = found.setdefault(step.name, step)
            if step.cached and not known.cached:
                found[step.name] = step
    return tuple(found.values())


class Progress:
    """Turn the raw stream into steps, as far as it has come."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}
        self.rest = ""  # what is no JSON object (yet): at the end, the error's text
        self._decoder = json.JSONDecoder()

    def feed(self, chunk: str) -> Iterator[Update]:
        """Take a piece of the stream, cut anywhere, and yield the changes that it completes."""
        self.rest += chunk
        while True:
            self.rest = self.rest.lstrip()
            if not self.rest.startswith("{"):
                return
            try:
                content, end = self._decoder.raw_decode(self.rest)
            except json.JSONDecodeError:
                return  # the rest of this object is in a chunk to come
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
                for line in filter(None, (part.rstrip() for part in re.split(r"[\r\n]+", text))):
                    step.log.append(line)
                    if found := _DOWNLOAD.match(line):
                        base = 1024 if "i" in found["unit"] else 1000
                        step.downloads[found["what"]] = int(
                            float(found["size"]) * base ** _UNITS[found["unit"][0]]
                        )
                    yield Update("log", step, line)
                del step.log[:-LOG_LINES]

    def _vertex(self, vertex: dict[str, object]) -> Iterator[Update]:
        digest = str(vertex["digest"])
        step = self.steps.setdefault(digest, Step(digest, str(vertex.get("name", ""))))
        was_started, was_completed = step.started, step.completed
        # A digest is reported several times; once cached is cached.
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
