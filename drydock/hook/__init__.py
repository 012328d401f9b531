"""The pre-push hook: judge the pushed commit, but only where something changed.

A gate that passed the same inputs on the same base image does not run again. The inputs' digest is the key of
its receipt, which names the base. A push without changes therefore needs neither engine nor image; a running
engine is only asked for its base. Where inputs changed but the image did not, the receipt of the image's
content counts as well.
"""

import hashlib
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from typing import Literal

from drydock import base as bases
from drydock import command
from drydock.detect.project import load
from drydock.engine import connect
from drydock.engine.errors import NoEngine
from drydock.gates import proof
from drydock.gates.errors import UnknownGate
from drydock.gates.gate import registry
from drydock.gates.run import refusal
from drydock.hook.watched import Watched, watched
from drydock.nearest import choices
from drydock.project import Project
from drydock.project.errors import NoProject
from drydock.project.git import worktree
from drydock.publish.builds import open_workspace
from drydock.state import receipts
from drydock.state.receipts import Receipt, Receipts
from drydock.verdict import Outcome, Verdict
from drydock.workspace import Progress, Workspace

EVIDENCE_LINES = 30
# The key of the base image's digest in receipts of gates that judge an image.
BASE = "base image"


@dataclass(frozen=True)
class Due:
    """A gate to run on one target of the pushed commit."""

    gate: Watched
    target: str
    inputs: str  # the digest of its inputs

    @property
    def defined(self) -> receipts.Gate:
        """The gate's present definition; a session's tools are among its inputs."""
        if self.gate.session is not None:
            return receipts.Gate(self.gate.name, " ".join(self.gate.session))
        return receipts.Gate(self.gate.name, proof.made_of(registry()[self.gate.name]))


@dataclass(frozen=True)
class Line:
    verdict: Verdict
    # Its source: this run, a receipt of the same content, or one of unchanged inputs.
    source: Literal["run", "receipt", "unchanged"] = "run"


def push(
    names: Sequence[str],
    environment: Mapping[str, str] = os.environ,
    *,
    project: str = ".",
    progress: Progress | None = None,
) -> Iterator[Line]:
    """Yield each gate's verdict on a project of the pushed commit; raise at the first refusal."""
    root = Path(command.run(["git", "rev-parse", "--show-toplevel"]).stdout.strip())
    commit = environment.get("PRE_COMMIT_TO_REF", "HEAD")
    with worktree(root, commit) as folder:
        # An older commit may not have the project yet, nor a repository's first one.
        try:
            loaded = load(folder / project)
        except NoProject:
            return
        gates = chosen(names, loaded.root)
        yield from _judge(loaded, contents(loaded.root, "HEAD"), gates, progress or Progress())


def contents(folder: Path, commit: str) -> dict[str, str]:
    """Return mode and digest of every file of a commit below a folder, by its path from there.

    git knows them without reading a file.
    """
    listed = command.run(["git", "ls-tree", "-r", "-z", commit], cwd=folder).stdout
    rows = (row.split("\t", 1) for row in listed.split("\0") if row)
    return {path: about for about, path in rows}


def digest(files: Mapping[str, str], patterns: Iterable[str], about: str = "") -> str:
    """Return the digest of the files that patterns select; empty without a match.

    In a pattern, ``*`` matches a slash as well. `about` is part of the digest, such as the judged target.
    """
    wanted = re.compile("|".join(map(translate, patterns)) or "(?!)").match
    found = {path: files[path] for path in sorted(files) if wanted(path)}
    if not found:
        return ""
    lines = "\0".join((about, *(f"{mode_and_digest} {path}" for path, mode_and_digest in found.items())))
    return f"sha256:{hashlib.sha256(lines.encode('utf-8', 'surrogateescape')).hexdigest()}"


def chosen(names: Sequence[str], root: Path | None = None) -> list[Watched]:
    """Return the named gates, or all, in the hook's own order."""
    known = {one.name: one for one in watched(root)}
    for name in names:
        if name not in known:
            raise UnknownGate(gate=name, known=choices(name, known))
    return [one for one in known.values() if not names or one.name in names]


def due(project: Project, files: Mapping[str, str], gates: Sequence[Watched]) -> Iterator[Due]:
    """Yield each gate with each of its targets; a gate without inputs in the project is left out."""
    source = project.source.relative_to(project.root).as_posix()
    for gate in gates:
        judged = registry()[gate.name] if gate.session is None else None
        if judged and not judged.concerns(project):
            continue
        targets = judged.targets(project) if judged else ("",)
        for target in targets:
            if inputs := digest(files, gate.patterns("" if source == "." else source), target):
                yield Due(gate, target, inputs)


def _judge(
    project: Project, files: Mapping[str, str], gates: Sequence[Watched], progress: Progress
) -> Iterator[Line]:
    workspace: Workspace | None = None
    base = _base(project)
    for one in due(project, files, gates):
        known = Receipts().find(one.defined, one.inputs)
        if known and stands_on(base, one.gate, known):
            yield Line(known.verdict, "unchanged")
            continue
        tools: dict[str, str] = {}
        if one.gate.session is None:
            workspace = workspace or open_workspace(connect(), project, progress=progress, channel="push")
            gate = registry()[one.gate.name]
            earlier = proof.receipt(gate, workspace, one.target)
            verdict = earlier.verdict if earlier else proof.judge(gate, workspace, one.target)
            tools = {BASE: workspace.base.digest}
            line = Line(verdict, "receipt" if earlier else "run")
        else:
            line = Line(in_session(one.gate, project.root, progress))
        yield line
        Receipts().write(one.defined, line.verdict, content=one.inputs, image="", tools=tools)
        if not line.verdict.passed:
            raise refusal(line.verdict)


def stands_on(base: str, gate: Watched, known: Receipt) -> bool:
    """Tell whether a receipt is of the current base image; an unknown base counts as current."""
    return not base or gate.session is not None or known.tools.get(BASE) == base


def _base(project: Project) -> str:
    try:
        found = bases.present(connect(), project)
    except NoEngine:
        return ""
    return found.digest if found else ""


def in_session(gate: Watched, folder: Path, progress: Progress | None = None) -> Verdict:
    """Run a gate's Nox session in a folder, with the tools of this environment."""
    began = time.monotonic()
    args = [sys.executable, "-m", "nox", "--session", gate.name, "--", *(gate.session or ())]
    # The folder's own drydock is judged, not the installed one.
    environment = {"PYTHONPATH": str(folder)}
    shown = progress or Progress()
    with shown.under_way(gate.name):
        done = command.stream(args, shown.output, cwd=folder, env=environment)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith("nox > ")]
    summary = said[-1] if said else "nothing was printed"
    outcome = Outcome.PASSED if done.code == 0 else Outcome.FAILED
    evidence = "" if done.code == 0 else "\n".join(lines[-EVIDENCE_LINES:])
    return Verdict(gate.name, outcome, summary, evidence=evidence, seconds=time.monotonic() - began)
