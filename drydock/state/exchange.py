"""Carry receipts from one job of a CI run to the next, signed with a key that both have."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from drydock.errors import NotWritten
from drydock.state.errors import (
    ExchangeKeyMissing,
    ExportAltered,
    ExportMissing,
    NothingToExport,
    OtherExchangeKey,
)
from drydock.state.receipts import FORMAT, WAIVER, Receipts
from drydock.state.sealed import OtherKey, Sealed, Untrusted
from drydock.verdict import Verdict

KEY = "DRYDOCK_RECEIPTS_KEY"
SHORTEST_KEY = 32
_CONTENT = re.compile(r"sha256:[0-9a-f]{64}")
_GATE = re.compile(r"[a-z][a-z0-9_-]*")


def export(contents: Iterable[str], file: Path, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Write the receipts and waivers of some contents into a file, and return their gates' names.

    Verdicts lose their evidence: a log may hold secrets.
    """
    sealed = Sealed(key=key(environment))
    bodies = [body for content in contents for body in Receipts().bodies(content)]
    if not bodies:
        raise NothingToExport()
    for body in bodies:
        if "verdict" in body:
            body["verdict"] = {**body["verdict"], "evidence": ""}
    try:
        sealed.write(file, {"format": FORMAT, "receipts": bodies})
    except OSError as error:
        raise NotWritten(path=file, reason=error.strerror or error) from error
    return _names(bodies)


def take(file: Path, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Import a file's receipts, all or none, and return their gates' names.

    Of two receipts of a gate for the same content, the newer one stays.
    """
    try:
        found = Sealed(key=key(environment)).read(file)
        if found.get("format") != FORMAT:
            raise Untrusted("has another format")
        bodies = {_place(body): body for body in found["receipts"]}
    except FileNotFoundError as error:
        raise ExportMissing(file=file) from error
    except OtherKey as error:
        raise OtherExchangeKey(file=file, key=KEY) from error
    except Untrusted as error:
        raise ExportAltered(file=file, reason=error) from error
    except (ValueError, LookupError, TypeError) as error:
        raise ExportAltered(file=file, reason="holds a receipt of another format") from error
    try:
        Receipts().take(bodies)
    except OSError as error:
        raise NotWritten(path=error.filename, reason=error.strerror or error) from error
    return _names(bodies.values())


def key(environment: Mapping[str, str] = os.environ) -> bytes:
    """Return the key that seals an export.

    Raises:
        ExchangeKeyMissing: None is given, or a short one.
    """
    given = environment.get(KEY, "").strip()
    if len(given) < SHORTEST_KEY:
        raise ExchangeKeyMissing(key=KEY, least=SHORTEST_KEY)
    return given.encode()


def _place(body: Mapping[str, Any]) -> tuple[str, str]:
    """Return a receipt's content and name, after checking its format."""
    name = Verdict.from_json(body["verdict"]).gate if "verdict" in body else WAIVER
    kept = {"content": str, "image": str, "written": float, "format": int}
    good = all(isinstance(body[key], kind) for key, kind in kept.items())
    if not good or not _CONTENT.fullmatch(body["content"]) or not _GATE.fullmatch(name):
        raise ValueError(name)
    return body["content"], name


def _names(bodies: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({body["verdict"]["gate"] if "verdict" in body else WAIVER for body in bodies})
