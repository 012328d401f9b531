"""Note a project's other steps and processes, which drydock's image does not repeat."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Container, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

from packaging.utils import canonicalize_name

from drydock.detect import migrations, system
from drydock.detect.blockers import loads_own
from drydock.detect.code import Startup
from drydock.detect.commands import Command, is_server, parts_of, read_command, shell_words
from drydock.detect.dockerfiles import Dockerfile
from drydock.detect.entry import Entry
from drydock.detect.launches import Evidence
from drydock.detect.model import Found, Setting, Worker
from drydock.detect.routes import checked_hosts, middleware
from drydock.detect.settings import kind_of
from drydock.detect.syntax import Site, constant, is_true
from drydock.detect.values import reader
from drydock.project.dockerfile import expand

# RUN lines that install, clean up, check or set up the user: the image has its own way for each.
USUAL = re.compile(
    r"^(?:\s*(?:(?:(?:sudo\s+)?(?:apt|apt-get|apt-key|apk|dnf|yum|dpkg|pip3?|uv|poetry|pdm|pipenv|pipx|conda|npm|yarn|pnpm|"
    r"corepack|useradd|groupadd|adduser|addgroup|usermod|chown|chgrp|chmod|mkdir|rm|ln|touch|echo|set|export|cd|pushd|popd|"
    r"curl|wget|test|true|false|rustup|locale-gen|localedef|update-ca-certificates|find|mv|cp|which|sh\s+\S*install\S*|install|tar|unzip|"
    r"ldconfig|virtualenv|source|exec|setcap|if|fi|for|while|case|done|esac|gpg|sha\d+sum|jq|awk|grep|tee|yes|"
    r"python3?\s+-m\s+(?:pip|venv|ensurepip|compileall)|\S+/(?:pip3?|uv|poetry)))\b|\[|\.\s|<<\S*|[)}]|"
    # An interpreter at the end of a pipe, a program that proves itself, a mirror of Debian's packages.
    r"(?:(?:ba|da|z)?sh|python[\d.]*)(?:\s+-s?)?$|\S+\s+(?:-V|--version)$|sed\s.*\s/etc/(?:apt/|locale)).*|\s*)$"
)
# A usual program that writes a file for the application, not for the system, a tool or the next step.
SYSTEM = r"(?:/(?:etc|usr|tmp|dev|var|root|proc|sys|bin|sbin|lib\w*|home|opt)\b|~|\$|&|-)"
INSTALLER = r"(?!\S*\.(?:deb|rpm|sh|py|whl|asc|gpg|key|list|tar\.\w+|tgz)\b)"
MAKES_FILE = re.compile(
    rf"^(?:echo|printf|cat|jq|sed|awk|grep)\b.*(?<![>\d&])>>?\s*[\"']?(?!{SYSTEM})[\w./]|"
    rf"^tee\s+(?:-\w+\s+)*(?!{SYSTEM})[\w./]|"
    rf"^(?:cp|mv)\s(?!.*\$).*\s(?!{SYSTEM})[\w./][^\s]*$|"
    rf"^(?:tar|unzip)\s(?!.*\s-(?:C|d)\s*{SYSTEM})|^(?:npm|yarn|pnpm)\s+(?:run\s+)?build\b|"
    rf"^curl\s.*\s(?:-\w*o|--output)[\s=]+[\"']?(?!{SYSTEM}){INSTALLER}[\w./]|"
    rf"^(?:curl\s+(?:-\w+\s+)*-\w*O|wget\b(?!.*\s-\w*O))\s.*https?://{INSTALLER}\S+$|"
    rf"^wget\s.*\s-\w*O\s*[\"']?(?!{SYSTEM}){INSTALLER}[\w./]"
)
# Before a command's name: assignments, keywords of the shell, and the labels of `case`.
BEFORE = re.compile(
    r"""^(?:(?:do|then|else|!|[({]|[^\s()]+\))\s+|\w+=(?:"[^"]*"|'[^']*'|\$\((?:[^()]|\([^()]*\))*\)|[^\s"'$]|\$\w)*(?:\s+|$))+"""
)
# Set by the image for every program.
IMAGE_SETS = {"HOME": "/tmp", "LANG": "C.UTF-8", "LOGNAME": "app"}  # noqa: S108 - the image's own
# Variables that are about Python, pip and Debian, or that the image sets itself.
OWN_VARIABLES = re.compile(
    r"^(PYTHON(?!OPTIMIZE|HASHSEED|MALLOC|WARNINGS|DEVMODE|ASYNCIODEBUG|TRACEMALLOC|SAFEPATH|INTMAXSTRDIGITS|_GIL|"
    r"_CPU_COUNT|_JIT)\w*|PIP_\w+|UV_\w+|POETRY_\w+|PDM_\w+|PATH|VIRTUAL_ENV|PORT|HOST|WORKERS|LC_(?!ALL)\w+|"
    r"DEBIAN_FRONTEND|HOME|APP_HOME|WORKDIR|TERM|LD_LIBRARY_PATH|NODE_\w+)$"
)
# Values with which a program runs as it does in the image without them.
SAME_AS_UNSET = {
    "LANG": r"|(C|POSIX|en_US|en_GB)(\.(utf|UTF)-?8)?",
    "LC_ALL": r"|(C|POSIX|en_US|en_GB)(\.(utf|UTF)-?8)?",
    "PYTHONHASHSEED": r"|random",
    "TZ": r"|(Etc/)?(UTC|GMT)|UTC0?",
    "WEB_CONCURRENCY": r"|1|\$.*",
}
WORKERS = re.compile(
    r"^(celery|faust|faststream|streaq|wakaq|rq|rqworker|rqscheduler|dramatiq|arq|huey_consumer(\.py)?|taskiq|procrastinate|saq)$"
)
# Programs that keep a container running, or end it.
IDLE = re.compile(r"^(\S*/)?((ba|da|z)?sh|sleep|tail|true|false|echo|cat|nginx|pytest|env)$")
TESTS = frozenset({"pytest", "unittest", "coverage", "tox", "nox"})
# What a tool's environment needs before a command; the image has one environment.
RUN_BY = re.compile(r"^(?:(?:poetry|pipenv|pdm|hatch|rye)\s+run|uv\s+run(?:\s+--[a-z-]+)*)\s+")
# What starts a program in its own place, with its variables.
STARTED_BY = re.compile(r"^(?:exec\s+|env\s+|\w+=\S*\s+)+")
# A program of the project, by its first word.
PROGRAM = re.compile(r"^((\S*/)?python[\d.]*|\S+\.py)$")
OWN_PROGRAM = re.compile(r"^((\S*/)?python[\d.]*\s+(?!-[Vc]\b|--version)\S|\S+\.py\b)")
# Options of a start command that have a variable or a default in the image.
CARRIED = frozenset(
    {"--host", "--port", "-p", "-b", "--bind", "--factory", "--app-dir", "--chdir", "--reload", "--workers"}
    | {"-w", "-k", "--worker-class", "--entrypoint", "-e", "--no-reload"}
)
# Values of options that need a library of their own.
LIBRARIES = {
    ("--loop", "uvloop"): "uvloop",
    ("--http", "httptools"): "httptools",
    ("--ws", "websockets"): "websockets",
    ("--ws", "websockets-sansio"): "websockets",
    ("--ws", "wsproto"): "wsproto",
}
WORKER_OPTIONS = frozenset({"--workers", "-w"})
GRACE_OPTIONS = frozenset({"--timeout-graceful-shutdown", "--graceful-timeout"})
HOST_OPTIONS = frozenset({"--host", "-b", "--bind"})
CLASS_OPTIONS = frozenset({"-k", "--worker-class"})
# Workers of gunicorn and hypercorn that serve as the image does.
USUAL_CLASS = re.compile(
    r"(uvicorn[._]workers?|uvicorn_worker)\.(workers\.)?Uvicorn\w*Worker|asyncio|uvloop|sync|\$.*"
)
# uvicorn's options that the image's server takes over from the start command; gunicorn shares a few.
TAKEN = frozenset(
    {"root-path", "loop", "http", "ws", "lifespan", "interface", "log-level", "log-config"}
    | {"forwarded-allow-ips"}
    | {"timeout-keep-alive", "timeout-notify", "timeout-worker-healthcheck", "limit-concurrency"}
    | {"limit-max-requests", "limit-max-requests-jitter", "ws-max-size", "ws-max-queue", "ws-ping-interval"}
    | {"ws-ping-timeout", "ws-per-message-deflate", "h11-max-incomplete-event-size", "proxy-headers"}
    | {"server-header", "date-header", "access-log", "backlog"}
)
# Other servers' names for them.
RENAMED = {
    "--keep-alive": "--timeout-keep-alive",
    "--max-requests": "--limit-max-requests",
    "--max-requests-jitter": "--limit-max-requests-jitter",
    "--timeout": "--timeout-worker-healthcheck",
    "-t": "--timeout-worker-healthcheck",
}
LOCALES = "of the locales it has C.UTF-8, system-packages=locales-all brings the others"
# Programs in front of a server that a container's runtime or the image replaces.
REPLACED = frozenset(
    {"exec", "env", "nohup", "time", "command", "sh", "bash", "docker-entrypoint.sh"}
    | {"dumb-init", "tini", "catatonit", "gosu", "su-exec", "sudo", "runuser", "setpriv"}
)
ENVIRONMENTS = frozenset({"conda", "mamba", "micromamba", "pixi"})
PYTHON = re.compile(r"(\S*/)?python[\d.]*")
# Options of Python that have a variable; those that the image sets, or that change no answer, are left out.
PYTHON_OPTIONS = {
    "-O": "PYTHONOPTIMIZE=1",
    "-OO": "PYTHONOPTIMIZE=2",
    "-W": "PYTHONWARNINGS",
    "-Xdev": "PYTHONDEVMODE=1",
    "-Xtracemalloc": "PYTHONTRACEMALLOC=1",
    "-Xgil": "PYTHON_GIL",
    "-Xcpu_count": "PYTHON_CPU_COUNT",
}
ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
MOST_SHOWN = 40  # characters of a variable's value
FETCHES = re.compile(
    r"^(tiktoken\.(get_encoding|encoding_for_model)|nltk\.download|spacy\.cli\.download|"
    r"nltk\.corpus\.\w+\.(words|raw|sents|fileids|synsets)|ultralytics\.YOLO|fastembed\.\w*Embedding|"
    r"torchvision\.models\.\w+|(tensorflow\.)?keras\.applications\.\w+|"
    r"(whisper|faster_whisper\.WhisperModel|easyocr\.Reader|gensim\.downloader\.load)(\.load_model)?)$"
)
ANY_ANSWER = "probes take any answer of the port"
SURPRISES = {
    "TrustedHostMiddleware": f"TrustedHostMiddleware takes names that only a start knows: {ANY_ANSWER}",
    "HTTPSRedirectMiddleware": f"HTTPSRedirectMiddleware redirects probes: {ANY_ANSWER}",
}
# The variables of the image's start besides PORT, and their defaults there.
START_READS = {
    "HOST": "0.0.0.0",  # noqa: S104 - compared
    "WEB_CONCURRENCY": "1",
    "GRACEFUL_TIMEOUT": "25",
    "ACCESS_LOG": "0",
    "RUN_MIGRATIONS": "0",
}
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::"})
FETCH_HOMES = {
    "tiktoken": "TIKTOKEN_CACHE_DIR",
    "nltk": "NLTK_DATA",
    "fastembed": "FASTEMBED_CACHE_PATH",
    "torchvision": "TORCH_HOME",
    "keras": "KERAS_HOME",
    "tensorflow": "KERAS_HOME",
}


def steps(files: Iterable[Dockerfile]) -> Iterator[Found[str]]:
    """Yield the other steps and variables of the Dockerfile that starts the application."""
    for file in list(files)[:1]:
        facts: list[tuple[str, int]] = []
        for text, line in file.runs:
            for part in parts_of(text):
                words = " ".join(word for word in part.split() if not word.startswith("--mount"))
                bare = RUN_BY.sub("", BEFORE.sub("", words))
                if not USUAL.match(bare) or MAKES_FILE.search(bare):
                    facts.append((f"runs {short(words)}, which drydock's builds do not repeat", line))
        for text, line in file.added:
            facts.append((f"has {short(text)}, which drydock's builds do not repeat", line))
        facts += [(fact, line) for name, value, line in file.variables if (fact := _sets(name, value))]
        yield from (Found(f"the Dockerfile {fact}", f"{file.path}:{line}") for fact, line in facts)


def _sets(name: str, value: str) -> str:
    """Say that a variable is the project's to set; empty for those of tools and for usual values."""
    usual = SAME_AS_UNSET.get(name)
    if OWN_VARIABLES.match(name) or (usual is not None and re.fullmatch(usual, value)):
        return ""
    plain = kind_of(name) == "plain" and len(value) < MOST_SHOWN
    shown = f"{name}={value}" if plain else name
    more = f"; {LOCALES}" if plain and name in {"LANG", "LC_ALL"} else ""
    return f"sets {shown}: set it where the image runs{more}"


def volumes(files: Iterable[Dockerfile], written: Iterable[str]) -> Iterator[Found[str]]:
    """Yield the volumes of the Dockerfile that starts the application, which it is not seen to write."""
    known = tuple(f"/{path.lstrip('/')}" for path in written)
    for file in list(files)[:1]:
        for path, line in file.volumes:
            if not any(one.startswith(f"{path}/") or path.endswith(one) for one in known):
                fact = f"the Dockerfile declares the volume {path}: name it in volumes if it is written"
                yield Found(fact, f"{file.path}:{line}")


def options(evidence: Evidence) -> tuple[Found[tuple[str, ...]] | None, list[Found[str]]]:
    """Return a start command's options for the image's server, and a note about the others."""
    taken: list[str] = []
    dropped, facts = [], []
    for name, text in evidence.options:
        value, same = text[len(name) + 1 :], RENAMED.get(name, name)
        known = same.replace("--no-", "--", 1).removeprefix("--")
        if known in TAKEN and "$" not in value:
            taken += [same, value] if value else [same]
        elif known in TAKEN:
            variable = f"UVICORN_{known.upper().replace('-', '_')}"
            facts.append(f"{text}: {variable} sets that where the image runs")
        elif name in WORKER_OPTIONS and value != "1":
            facts.append(f"{text}: WEB_CONCURRENCY sets that where the image runs")
        elif name in GRACE_OPTIONS:
            facts.append(
                f"{text}: GRACEFUL_TIMEOUT sets that where the image runs ({START_READS['GRACEFUL_TIMEOUT']})"
            )
        elif name in HOST_OPTIONS and "::" in value:
            facts.append(f"{text}: HOST sets that where the image runs (0.0.0.0)")
        elif name not in CARRIED or (name in CLASS_OPTIONS and not USUAL_CLASS.fullmatch(value)):
            dropped.append(text)
    if dropped:
        facts.append(f"{', '.join(dropped)}, which the image's own start does not take over")
    found = Found(tuple(taken), evidence.where) if taken else None
    return found, [Found(f"the start command has {fact}", evidence.where) for fact in facts]


def installed(
    found: Found[tuple[str, ...]], names: Collection[str]
) -> tuple[Found[tuple[str, ...]] | None, list[Found[str]]]:
    """Return the server's options without those whose library is not installed, and a note about each."""
    words, notes = list(found.value), []
    for one in pairwise(found.value):
        if LIBRARIES.get(one, "") not in {"", *names}:
            at = words.index(one[0])
            del words[at : at + 2]
            fact = f"the start command has {' '.join(one)}, which no locked dependency brings"
            notes.append(Found(f"{fact}: the image starts without it", found.where))
    return replace(found, value=tuple(words)) if words else None, notes


def before(commands: Iterable[Command], told: Collection[str]) -> Iterator[Found[str]]:
    """Yield the programs before the server that is started at `told`, and a Procfile's release programs.

    Those of the scripts that the start runs are among them.
    """
    for command in commands:
        release = command.name == "release"
        own = command.where in told
        called = bool(command.by) and _origin(command.by) in map(_origin, told)
        if not (release or own or called):
            continue
        parts = parts_of(command.text)
        starts = (i for i, part in enumerate(parts) if '"$@"' in part or _serves(part, own))
        for part in parts if release else parts[: max(starts, default=0 if own else len(parts))]:
            words = BEFORE.sub("", part)
            # A script is full of the shell's own words; the project's programs are few.
            usual = not OWN_PROGRAM.match(RUN_BY.sub("", words)) if command.by else USUAL.match(words)
            if not usual and not migrations.runs(part):
                fact = f"{short(words)} runs before the server: run it in the image before each release"
                yield Found(fact, command.where)


def unread(commands: Iterable[Command], files: list[Dockerfile]) -> Iterator[Found[str]]:
    """Yield the start commands, of the first Dockerfile and of Procfiles, that tell of no server."""
    for command in commands:
        place = command.where.partition(":")[0]
        own = command.name == "web" or place in {file.path for file in files[:1]}
        words = STARTED_BY.sub("", command.text).split()
        idle = (
            not words
            or PYTHON.fullmatch(" ".join(words))
            or IDLE.match(words[0])
            or any(WORKERS.match(word) for word in words[:4])
            or any(launch.server for launch in read_command(command.text))
        )
        if own and command.production and not command.by and not idle and not migrations.runs(command.text):
            fact = f"no server is found in the start command {short(command.text)}"
            yield Found(f"{fact}: compare its options with the image's", command.where)


def starters(commands: Iterable[Command], told: Collection[str]) -> Iterator[Found[str]]:
    """Yield the programs, options of Python and variables before the server in the command at `told`."""
    for command in commands:
        for part in parts_of(command.text) if command.where in told else ():
            own = _serves(part, own=True)
            for fact in _in_front(part) if own else _exported(part):
                yield Found(f"the start command {fact}", command.where)


def _exported(part: str) -> Iterator[str]:
    words = shell_words(part)
    for word in words[1:] if words[:1] == ["export"] else ():
        if (match := ASSIGNMENT.fullmatch(word)) and (fact := _sets(*match.groups())):
            yield fact


def _in_front(part: str) -> Iterator[str]:
    """Say what stands in front of a server: `A=b ddtrace-run python -O -m uvicorn main:app`."""
    words, starter = shell_words(part), list[str]()
    while words and not is_server(words):
        word = words.pop(0)
        match = None if starter else ASSIGNMENT.fullmatch(word)
        if match:
            if fact := _sets(*match.groups()):
                yield fact
        elif PYTHON.fullmatch(word):
            yield from _of_python(words)
            break
        elif not starter and RUN_BY.match(f"{word} {' '.join(words[:1])} "):
            del words[: next((n for n, one in enumerate(words[1:], 1) if not one.startswith("--")), 1)]
        elif not starter and word in ENVIRONMENTS:
            while words and not (is_server(words) or PYTHON.fullmatch(words[0])):
                del words[0]
        elif starter or word.rpartition("/")[2] not in REPLACED:
            starter.append(word)
        else:
            # `gosu app`, `tini -g --`: their own words end where the next program begins.
            while words and (words[0].startswith("-") or word.rpartition("/")[2] in {"gosu", "su-exec"}):
                if not words.pop(0).startswith("-"):
                    break
    if starter and words:
        shown = short(" ".join(starter))
        yield f"has {shown} before the server: `{shown} python3 /opt/image/start.py` starts the image so"


def _of_python(words: list[str]) -> Iterator[str]:
    """Say which of Python's options change a program; `words` follow the interpreter's name."""
    while words and words[0].startswith("-") and words[0] not in {"-m", "-c"}:
        word = words.pop(0)
        value = words.pop(0) if word in {"-X", "-W"} and words else word[2:] if word[1:2] in "XW" else ""
        name = "-W" if word.startswith("-W") else f"-X{value.partition('=')[0]}" if word[1:2] == "X" else word
        if variable := PYTHON_OPTIONS.get(name):
            shown = variable if "=" in variable else f"{variable}={value.partition('=')[2] or value}"
            given = word if value in word else f"{word} {value}"
            yield f"has python's {given}: set {shown} where the image runs"


def _origin(where: str) -> str:
    """Return the file, or the service of a compose file, whose command runs a script."""
    return where.rpartition(" (from ")[2].partition(":")[0]


def _serves(part: str, own: bool) -> bool:
    """Tell whether a command starts a server; a Python program is one only in the start command itself."""
    return any(launch.server or (own and launch.kind != "script") for launch in read_command(part))


def workers(commands: Iterable[Command], started: Container[str]) -> Iterator[Worker]:
    """Yield the other programs that compose files, Procfiles and Dockerfiles start from the same source.

    `started` holds the places of commands that start the server.
    """
    for command in commands:
        for part in parts_of(command.text):
            words = RUN_BY.sub("", STARTED_BY.sub("", BEFORE.sub("", part))).split()
            if TESTS.intersection(words[:3]) or "--reload" in words:
                continue
            known = any(WORKERS.match(word.rpartition("/")[2]) for word in words[:4])
            program = command.name and words and PROGRAM.match(words[0]) and command.where not in started
            if (known or program) and command.name != "release" and not migrations.runs(part):
                name = command.name or next(iter(words), "")
                yield Worker(expand(" ".join(words), {}), command.line or command.where, "", name)


def code(startup: Startup) -> Iterator[Found[str]]:
    """Yield the code's calls of a shell and of programs that an image lacks, and its downloads at import."""
    for site in startup.calls:
        if lack := _lack(startup, site):
            yield Found(f"{site.name}() {lack}", site.where)
        late = site.scope.tried or not startup.at_import(site)
        if FETCHES.match(site.name) and not (late or loads_own(site) or _is_untrained(site)):
            variable = FETCH_HOMES.get(site.name.partition(".")[0], "")
            how = f"; {variable} names a folder that has it" if variable else ""
            text = (constant(site.node.args[0]) if site.node.args else "") or ""
            fact = f"{site.name}({text}) fetches its data at import, which needs the network{how}"
            yield Found(fact, site.where)
    for module in startup.modules:
        for one in module.imports:
            if system.OF_PROGRAMS.match(one.module):
                calls = f"{one.module} calls programs of the system: slim has the base's, production none"
                yield Found(calls, module.path)


def _lack(startup: Startup, site: Site) -> str:
    """Say what a call needs and an image lacks; empty for nothing."""
    called = system.program(site)
    if system.wants_shell(site):
        return "asks for a shell: slim has one, production has none"
    if called.endswith(".sh"):
        return f"calls {called}, which is run by a shell: slim has that, production does not"
    if called in system.OF_THE_BASE:
        return f"calls {called}, which is a program of the base: slim has that, production does not"
    if starter := _starter(startup, site):
        return f"runs a file that {starter} starts: slim has that, production does not"
    no_image = called in system.OF_NO_IMAGE
    return f"calls {called}, which no image has without its package in system-packages" if no_image else ""


def _is_untrained(site: Site) -> bool:
    """Tell whether a call makes one of a library's models without its weights."""
    given = site.keyword("weights") or site.keyword("pretrained")
    off = is_true(given, None) or is_true(given, False)
    if ".applications." in site.name:
        return off
    return site.name.startswith("torchvision.") and (off or given is None)


def models(startup: Startup, names: Collection[str]) -> Iterator[Found[str]]:
    """Yield spaCy's models that are loaded at import, and that no declaration names."""
    for site in startup.calls:
        name = constant(site.argument(0, "name")) if site.name == "spacy.load" else None
        known = not name or canonicalize_name(name) in names or loads_own(site)
        if not known and startup.at_import(site) and not site.scope.tried:
            needs = f"spacy.load({name}) needs a distribution that no declaration names"
            yield Found(f"{needs}: add the URL of its wheel", site.where)


def _starter(startup: Startup, site: Site) -> str:
    """Return the program of the base that starts a file of the project, by its first line."""
    given = site.argument(0, "args") if system.CALLERS.match(site.name) else None
    path = reader(site).path(given.elts[0] if isinstance(given, ast.List) and given.elts else given)
    text = startup.code.tree.text(path.path) if path else None
    first = re.match(r"#!\s*(\S+)", text or "")
    return first[1] if first and first[1].rpartition("/")[2] in system.OF_THE_BASE else ""


def wrapper(startup: Startup, entry: Entry) -> Iterator[Found[str]]:
    """Yield a wrapper that reads the path of every message: the lifespan's messages have none."""
    module = startup.code.module(entry.path) if entry.app.wraps else None
    made = module.bound(entry.app.key.name) if module else None
    name = module.dotted(made.value.func) if module and made and isinstance(made.value, ast.Call) else ""
    found = module.symbol(f"{name}.__call__") if module and name else None
    method = found.function if found else None
    texts = {constant(node) for node in ast.walk(method)} if method else set()
    if found and method and "path" in texts and not texts & {"type", "lifespan", "http"}:
        fact = f"{name} reads scope['path'] of the lifespan's messages too: check scope['type'] first"
        yield Found(fact, found.module.at(method))


def own_variables(settings: Iterable[Found[Setting]], port: int) -> Iterator[Found[str]]:
    """Yield the settings whose variable the image's start reads as well."""
    for item in settings:
        name, default = item.value.name, item.value.default
        if default and default != IMAGE_SETS.get(name, default):
            sets = f"the image sets {name}={IMAGE_SETS[name]}"
            yield Found(f"{sets}, which wins over this setting's default {default}", item.where)
        own = {"PORT": str(port), **START_READS}.get(name)
        if own is None or default == own or default in LOOPBACK or (name == "PORT" and not default):
            continue
        if item.value.required or default:
            what = f"listens on {name}" if name in {"PORT", "HOST"} else f"reads {name}"
            fact = f"the image also {what} ({own}): a value for this setting changes both"
            yield Found(fact, item.where)


def surprises(startup: Startup, host: Found[str] | None) -> Iterator[Found[str]]:
    """Yield code that can start, but will surprise in a container."""
    for site in startup.calls:
        name = _middleware(site)
        unknown = name != "TrustedHostMiddleware" or (host and host.where == site.where and not host.value)
        if unknown and (fact := SURPRISES.get(name)):
            yield Found(fact, site.where)
        if site.name.endswith("metadata.create_all") and startup.at_import(site):
            fact = "tables are created at import: the database has to answer before the program starts"
            yield Found(fact, site.where)


def host(startup: Startup) -> Found[str] | None:
    """Return a name that passes the check of the Host header: `""` if unknown, None without a check."""
    for site in startup.calls:
        for names in _hosts(site):
            if not all(names):
                return Found("", site.where)
            if names and "*" not in names:
                return Found(names[0].replace("*", "probe", 1), site.where)
    return None


def _hosts(site: Site) -> list[list[str]]:
    """Return the names that each check of the Host header lets through; `[""]` for unknown ones."""
    if _middleware(site) == "TrustedHostMiddleware":
        names = reader(site).texts(site.keyword("allowed_hosts"))
        return [[""] if names is None else names]
    return [names for one in middleware(site) if (names := checked_hosts(*one)) is not None]


def answers_elsewhere(startup: Startup) -> bool:
    """Tell whether every plain request is sent on to HTTPS."""
    return any(_middleware(site) == "HTTPSRedirectMiddleware" for site in startup.calls)


def _middleware(site: Site) -> str:
    """Return the class in `add_middleware(…)` or `Middleware(…)`."""
    return site.module.dotted(site.node.args[0]).rpartition(".")[2] if site.node.args else ""


def short(text: str) -> str:
    """Shorten a command to one line of at most 80 characters."""
    words = " ".join(text.split())
    return words if len(words) < 80 else f"{words[:77]}…"
