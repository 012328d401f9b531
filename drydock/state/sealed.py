"""Small files in the user's state folder that count only if this machine wrote them unchanged.

A key that never leaves the machine authenticates the whole file. So an edited or foreign file is reported as
such, and not as missing.
"""

import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drydock import state

KEY_BYTES = 32


class Untrusted(Exception):
    """A file exists but does not count; the message says why."""


class OtherKey(Untrusted):
    """A file was written with another key."""


class Sealed:
    """The files of one user on one machine, or of everyone with the same key."""

    def __init__(self, folder: Path | None = None, key: bytes = b"") -> None:
        self._folder = folder or state.folder()
        self._given = key

    def write(self, path: Path, body: Mapping[str, Any]) -> None:
        """Write JSON values as a whole or not at all, readable by the owner only."""
        signed = {**body, "key": self._key_id()}
        write_whole(path, json.dumps(signed | {"mac": self._mac(signed)}, indent=1).encode())

    def read(self, path: Path) -> dict[str, Any]:
        """Return the values of `write`; raise Untrusted, or FileNotFoundError."""
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise Untrusted(f"cannot be read: {error}") from error
        if not isinstance(body, dict) or "key" not in body:
            raise Untrusted("has another format")
        mac = body.pop("mac", None)
        if body["key"] != self._key_id():
            raise OtherKey("was written on another machine")
        if not isinstance(mac, str) or not hmac.compare_digest(mac, self._mac(body)):
            raise Untrusted("was edited")
        del body["key"]
        return body

    def _mac(self, body: Mapping[str, Any]) -> str:
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return hmac.new(self._key(), canonical.encode(), hashlib.sha256).hexdigest()

    def _key_id(self) -> str:
        return hashlib.sha256(b"drydock receipts" + self._key()).hexdigest()[:16]

    def _key(self) -> bytes:
        """Return the given key, or this machine's, which the first call makes; only its owner can read it."""
        if self._given:
            return self._given
        path = self._folder / "key"
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            key = b""
        if len(key) == KEY_BYTES:
            return key
        write_whole(path, secrets.token_bytes(KEY_BYTES), keep=len(key) == 0)
        return path.read_bytes()


def write_whole(path: Path, content: bytes, *, keep: bool = False) -> None:
    """Write a file as a whole or not at all, even if the power fails; only its owner can read it.

    `keep` leaves an existing file alone: of two processes that make a key, the first wins.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
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
