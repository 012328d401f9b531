"""Read command lines that start a server, such as `uvicorn app.main:app --port 80`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

TARGET = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(\(\))?$")
MODULE_FILE = re.compile(r"^[\w./-]+\.py$")
SERVERS = frozenset({"uvicorn", "gunicorn", "hypercorn", "granian", "daphne"})
PORT_OPTIONS = frozenset({"--port", "-p"})
BIND_OPTIONS = frozenset({"-b", "--bind"})
FOLDER_OPTIONS = frozenset({"--app-dir", "--chdir"})
VALUE = re.compile(r"\$\{?\w+(?::?-([^}]*))?\}?")
# Quoted text, escapes and parentheses of a shell command line, besides the ends of its commands.
TOKEN = re.compile(
    r"""'[^'\n]*'|"(?:\\.|[^"\\\n])*"|\\.|(?P<open>\$?\()|(?P<close>\))|(?P<end>&&|\|\||[;\n|])"""
)


Options = tuple[tuple[str, str], ...]  # each option's name, and the option with its value as written


@dataclass(frozen=True)
class Launch:
    """One start of a server: its target and its options."""

    kind: str  # `target`, `fastapi`, `module`, `file` or `script`
    target: str  # by kind: `module:attribute`, a path for `fastapi run`, a module, a Python file, a script
    server: str = ""
    factory: bool = False
    port: int | None = None
    app_dir: str = ""
    options: Options = ()


@dataclass(frozen=True)
class Command:
    """A command line of the project, its place, and the tree's folders that it runs in."""

    text: str
    where: str
    folders: tuple[str, ...]
    production: bool
    name: str = ""  # of the service or the process type
    line: str = ""  # the place with its line, if `where` has none
    by: str = ""  # the place of the command that runs this script; empty if it is not one
    hosted: bool = False  # a hosting platform runs it
    paths: tuple[str, ...] = ()  # the tree's folders in PYTHONPATH


def parts_of(text: str) -> list[str]:
    """Split a shell command line into its commands, except in quotes and in `$(…)`."""
    wrapped = re.search(r"""\b(?:ba)?sh\s+-l?e?c\s+(["'])(.*?)\1""", text, re.S)
    text = (wrapped.group(2) if wrapped else text).replace("\\\n", " ")
    start, depth, parts = 0, 0, []
    for token in TOKEN.finditer(text):
        if token["open"] and (depth or token["open"] == "$("):
            depth += 1
        elif token["close"] and depth:
            depth -= 1
        elif token["end"] and not depth:
            parts.append(text[start : token.start()].strip())
            start = token.end()
    parts.append(text[start:].strip())
    return [part for part in parts if part.replace("\t", " ").isprintable()]


def read_command(text: str) -> list[Launch]:
    """Return the server starts in a shell command line."""
    launches = (read_words(shell_words(part)) for part in parts_of(text))
    return [launch for launch in launches if launch]


def shell_words(part: str) -> list[str]:
    """Split one command into words; none if its quotes do not match."""
    try:
        return shlex.split(part, comments=True)
    except ValueError:
        return []


def is_server(words: list[str]) -> bool:
    """Tell whether an argument list begins with a server's program."""
    name = words[0].rpartition("/")[2]
    return name in SERVERS or (name == "fastapi" and words[1:2] in (["run"], ["dev"]))


def read_words(words: list[str]) -> Launch | None:
    """Return the server start in an argument list, None if there is none."""
    for index, word in enumerate(words):
        name = word.rpartition("/")[2]
        rest = words[index + 1 :]
        if name in SERVERS:
            called = index == 0 or words[index - 1] in {"exec", "run"}
            return _server(name, rest) or (_configured(rest) if name == "gunicorn" and called else None)
        if name == "fastapi" and rest[:1] and rest[0] in {"run", "dev"}:
            return _fastapi(rest[1:])
        if re.fullmatch(r"python[\d.]*", name):
            launch = _python(rest)
            if launch:
                return launch
        if name.endswith(".sh"):
            return Launch("script", word)
    return None


def _server(name: str, rest: list[str]) -> Launch | None:
    target = next((w for w in rest if TARGET.match(w)), "")
    if not target:
        return None
    factory = "--factory" in rest or target.endswith("()")
    folder, own = _option(rest, FOLDER_OPTIONS), tuple(_options(rest, target))
    return Launch("target", target.removesuffix("()"), name, factory, _port(rest), folder, own)


def _configured(rest: list[str]) -> Launch:
    """Return the start of a gunicorn whose configuration file names the application."""
    return Launch("target", "", "gunicorn", False, _port(rest), options=tuple(_options(rest, "")))


def _options(rest: list[str], target: str) -> Iterator[tuple[str, str]]:
    """Yield each option's name, and the option with its value as written."""
    for word, following in zip(rest, [*rest[1:], "-"], strict=False):
        if word.startswith("-"):
            alone = "=" in word or following.startswith("-") or following == target
            yield word.partition("=")[0], word if alone else f"{word} {following}"


def _fastapi(rest: list[str]) -> Launch:
    entry = _option(rest, frozenset({"--entrypoint", "-e"}))
    if entry:
        own = tuple(_options(rest, entry))
        return Launch("target", entry, "uvicorn", False, _port(rest), options=own)
    path = next((w for w in rest if MODULE_FILE.match(w) or re.fullmatch(r"[\w./-]*/[\w./-]*", w)), "")
    return Launch("fastapi", path, "uvicorn", False, _port(rest), options=tuple(_options(rest, path)))


def _python(rest: list[str]) -> Launch | None:
    while rest and rest[0].startswith("-") and rest[0] != "-m":
        rest = rest[2:] if rest[0] in {"-X", "-W"} else rest[1:]
    if rest[:1] == ["-m"] and len(rest) > 1:
        if rest[1] in SERVERS:
            return _server(rest[1], rest[2:])
        if rest[1] == "fastapi" and rest[2:3] in (["run"], ["dev"]):
            return _fastapi(rest[3:])
        return Launch("module", rest[1], port=_port(rest)) if re.fullmatch(r"[\w.]+", rest[1]) else None
    return Launch("file", rest[0], port=_port(rest)) if rest and MODULE_FILE.match(rest[0]) else None


def _option(rest: list[str], names: frozenset[str]) -> str:
    for index, word in enumerate(rest):
        option, _, value = word.partition("=")
        if option in names:
            return value or (rest[index + 1] if index + 1 < len(rest) else "")
    return ""


def _port(rest: list[str]) -> int | None:
    bind = _option(rest, BIND_OPTIONS).rpartition(":")[2]
    return number(_option(rest, PORT_OPTIONS)) or number(bind)


def number(text: str) -> int | None:
    """Parse a port number, also the default of `${PORT:-8000}`; None for anything else."""
    match = VALUE.fullmatch(text.strip())
    plain = (match.group(1) or "") if match else text.strip()
    return int(plain) if re.fullmatch(r"[0-9]{1,5}", plain) and 0 < int(plain) < 65536 else None
