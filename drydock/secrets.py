"""Recognise secrets by name and value: one answer for detection, gates, provenance and logs."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

WITHHELD = "(withheld)"

_NAME = re.compile(
    r"SECRET|PASSWORD|PASSWD|PASSPHRASE|(^|_)(PASS|PWD)(_|$)|CREDENTIAL|(^|_)SALT$|(^|_)AUTH$|(^|_)AUTHORIZATION$|"
    r"TOKEN(?!IZ|_(URL|EXPIRE|EXPIRATION|LIFETIME|TTL|MINUTES))|"
    r"(API|ACCESS|PRIVATE|ENCRYPTION|SIGNING|MASTER|AUTH|JWT|SESSION|LICENSE)_?KEY(?!_(ID|EXPIRE|NAME))|"
    r"(?<!PUBLIC)(?<!PRIMARY)(?<!FOREIGN)(?<!PARTITION)(?<!CACHE)(?<!SORT)(?<!ROUTING)(^|_)KEY$"
)
# Names of addresses, which often hold a password; a known value decides.
_ADDRESS = re.compile(
    r"(^|_)DSN$|^(DATABASE|MONGODB|REDIS)_?UR[LI]|"
    r"(DATABASE|DB|POSTGRES\w*|PG|MYSQL|MONGO\w*|REDIS|AMQP|RABBIT\w*|BROKER|CELERY\w*|SQLALCHEMY\w*|BACKEND)"
    r"_?(DATABASE_)?(URL|URI|DSN)$"
)
# A switch, or the name of a file, a place or a length of time.
_HARMLESS = re.compile(
    r"^(IS|HAS|ALLOW|ENABLE|USE|MAX|MIN|NUM)_|(^|_)ALLOWED?_|"
    r"_(MINUTES|SECONDS|HOURS|DAYS|ALGORITHM|EXPIRE\w*|URL_PREFIX|HOST|PORT|USER|NAME|LENGTH|TYPE|HEADER|PREFIX|"
    r"LIFETIME|TTL|FILE|PATH|DIR)$|(TOKEN|SECRETS?|PASSWORD|KEY|AUTH|CREDENTIALS?)_UR[LI]$"
)
_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|sk-[A-Za-z0-9_-]{20,}"
    r"|xox[baprs]-[A-Za-z0-9-]{10,}|://[^/\s:@]+:[^/\s:@]+@"
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s,]+")
_ASSIGNMENT = re.compile(r"((?:--[a-z-]+=)?)([A-Za-z_]\w*)=(.*)", re.DOTALL)


def is_secret(name: str, value: str | None = None) -> bool:
    """Tell whether a variable, setting or build argument is a secret; an address without a user is not."""
    upper = name.upper()
    if _ADDRESS.search(upper):
        return value is None or "://" not in value or "@" in value
    return _NAME.search(upper) is not None and not _HARMLESS.search(upper)


def leaks(text: str) -> bool:
    """Tell whether a text contains a secret by its form."""
    return _VALUE.search(text) is not None


def public(name: str, text: str) -> str:
    """Return a variable's value for showing: a secret is withheld as a whole."""
    return WITHHELD if is_secret(name) else plain_urls(text)


def plain_urls(text: str) -> str:
    """Remove users and passwords from the URLs in a text."""
    return _URL.sub(lambda match: _plain(match[0]), text)


def _plain(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else url


def shown(args: Iterable[str]) -> str:
    """Return a command line for showing, without the values of secrets."""

    def safe(word: str) -> str:
        option, name, value = found.groups() if (found := _ASSIGNMENT.fullmatch(word)) else ("", "", "")
        return f"{option}{name}={public(name, value)}" if found else plain_urls(word)

    return " ".join(map(safe, args))
