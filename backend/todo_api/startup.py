"""The steps before the server listens: check the settings, migrate the schema.

Importing this module costs nothing; each function imports its own dependencies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from todo_api.settings import Settings


class WrongSettings(ValueError):
    """The service must not start with these settings."""


def check() -> list[str]:
    """Return a line for each wrong or missing setting of this process: ``NAME: fact; next step``."""
    from pydantic import ValidationError

    from todo_api.settings import Settings, read_secret_files

    values, faults = read_secret_files(os.environ)
    refused: dict[str, Any] = {}
    try:
        settings = Settings()
    except ValidationError as error:
        by_alias = {str(f.validation_alias): (name, f.default) for name, f in Settings.model_fields.items()}
        for detail in error.errors(include_url=False, include_context=False):
            alias = str(detail["loc"][0])
            faults.append(explain(detail, {**os.environ, **values}))
            refused[by_alias[alias][0]] = by_alias[alias][1]
        # The rest is checked with defaults in place of refused values.
        settings = Settings(**refused)
    return _further(_further(faults, contradictions(settings)), _folder_faults(settings))


def _further(lines: list[str], more: list[str]) -> list[str]:
    """Append the lines about settings that no line mentions yet."""
    named = {line.partition(":")[0].removesuffix("_FILE") for line in lines}
    return lines + [line for line in more if line.partition(":")[0] not in named]


def explain(detail: ErrorDetails, values: Mapping[str, str]) -> str:
    """Turn one validation error into a line for the operator, without secrets."""
    from todo_api.settings import Settings, secret_names

    name = str(detail["loc"][0])
    field = next(f for f in Settings.model_fields.values() if f.validation_alias == name)
    shown = "the value" if name in secret_names() else repr(values.get(name, ""))
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    example = field.examples[0] if field.examples else field.default
    return f"{name}: {shown} is refused ({message}); set it to something like {example!s}"


def contradictions(settings: Settings) -> list[str]:
    """List the settings that are legal alone but not together or not in this environment."""
    from todo_api.settings import ASYMMETRIC_ALGORITHMS

    lines = _further(_placeholders(settings), _database_faults(settings)) + _authentication_faults(settings)
    for name in settings.auth_algorithms:
        if name not in ASYMMETRIC_ALGORITHMS:
            allowed = ", ".join(ASYMMETRIC_ALGORITHMS)
            lines.append(f"AUTH_ALGORITHMS: {name!r} is not an allowed algorithm; choose from {allowed}")
    if settings.cors_credentials and "*" in settings.cors_origins:
        lines.append(
            "CORS_ORIGINS: '*' with CORS_CREDENTIALS lets every site act as the user; name the origins"
        )
    for origin in settings.cors_origins:
        parts = urlsplit(origin)
        if origin != "*" and (not parts.scheme or not parts.netloc or parts.path):
            lines.append(f"CORS_ORIGINS: {origin!r} is not an origin; write it like https://app.example.com")
    return lines


def _folder_faults(settings: Settings) -> list[str]:
    """Make the folders for written files; list those that are not writable, with the reason."""
    from todo_api.db.urls import sqlite_file

    lines = []
    if settings.needs_data_dir and (reason := _unwritable(settings.data_dir)):
        lines.append(
            f"DATA_DIR: {str(settings.data_dir)!r} cannot be written ({reason}); "
            "mount a writable volume there or name another folder"
        )
    file = sqlite_file(settings.database_url.get_secret_value()) if settings.database_url else None
    if file and (reason := _unwritable(file.parent)):
        lines.append(
            f"DATABASE_URL: the folder {str(file.parent)!r} cannot be written ({reason}); "
            "mount a writable volume there or name another file"
        )
    return lines


def _unwritable(folder: Path) -> str | None:
    """Return why a folder is not writable; None if it is."""
    from tempfile import TemporaryFile

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)


# Placeholders for secrets in manifests, examples and tutorials.
_PLACEHOLDER = re.compile(r"(set|change|fill|replace)[-_ ]?(me|this)|your[-_ ].*|<.*>|\.{3}", re.IGNORECASE)


def _placeholders(settings: Settings) -> list[str]:
    """List the secrets that still hold a placeholder."""
    from todo_api.settings import secret_fields

    return [
        f"{name}: its value is a placeholder; set the real one, or leave {name} out"
        for field, name in secret_fields().items()
        if (secret := getattr(settings, field)) and _PLACEHOLDER.fullmatch(secret.get_secret_value())
    ]


def _database_faults(settings: Settings) -> list[str]:
    lines = []
    for name, secret in (
        ("DATABASE_URL", settings.database_url),
        ("DATABASE_DIRECT_URL", settings.database_direct_url),
    ):
        if secret is None:
            continue
        scheme = secret.get_secret_value().partition("://")[0]
        if scheme not in ("postgres", "postgresql", "postgresql+psycopg", "sqlite", "sqlite+aiosqlite"):
            lines.append(
                f"{name}: its scheme is neither postgresql nor sqlite; write postgresql://user:password@host/database"
            )
        elif scheme.startswith("postgres") and not _has_host(secret.get_secret_value()):
            lines.append(f"{name}: it names no host; write postgresql://user:password@host/database")
    if settings.is_production and settings.database_url is None:
        lines.append("DATABASE_URL: not set with ENVIRONMENT=production; set it to the PostgreSQL URL")
    elif settings.is_production and settings.is_sqlite:
        lines.append(
            "DATABASE_URL: SQLite is refused with ENVIRONMENT=production; set it to the PostgreSQL URL"
        )
    return lines


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname or "host=" in parts.query) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _authentication_faults(settings: Settings) -> list[str]:
    if settings.auth_configured:
        return []
    if settings.jwks_url is not None:
        return ["BETTER_AUTH_ISSUER: not set, though BETTER_AUTH_JWKS_URL is; set it or BETTER_AUTH_URL"]
    if settings.issuer is not None:
        return ["BETTER_AUTH_JWKS_URL: not set, though BETTER_AUTH_ISSUER is; set it or BETTER_AUTH_URL"]
    if settings.is_production:
        return [
            "BETTER_AUTH_URL: not set with ENVIRONMENT=production; set it to the sign-in server's base URL"
        ]
    return []


def migrate() -> None:
    """Migrate the database's schema; safe when several processes do so at once."""
    from todo_api.db.migrate import upgrade
    from todo_api.logs import configure_logging
    from todo_api.settings import get_settings

    settings = get_settings()
    configure_logging(settings)
    upgrade(settings)
