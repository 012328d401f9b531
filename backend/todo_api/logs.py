"""Structured logs: one JSON object a line, with the request's id, without secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from todo_api.settings import Settings

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

MASK = "[redacted]"
# Tokens and keys are recognised by shape, so that unconfigured ones are masked too.
_SHAPES = re.compile(
    r"(?P<keep>\bbearer\s+)[^\s\"',]+"
    r"|\beyJ[\w-]+\.[\w-]*(?:\.[\w-]*)?"
    r"|\bsk-[\w-]{8,}"
    r"|(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s/@]*:[^\s/@]*@",
    re.IGNORECASE,
)
# Control characters and Unicode's line ends could begin a new line or command a terminal.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


class Redactor:
    """Masks configured secrets, and everything shaped like a credential."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        """Remember the values to mask, longest first so that none survives in part."""
        known = sorted({*secrets, *(json.dumps(value)[1:-1] for value in secrets)}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _SHAPES.sub(_mask, text)


def _mask(match: re.Match[str]) -> str:
    if keep := match["keep"]:
        return f"{keep}{MASK}"
    if scheme := match["scheme"]:
        return f"{scheme}{MASK}@"
    return MASK


def escaped(text: str) -> str:
    """Return text with its control characters, line ends and lone surrogates escaped as in JSON."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object; ``extra`` values become members."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := request_id.get():
            entry["request_id"] = current
        entry |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return escaped(self._redact(json.dumps(entry, default=str, ensure_ascii=False)))


class TextFormatter(logging.Formatter):
    """Formats a record for a person at a terminal."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s  %(message)s", "%H:%M:%S")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and a traceback's lines indented below it: no text begins a line of its own."""
        extra = [f"{key}={_quoted(value)}" for key, value in record.__dict__.items() if key not in _STANDARD]
        single = {**record.__dict__, "msg": escaped(record.getMessage()), "args": None}
        first, *further = super().format(logging.makeLogRecord(single)).splitlines()
        return "\n    ".join(escaped(self._redact(line)) for line in (" ".join([first, *extra]), *further))


def _quoted(value: object) -> str:
    """Return a value, as a JSON string if it could be mistaken for further values."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r'[\s="]', text) else text


def configure_logging(settings: Settings) -> None:
    """Send every logger of the process (uvicorn's too) and Python's warnings to stderr, without secrets."""
    handler = logging.StreamHandler(sys.stderr)
    redact = Redactor(settings.secrets)
    as_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    handler.setFormatter(TextFormatter(redact) if as_text else JsonFormatter(redact))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # The application logs each request once, with its id and without its query string.
    logging.getLogger("uvicorn.access").disabled = True
    # These log every call at INFO.
    for name in ("httpx2", "httpcore2", "mcp", "openai", "openai.agents", "alembic.runtime.plugins"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
