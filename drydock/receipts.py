"""Which gates an image's content has passed, so that nothing is tested twice.

A receipt is a small JSON file in the user's state folder, not in the project: a fresh worktree, a second
clone and the pre-push hook share what any of them found out, since a receipt belongs to content and not to a
place. It counts only for the definition under which it was made (changed tests or a lowered budget test
again), and only on the machine that wrote it: a key that never leaves the machine authenticates all of it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

from drydock.gates.verdict import Outcome, Verdict

FORMAT = 1
DAY = 86_400.0
KEPT_DAYS = 90.0
KEY_BYTES = 32
_UNTRACKED = frozenset({"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"})


@dataclass(frozen=True)
class Gate:
    """A gate as it is defined now.

    Args:
        name: Its name, which is also its Nox session's.
        definition: Digest of all that decides but is not in the image: the gate's code, tests, budgets.
        longest_days: Age above which its receipt no longer counts, for gates whose data age; None for any.
    """

    name: str
    definition: str
    longest_days: float | None = None


@dataclass(frozen=True)
class Receipt:
    """Proof that a gate judged some content.

    Args:
        verdict: What it said.
        content: Content digest of the image.
        image: Id of the image that was looked at; others of the same content share the receipt.
        definition: Digest of the gate's definition.
        tools: Versions by name of the tools that took part.
        written: When, in seconds since the epoch.
    """

    verdict: Verdict
    content: str
    image: str
    definition: str
    tools: Mapping[str, str]
    written: float

    @property
    def gate(self) -> str:
        """The gate's name."""
        return self.verdict.gate

    def as_json(self) -> dict[str, Any]:
        """Return the receipt as JSON values."""
        return {**asdict(self), "verdict": self.verdict.as_json()}


@dataclass(frozen=True)
class Missing:
    """A gate without a receipt that counts, and why."""

    gate: str
    reason: str

    def __str__(self) -> str:
        return f"{self.gate} ({self.reason})"


class Refused(Exception):
    """A receipt is there and does not count; the message says why."""


class Receipts:
    """The receipts of one user on one machine.

    Args:
        folder: Where they are kept; made at the first write.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or platformdirs.user_state_path("drydock")

    def find(self, gate: Gate, content: str) -> Receipt | None:
        """Return the receipt of a gate that passed for exactly this content, as the gate is defined now."""
        try:
            return self._load(gate, content)
        except Refused:
            return None

    def missing(self, gates: Iterable[Gate], content: str) -> list[Missing]:
        """Return the gates that content has yet to pass, each with the reason."""
        found = []
        for gate in gates:
            try:
                self._load(gate, content)
            except Refused as reason:
                found.append(Missing(gate.name, str(reason)))
        return found

    def write(
        self, gate: Gate, verdict: Verdict, *, content: str, image: str, tools: Mapping[str, str]
    ) -> Receipt:
        """Write down what a gate said; a failure replaces an earlier pass.

        Args:
            gate: The gate, as it was defined when it ran.
            verdict: What it said.
            content: Content digest of the image.
            image: The image's id.
            tools: Versions by name.
        """
        receipt = Receipt(verdict, content, image, gate.definition, dict(tools), time.time())
        body = receipt.as_json() | {"format": FORMAT, "key": self._key_id()}
        _write(self._path(gate.name, content), json.dumps(body | {"mac": self._mac(body)}, indent=1))
        self.prune()
        return receipt

    def prune(self, days: float = KEPT_DAYS) -> None:
        """Remove receipts that are older than some days."""
        oldest = time.time() - days * DAY
        for path in (self._folder / "receipts").glob("*/*.json"):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
                    path.parent.rmdir()
            except OSError:  # the folder holds others, or another process was faster
                continue

    def _load(self, gate: Gate, content: str) -> Receipt:
        try:
            body = json.loads(self._path(gate.name, content).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise Refused("never run for this image") from None
        except (OSError, ValueError) as error:
            raise Refused(f"its receipt cannot be read: {error}") from error
        receipt = self._authentic(body)
        if receipt.content != content or receipt.gate != gate.name:
            raise Refused("its receipt belongs to other content")
        if receipt.definition != gate.definition:
            raise Refused("its tests or limits changed since")
        age = (time.time() - receipt.written) / DAY
        if gate.longest_days is not None and age > gate.longest_days:
            raise Refused(f"its receipt is {age:.0f} days old, and counts for {gate.longest_days:g}")
        if not receipt.verdict.passed:
            said = "failed" if receipt.verdict.outcome is Outcome.FAILED else "could not be checked"
            raise Refused(f"{said}: {receipt.verdict.summary}")
        return receipt

    def _authentic(self, body: Any) -> Receipt:
        if not isinstance(body, dict) or body.get("format") != FORMAT:
            raise Refused("its receipt has another format")
        mac = body.pop("mac", None)
        if body.get("key") != self._key_id():
            raise Refused("its receipt was written on another machine")
        if not isinstance(mac, str) or not hmac.compare_digest(mac, self._mac(body)):
            raise Refused("its receipt was edited")
        verdict = Verdict.from_json(body["verdict"])
        fields = ("content", "image", "definition", "tools", "written")
        return Receipt(verdict, **{name: body[name] for name in fields})

    def _path(self, gate: str, content: str) -> Path:
        return self._folder / "receipts" / content.removeprefix("sha256:") / f"{gate}.json"

    def _mac(self, body: Mapping[str, Any]) -> str:
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return hmac.new(self._key(), canonical.encode(), hashlib.sha256).hexdigest()

    def _key_id(self) -> str:
        return hashlib.sha256(b"drydock receipts" + self._key()).hexdigest()[:16]

    def _key(self) -> bytes:
        """Return this machine's key, made at the first call; only its owner can read it."""
        path = self._folder / "key"
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            key = b""
        if len(key) == KEY_BYTES:
            return key
        _write(path, secrets.token_bytes(KEY_BYTES), keep=len(key) == 0)
        return path.read_bytes()


def _write(path: Path, content: str | bytes, *, keep: bool = False) -> None:
    """Write a file that only its owner can read, as a whole or not at all.

    Args:
        path: The file.
        content: What it holds.
        keep: Leave it as it is when it exists: of two processes that make a key, the first wins.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    data = content.encode() if isinstance(content, str) else content
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if keep:
            try:
                os.link(name, path)
            except FileExistsError:
                return
        else:
            Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def definition(folder: Path, paths: Iterable[Path], values: Mapping[str, Any]) -> str:
    """Return the digest of all that decides a gate apart from the image.

    Args:
        folder: The folder below which paths are named, so that every worktree gets the same digest.
        paths: Files, and folders with all that is in them; one that does not exist counts as such.
        values: Settings, as JSON values.
    """
    digest = hashlib.sha256()
    files = sorted({file for path in paths for file in _files(path)})
    for file in files:
        name = os.path.relpath(file, folder)
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
