"""Receipts of the gates that an image's content has passed, so that no gate runs twice.

A receipt is a small JSON file in the user's state folder, not in the project. It belongs to content, so every
worktree, clone and the pre-push hook share it. It counts only for the gate's definition at the time: changed
tests or a lowered budget rerun the gate. It counts only on the machine that wrote it (see `sealed`). If
content leaves without a receipt, a waiver beside its receipts gives the reason.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drydock import state
from drydock.state import DAY
from drydock.state.sealed import Sealed, Untrusted, write_whole
from drydock.verdict import Outcome, Verdict

FORMAT = 1
# A file name beside those of the receipts, which are gates' names; no gate has this name.
WAIVER = "waiver"
_UNTRACKED = frozenset({"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"})


@dataclass(frozen=True)
class Gate:
    """A gate as now defined; `longest_days` limits receipts of gates whose data age."""

    name: str
    # The digest of everything outside the image that decides: the gate's code, tests, budgets.
    definition: str
    longest_days: float | None = None


@dataclass(frozen=True)
class Receipt:
    """Proof that a gate judged some content; `written` is in seconds since the epoch."""

    verdict: Verdict
    content: str
    # The id of the judged image; others of the same content share the receipt.
    image: str
    definition: str
    tools: Mapping[str, str]
    written: float

    @property
    def gate(self) -> str:
        return self.verdict.gate

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict.as_json()}


@dataclass(frozen=True)
class Missing:
    """A gate without a valid receipt, and the reason."""

    gate: str
    reason: str

    def __str__(self) -> str:
        return f"{self.gate} ({self.reason})"


@dataclass(frozen=True)
class Waiver:
    """The reason for a push of content that had not passed all gates."""

    reason: str
    missing: tuple[str, ...]
    content: str
    image: str
    written: float


class Refused(Exception):
    """A receipt exists but does not count; the message says why."""


class Receipts:
    """The receipts of one user on one machine."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or state.folder()
        self._files = Sealed(self._folder)

    def find(self, gate: Gate, content: str) -> Receipt | None:
        """Return a gate's valid receipt of a pass for exactly this content; None if there is none."""
        try:
            return self._load(gate, content)
        except Refused:
            return None

    def missing(self, gates: Iterable[Gate], content: str) -> list[Missing]:
        """Return the gates that content has not passed, each with the reason."""
        found = []
        for gate in gates:
            try:
                self._load(gate, content)
            except Refused as reason:
                found.append(Missing(gate.name, str(reason)))
        return found

    def refusals(self, gates: Iterable[Gate], content: str) -> list[Missing]:
        """Return the gates whose latest receipt for this content is a failure."""
        found = []
        for gate in gates:
            try:
                verdict = self._read(gate, content).verdict
            except Refused:
                continue
            if verdict.outcome is Outcome.FAILED:
                found.append(Missing(gate.name, f"failed: {verdict.summary}"))
        return found

    def write(
        self, gate: Gate, verdict: Verdict, *, content: str, image: str, tools: Mapping[str, str]
    ) -> Receipt:
        """Write a verdict's receipt; a failure replaces an earlier pass."""
        receipt = Receipt(verdict, content, image, gate.definition, dict(tools), time.time())
        self._files.write(self._path(gate.name, content), receipt.as_json() | {"format": FORMAT})
        state.tidy("receipts")
        return receipt

    def waive(self, reason: str, missing: Iterable[Missing], *, content: str, image: str) -> Waiver:
        """Record why content leaves without the receipts of some gates."""
        waiver = Waiver(reason, tuple(map(str, missing)), content, image, time.time())
        self._files.write(self._path(WAIVER, content), asdict(waiver) | {"format": FORMAT})
        return waiver

    def waiver(self, content: str) -> Waiver | None:
        """Return the waiver of some content; None without a valid one."""
        try:
            body = self._authentic(self._path(WAIVER, content))
        except (FileNotFoundError, Refused):
            return None
        if body["content"] != content:
            return None
        del body["format"]
        return Waiver(**body | {"missing": tuple(body["missing"])})

    def settle(self, content: str) -> None:
        """Remove a waiver, since every gate has passed now."""
        self._path(WAIVER, content).unlink(missing_ok=True)

    def bodies(self, content: str) -> list[dict[str, Any]]:
        """Return all files about some content that this machine wrote."""
        found = []
        for path in sorted(self._path(WAIVER, content).parent.glob("*.json")):
            with suppress(Refused):
                found.append(self._authentic(path))
        return found

    def take(self, bodies: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        """Write another machine's receipts, all or none; newer ones of this machine stay."""
        before: dict[Path, bytes | None] = {}
        try:
            for (content, name), body in bodies.items():
                path = self._path(name, content)
                try:
                    newer = self._authentic(path)["written"] >= body["written"]
                except (FileNotFoundError, Refused):
                    newer = False
                if not newer:
                    before[path] = path.read_bytes() if path.exists() else None
                    self._files.write(path, body)
        except BaseException:
            for path, earlier in before.items():
                path.unlink(missing_ok=True) if earlier is None else write_whole(path, earlier)
            raise

    def _load(self, gate: Gate, content: str) -> Receipt:
        receipt = self._read(gate, content)
        age = (time.time() - receipt.written) / DAY
        if gate.longest_days is not None and age > gate.longest_days:
            raise Refused(f"its receipt is {age:.0f} days old, and counts for {gate.longest_days:g}")
        if not receipt.verdict.passed:
            said = "failed" if receipt.verdict.outcome is Outcome.FAILED else "could not be checked"
            raise Refused(f"{said}: {receipt.verdict.summary}")
        return receipt

    def _read(self, gate: Gate, content: str) -> Receipt:
        try:
            body = self._authentic(self._path(gate.name, content))
        except FileNotFoundError:
            raise Refused("never run for this image") from None
        fields = ("content", "image", "definition", "tools", "written")
        receipt = Receipt(Verdict.from_json(body["verdict"]), **{name: body[name] for name in fields})
        if receipt.content != content or receipt.gate != gate.name:
            raise Refused("its receipt belongs to other content")
        if receipt.definition != gate.definition:
            raise Refused("its tests or limits changed since")
        return receipt

    def _authentic(self, path: Path) -> dict[str, Any]:
        """Return a file's content if this machine wrote it."""
        try:
            body = self._files.read(path)
        except Untrusted as fault:
            raise Refused(f"its receipt {fault}") from fault
        if body.get("format") != FORMAT:
            raise Refused("its receipt has another format")
        return body

    def _path(self, name: str, content: str) -> Path:
        return self._folder / "receipts" / content.removeprefix("sha256:") / f"{name}.json"


def definition(
    folder: Path, paths: Iterable[Path], values: Mapping[str, Any], rendered: Path | None = None
) -> str:
    """Return the digest of everything outside the image that decides a gate.

    Paths are named relative to `folder`, or `rendered` if below it, so every worktree gets the same digest.
    """
    digest = hashlib.sha256()
    files = sorted({file for path in paths for file in _files(path)})
    for file in files:
        name = os.path.relpath(file, rendered if rendered and file.is_relative_to(rendered) else folder)
        content = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "absent"
        digest.update(f"{len(name)}:{name}:{content}\n".encode("utf-8", "surrogateescape"))
    digest.update(json.dumps(values, sort_keys=True, separators=(",", ":")).encode())
    return f"sha256:{digest.hexdigest()}"


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for parent, folders, names in os.walk(path):
        folders[:] = [name for name in folders if name not in _UNTRACKED]
        yield from (Path(parent, name) for name in names if not name.endswith((".pyc", ".pyo")))
