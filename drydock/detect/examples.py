"""Example values of settings, for use until a person gives real ones."""

from __future__ import annotations

import re

from drydock.detect.model import Setting

# `invoke deploy` refuses manifests that still contain it.
PLACEHOLDER = "SET-ME"
# By the type that the value becomes: a name may suggest a value of another type.
BY_FORM = {
    **dict.fromkeys(("int", "float", "Decimal", "PositiveInt", "NonNegativeInt", "timedelta"), "10"),
    "bool": "false",
    "date": "2026-01-01",
    "datetime": "2026-01-01T00:00:00Z",
    **dict.fromkeys(("UUID", "UUID4"), "00000000-0000-4000-8000-000000000000"),
    "PostgresDsn": "postgresql://user:password@database/name",
    **dict.fromkeys(("MySQLDsn", "MariaDBDsn"), "mysql://user:password@database/name"),
    "RedisDsn": "redis://redis:6379/0",
    "MongoDsn": "mongodb://mongo:27017/name",
    "AmqpDsn": "amqp://guest:guest@rabbitmq:5672/",
    "KafkaDsn": "kafka://kafka:9092",
    "NatsDsn": "nats://nats:4222",
    **dict.fromkeys(("AnyUrl", "AnyHttpUrl", "HttpUrl"), "https://example.com"),
    "WebsocketUrl": "wss://example.com",
    "FileUrl": "file:///tmp/example",
    **dict.fromkeys(("EmailStr", "NameEmail"), "somebody@example.com"),
    "IPvAnyAddress": "127.0.0.1",
    **dict.fromkeys(("list", "List", "set", "Set", "tuple", "Tuple", "frozenset"), "[]"),
    **dict.fromkeys(("dict", "Dict", "Json"), "{}"),
    **dict.fromkeys(("Path", "FilePath", "DirectoryPath"), "/tmp"),  # noqa: S108 - a path in the container
}
BY_NAME = (
    # The image's server listens there too.
    (r"^HOST$", "0.0.0.0"),  # noqa: S104 - the container's own
    (r"PORT$", "8000"),
    (r"REDIS.*UR[IL]|CELERY|BROKER", "redis://redis:6379/0"),
    (r"MONGO.*UR[IL]", "mongodb://mongo:27017/name"),
    (r"AMQP|RABBIT.*UR[IL]", "amqp://guest:guest@rabbitmq:5672/"),
    (r"HOST(NAME)?$|SERVER$", "localhost"),
    (
        r"POSTGRES(QL)?_?(UR[IL]|DSN)|PG_?(UR[IL]|DSN)|DATABASE_(\w+_)?UR[IL]|DB_UR[IL]|SQLALCHEMY|_DSN$|^DSN$",
        "postgresql://user:password@database/name",
    ),
    (r"UR[IL]S?$|ENDPOINT|ORIGIN", "https://example.com"),
    (r"DOMAIN$", "example.com"),
    (r"E?MAIL(_FROM|_TO|_SENDER)?$|^MAIL_FROM$", "somebody@example.com"),
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
    """Return a setting's default, or an example that fits its type or its name."""
    if setting.default:
        return setting.default
    if setting.choices:
        return setting.choices[0]
    name = setting.name.upper()
    named = next((value for pattern, value in BY_NAME if re.search(pattern, name)), "")
    typed = BY_FORM.get(setting.form, "")
    # A port is a better number than any other.
    found = named if not typed or (typed.isdigit() and named.isdigit()) else typed
    # Long enough for a signing key.
    return found or ("example-" * 5).rstrip("-")
