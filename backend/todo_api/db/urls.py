"""Database URLs as users write them: without a driver, and with Neon's pooler."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit


def with_driver(url: str) -> str:
    """Add the async driver to a database URL without one."""
    scheme, separator, rest = url.partition("://")
    drivers = {
        "postgres": "postgresql+psycopg",
        "postgresql": "postgresql+psycopg",
        "sqlite": "sqlite+aiosqlite",
    }
    return f"{drivers.get(scheme, scheme)}{separator}{rest}"


def first_label(url: str) -> str:
    """Return the first label of a URL's host name."""
    return (urlsplit(url).hostname or "").partition(".")[0]


def without_pooler(url: str) -> str:
    """Return the URL of the direct host for Neon's ``-pooler`` host."""
    parts = urlsplit(url)
    label = first_label(url)
    if not label.endswith("-pooler"):
        return url
    user, at, host = parts.netloc.rpartition("@")
    direct = host.replace(host[: len(label)], label.removesuffix("-pooler"), 1)
    return urlunsplit(parts._replace(netloc=f"{user}{at}{direct}"))


def url_password(url: str) -> str | None:
    """Return the password in a URL, if it can be parsed and has one."""
    try:
        return urlsplit(url).password
    except ValueError:
        return None


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite URL with a path; None for others."""
    scheme, _, path = url.partition(":///")
    name = path.partition("?")[0]
    if scheme.partition("+")[0] != "sqlite" or name in ("", ":memory:") or name.startswith("file:"):
        return None
    return Path(name)
