"""Find the databases and caches that a project's settings need, and the variables with their addresses."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drydock.detect import Setting
from drydock.detect.requirements import wanted

USER = "app"


@dataclass(frozen=True)
class Backing:
    """A kind of service that stores an application's data."""

    name: str  # also its host's name
    image: str  # the official one
    port: int
    schemes: tuple[str, ...]  # of its URLs
    forms: frozenset[str]  # types of settings for its URLs
    drivers: frozenset[str]  # distributions that connect to it
    url: re.Pattern[str]  # names of settings for its URL, unless the default is of another kind
    part: re.Pattern[str]  # names of settings for one of `PARTS`
    own: str  # its own names in names of settings
    environment: Mapping[str, str]  # for its image; an empty value is the password
    health: tuple[str, ...]  # a command inside that exits with 0 when the service answers
    data: str = ""  # its data's folder; empty if the data need not be kept

    def address(self, scheme: str, host: str, password: str) -> str:
        user = f"{USER}:{password}@" if self.environment else ""
        path = "0" if self.name == "redis" else USER
        return f"{scheme}://{user}{host}:{self.port}/{path}"


URL = r"(URL|URI|DSN|CONN(ECTION)?(_STR(ING)?)?)"
DATABASE_URL = re.compile(rf"((^|_)(DATABASE|DB|SQL(ALCHEMY)?)(_\w+)?_{{0,2}}{URL}|^DSN)$")
PARTS = (
    ("host", r"(HOST|HOSTNAME|SERVER|ADDRESS)"),
    ("port", r"PORT"),
    ("user", r"(USER|USERNAME)"),
    ("password", r"(PASSWORD|PASS|PASSWD)"),
    ("database", r"(DB|NAME|DATABASE|DATABASE_NAME|DB_NAME)"),
)
ANY_PART = "|".join(pattern for _, pattern in PARTS)
# Two underscores: pydantic's usual delimiter of nested settings.
DATABASE_PART = rf"(DATABASE|DB|SQL)_{{0,2}}({ANY_PART})$"
# SQLAlchemy's names of drivers. In a project with several, the asynchronous one is the application's, and the
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
    url=re.compile(rf"(^|_)(POSTGRES(QL)?|PG)_{{0,2}}{URL}$|{DATABASE_URL.pattern}"),
    part=re.compile(rf"(^|_)((POSTGRES(QL)?|PG)_{{0,2}}({ANY_PART})|{DATABASE_PART})$"),
    own="POSTGRES|PG",
    environment={"POSTGRES_USER": USER, "POSTGRES_DB": USER, "POSTGRES_PASSWORD": ""},
    # Over TCP: while the image initialises its data, a server answers on the socket alone.
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
    url=re.compile(rf"(^|_)(MYSQL|MARIADB)_{{0,2}}{URL}$|{DATABASE_URL.pattern}"),
    part=re.compile(rf"(^|_)((MYSQL|MARIADB)_{{0,2}}({ANY_PART})|{DATABASE_PART})$"),
    own="MYSQL|MARIADB",
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
    url=re.compile(r"(^|_)(REDIS|VALKEY|CACHE|CELERY|BROKER)(_\w+)?_{0,2}(URL|URI|DSN|BACKEND)$"),
    part=re.compile(rf"(^|_)(REDIS|VALKEY|CACHE)_{{0,2}}({ANY_PART})$"),
    own="REDIS|VALKEY",
    environment={},
    health=("valkey-cli", "ping"),
)
ALL = (POSTGRES, MARIADB, REDIS)


def names(requirements: Iterable[str]) -> set[str]:
    """Return the distributions in some requirements."""
    return {found.name for text in requirements if (found := wanted(text, ""))}


def asked_for(settings: Iterable[Setting], drivers: set[str]) -> list[Backing]:
    """Return the services that settings need, the database first; `drivers` are distributions."""
    listed = list(settings)
    found = [one for one in ALL if any(_is_asked(one, setting, drivers) for setting in listed)]
    # If both databases have drivers and the settings do not decide, PostgreSQL is chosen.
    return [one for one in found if one is not MARIADB or POSTGRES not in found]


def variables(
    backing: Backing, settings: Iterable[Setting], drivers: set[str], host: str, password: str
) -> dict[str, str]:
    """Return the variables that connect an application to a service.

    Without settings for it, they are the usual ones: DATABASE_URL or REDIS_URL.
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
            named = (part for part, pattern in PARTS if re.search(rf"{pattern}$", setting.name))
            found[setting.name] = parts[next(named, "host")]
    if not found:
        name = "REDIS_URL" if backing is REDIS else "DATABASE_URL"
        return {name: backing.address(_scheme(backing, "", drivers), host, password)}
    return found


def environment(backing: Backing, password: str) -> dict[str, str]:
    """Return the variables for a service's image, with its password."""
    return {name: value or password for name, value in backing.environment.items()}


def _is_asked(backing: Backing, setting: Setting, drivers: set[str]) -> bool:
    if not (_is_url(backing, setting) or backing.part.search(setting.name)):
        return False
    told = _default_scheme(setting) in backing.schemes or setting.form in backing.forms
    return told or bool(re.search(backing.own, setting.name) or drivers & backing.drivers)


def _is_url(backing: Backing, setting: Setting) -> bool:
    """Tell whether a setting holds a service's URL; a default of another kind, except SQLite, excludes it."""
    scheme = _default_scheme(setting)
    if setting.form in backing.forms or scheme in backing.schemes:
        return True
    return scheme in ("", "sqlite") and bool(backing.url.search(setting.name))


def _default_scheme(setting: Setting) -> str:
    """Return the scheme of a default URL without its driver; empty for any other default."""
    scheme, mark, _ = setting.default.partition("://")
    return scheme.partition("+")[0] if mark else ""


def _scheme(backing: Backing, given: str, drivers: set[str]) -> str:
    """Return a URL's scheme: the default's own, else Tortoise's, or SQLAlchemy's for the driver."""
    if given.partition("+")[0] in backing.schemes:
        return given
    if backing is POSTGRES and "tortoise-orm" in drivers:  # it knows no postgresql
        return "postgres"
    if backing is REDIS or not drivers & {"sqlalchemy", "sqlmodel"}:
        return backing.schemes[0]
    found = next((word for name, word in DIALECTS if name in drivers & backing.drivers), "")
    return f"{backing.schemes[0]}+{found}" if found else backing.schemes[0]
