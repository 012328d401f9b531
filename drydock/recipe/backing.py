"""Which databases and caches a project's settings ask for, and the variables that lead to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drydock.detect import Setting
from drydock.detect.requirements import wanted

USER = "app"


@dataclass(frozen=True)
class Backing:
    """A kind of service that an application keeps its data in.

    Args:
        name: What the application calls it; its host's name, too.
        image: The official image.
        port: Where it listens.
        schemes: The first words of its URLs.
        forms: The types of settings that hold its URLs.
        drivers: Distributions that connect to it.
        url: Names of settings for its URL, where the default does not say another kind.
        part: Names of settings for one part of its address: `host`, `port`, `user`, `password` or `database`.
        environment: What its image asks for.
        health: The command inside that ends with 0 when it answers.
        data: The folder that it keeps data in; empty for none worth keeping.
    """

    name: str
    image: str
    port: int
    schemes: tuple[str, ...]
    forms: frozenset[str]
    drivers: frozenset[str]
    url: re.Pattern[str]
    part: re.Pattern[str]
    environment: Mapping[str, str]
    health: tuple[str, ...]
    data: str = ""

    def address(self, scheme: str, host: str, password: str) -> str:
        """Return its URL."""
        user = f"{USER}:{password}@" if self.environment else ""
        path = "0" if self.name == "redis" else USER
        return f"{scheme}://{user}{host}:{self.port}/{path}"


DATABASE_URL = re.compile(r"((^|_)(DATABASE|DB|SQL(ALCHEMY)?)(_\w+)?_?(URL|URI|DSN)|^DSN)$")
PARTS = (
    ("host", r"(HOST|HOSTNAME|SERVER|ADDRESS)"),
    ("port", r"PORT"),
    ("user", r"(USER|USERNAME)"),
    ("password", r"(PASSWORD|PASS|PASSWD)"),
    ("database", r"(DB|NAME|DATABASE|DATABASE_NAME|DB_NAME)"),
)
ANY_PART = "|".join(pattern for _, pattern in PARTS)
DATABASE_PART = rf"(DATABASE|DB|SQL)_?({ANY_PART})$"
# SQLAlchemy's word for a driver. Where a project has several, an asynchronous one is the application's: the
# other is for its migrations.
DIALECTS = (
    ("asyncpg", "asyncpg"),
    ("psycopg", "psycopg"),
    ("psycopg2", "psycopg2"),
    ("psycopg2-binary", "psycopg2"),
    ("pg8000", "pg8000"),
    ("asyncmy", "asyncmy"),
    ("aiomysql", "aiomysql"),
    ("pymysql", "pymysql"),
    ("mysqlclient", "mysqldb"),
)
POSTGRES = Backing(
    name="postgres",
    image="postgres:17",
    port=5432,
    schemes=("postgresql", "postgres"),
    forms=frozenset({"PostgresDsn"}),
    drivers=frozenset({"asyncpg", "psycopg", "psycopg2", "psycopg2-binary", "pg8000", "databases"}),
    url=re.compile(rf"(^|_)(POSTGRES(QL)?|PG)_?(URL|URI|DSN)$|{DATABASE_URL.pattern}"),
    part=re.compile(rf"(^|_)((POSTGRES(QL)?|PG)_?({ANY_PART})|{DATABASE_PART})$"),
    environment={"POSTGRES_USER": USER, "POSTGRES_DB": USER, "POSTGRES_PASSWORD": ""},
    # Over TCP: while the image sets its data up, a server answers on the socket alone.
    health=("pg_isready", "--quiet", "--host=127.0.0.1", f"--username={USER}"),
    data="/var/lib/postgresql/data",
)
MARIADB = Backing(
    name="mariadb",
    image="mariadb:11",
    port=3306,
    schemes=("mysql", "mariadb"),
    forms=frozenset({"MySQLDsn", "MariaDBDsn"}),
    drivers=frozenset({"pymysql", "aiomysql", "asyncmy", "mysqlclient", "mysql-connector-python", "mariadb"}),
    url=re.compile(rf"(^|_)(MYSQL|MARIADB)_?(URL|URI|DSN)$|{DATABASE_URL.pattern}"),
    part=re.compile(rf"(^|_)((MYSQL|MARIADB)_?({ANY_PART})|{DATABASE_PART})$"),
    environment={
        "MARIADB_USER": USER,
        "MARIADB_DATABASE": USER,
        "MARIADB_PASSWORD": "",
        "MARIADB_RANDOM_ROOT_PASSWORD": "1",
    },
    health=("healthcheck.sh", "--connect", "--innodb_initialized"),
    data="/var/lib/mysql",
)
REDIS = Backing(
    name="redis",
    image="valkey/valkey:8",
    port=6379,
    schemes=("redis", "rediss", "valkey"),
    forms=frozenset({"RedisDsn"}),
    drivers=frozenset({"redis", "aioredis", "valkey", "aiocache", "arq", "rq", "celery", "fastapi-cache2"}),
    url=re.compile(r"(^|_)(REDIS|VALKEY|CACHE|CELERY|BROKER)(_\w+)?_?(URL|URI|DSN|BACKEND)$"),
    part=re.compile(rf"(^|_)(REDIS|VALKEY|CACHE)_?({ANY_PART})$"),
    environment={},
    health=("valkey-cli", "ping"),
)
ALL = (POSTGRES, MARIADB, REDIS)


def names(requirements: Iterable[str]) -> set[str]:
    """Return the distributions that requirements name."""
    return {found.name for text in requirements if (found := wanted(text, ""))}


def asked_for(settings: Iterable[Setting], drivers: set[str]) -> list[Backing]:
    """Return the services that settings ask for, the database first.

    Args:
        drivers: The distributions that the project has.
    """
    listed = list(settings)
    found = [one for one in ALL if any(_is_asked(one, setting, drivers) for setting in listed)]
    # Two kinds of database are in the dependencies, and the settings do not say which: PostgreSQL is taken.
    return [one for one in found if one is not MARIADB or POSTGRES not in found]


def variables(
    backing: Backing, settings: Iterable[Setting], drivers: set[str], host: str, password: str
) -> dict[str, str]:
    """Return the variables that lead an application to a service.

    Where no setting asks for it, they are the usual ones: DATABASE_URL or REDIS_URL.
    """
    parts = {
        "host": host,
        "port": str(backing.port),
        "user": USER,
        "password": password,
        "database": USER if backing.environment else "0",
    }
    found = {}
    for setting in settings:
        if _is_url(backing, setting):
            scheme = _scheme(backing, setting.default.partition("://")[0], drivers)
            found[setting.name] = backing.address(scheme, host, password)
        elif backing.part.search(setting.name):
            found[setting.name] = parts[_part(setting.name)]
    if not found:
        name = "REDIS_URL" if backing is REDIS else "DATABASE_URL"
        return {name: backing.address(_scheme(backing, "", drivers), host, password)}
    return found


def environment(backing: Backing, password: str) -> dict[str, str]:
    """Return what a service's image asks for, with its password."""
    return {name: value or password for name, value in backing.environment.items()}


def _is_asked(backing: Backing, setting: Setting, drivers: set[str]) -> bool:
    if not (_is_url(backing, setting) or backing.part.search(setting.name)):
        return False
    named = re.search(r"POSTGRES|PG|MYSQL|MARIADB|REDIS|VALKEY", setting.name)
    scheme = setting.default.partition("://")[0].partition("+")[0] if "://" in setting.default else ""
    told = scheme in backing.schemes or setting.form in backing.forms
    return told or bool(named and _is_own_name(backing, setting.name)) or bool(drivers & backing.drivers)


def _is_own_name(backing: Backing, name: str) -> bool:
    words = {"postgres": r"POSTGRES|PG", "mariadb": r"MYSQL|MARIADB", "redis": r"REDIS|VALKEY"}
    return bool(re.search(words[backing.name], name))


def _is_url(backing: Backing, setting: Setting) -> bool:
    """Tell whether a setting holds a service's URL; a default of another kind but SQLite says no."""
    if setting.form in backing.forms:
        return True
    scheme = setting.default.partition("://")[0].partition("+")[0] if "://" in setting.default else ""
    if scheme in backing.schemes:
        return True
    return scheme in ("", "sqlite") and bool(backing.url.search(setting.name))


def _part(name: str) -> str:
    return next((part for part, pattern in PARTS if re.search(rf"{pattern}$", name)), "host")


def _scheme(backing: Backing, given: str, drivers: set[str]) -> str:
    """Return the first word of a URL: the default's own, else the one that SQLAlchemy has for the driver."""
    if given.partition("+")[0] in backing.schemes:
        return given
    if backing is REDIS or not drivers & {"sqlalchemy", "sqlmodel"}:
        return backing.schemes[0]
    found = next((word for name, word in DIALECTS if name in drivers & backing.drivers), "")
    return f"{backing.schemes[0]}+{found}" if found else backing.schemes[0]
