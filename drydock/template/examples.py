"""Values that stand in for settings until somebody gives the real ones."""

from __future__ import annotations

import re

from drydock.detect import Setting

# `invoke deploy` refuses manifests that still say so.
PLACEHOLDER = "SET-ME"
BY_NAME = (
    (
        r"POSTGRES|PG_|DATABASE_UR[IL]|DB_UR[IL]|SQLALCHEMY|_DSN$|^DSN$",
        "postgresql://user:password@database/name",
    ),
    (r"REDIS.*UR[IL]|CELERY|BROKER", "redis://redis:6379/0"),
    (r"MONGO.*UR[IL]", "mongodb://mongo:27017/name"),
    (r"AMQP|RABBIT.*UR[IL]", "amqp://guest:guest@rabbitmq:5672/"),
    (r"UR[IL]S?$|ENDPOINT|ORIGIN", "https://example.com"),
    (r"E?MAIL", "somebody@example.com"),
    (r"PORT$", "8000"),
    (r"HOST(NAME)?$|SERVER$", "localhost"),
    (
        r"(TIMEOUT|SECONDS|MINUTES|HOURS|DAYS|EXPIRE\w*|LIMIT|SIZE|COUNT|WORKERS|TTL|RETRIES|MAX\w*|MIN\w*|DB)$",
        "10",
    ),
    (r"^(DEBUG|ENABLE\w*|USE_\w+|IS_\w+|\w*ENABLED|TESTING|VERBOSE)$", "false"),
    (r"ALGORITHM", "HS256"),
    (r"LOG_?LEVEL", "DEBUG"),
    (r"REGION", "eu-central-1"),
)


def example(setting: Setting) -> str:
    """Return a value of the form that a setting's name suggests; its default where it has one."""
    if setting.default:
        return setting.default
    name = setting.name.upper()
    found = next((value for pattern, value in BY_NAME if re.search(pattern, name)), "")
    # Long enough for a signing key.
    return found or ("example-" * 5).rstrip("-")
