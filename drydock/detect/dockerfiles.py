"""Read Dockerfiles, compose files and supervisord's files as evidence of the project's start."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from drydock.detect.commands import Command, read_command
from drydock.detect.model import Found
from drydock.detect.tree import Tree, ancestors, folder_of, join, line_of, parse_yaml, section
from drydock.project import dockerfile
from drydock.project.dockerfile import Instruction, exec_words, expand
from drydock.toml import table

Services = list[tuple[str, str, dict[str, Any]]]  # each with its compose file and its name

MAX_FILES = 60
MAX_SCRIPTS = 3  # that run each other
# The images for FastAPI of tiangolo, which serve the folder /app.
TIANGOLO = re.compile(r"tiangolo/uvicorn-gunicorn")
DOCKERFILE = re.compile(r"(.*/)?(Dockerfile|Containerfile)([.-][\w.-]+)?", re.I)
# Those with a purpose of their own, of a project that has no other.
NAMED = re.compile(r"(.*/)?[\w.-]+\.(Dockerfile|Containerfile)", re.I)
OTHER_FORMATS = (".dockerignore", ".md", ".j2", ".sh", ".py")
# By its usual name, or any at the top: its content decides.
COMPOSE = re.compile(r"(.*/)?(docker-)?compose([.-][\w.-]+)?\.ya?ml|[\w.-]+\.ya?ml")
NOT_PRODUCTION = re.compile(
    r"(^|[/._-])(devcontainer|dev|test|tests|docs|ci|local|override|e2e)([/._-]|$)", re.I
)
SUPERVISORD = re.compile(r"(^|/)supervisor[^/]*(/[^/]+)*\.(conf|ini)$")
COMPILERS = frozenset(
    {"build-essential", "gcc", "g++", "make", "cmake", "clang", "pkg-config", "rustc", "cargo", "gfortran"}
    | {"autoconf", "automake", "libtool"}
)
ONLY_FOR_BUILDS = frozenset(
    {"curl", "wget", "ca-certificates", "gnupg", "git-core", "apt-utils", "vim", "nano", "less", "netcat"}
    | {"netcat-openbsd", "netcat-traditional", "software-properties-common", "apt-transport-https", "unzip"}
    | {"lsb-release", "zip", "xz-utils", "procps", "iputils-ping", "telnet", "locales", "tzdata", "cron"}
    | {"dumb-init", "gosu", "iproute2", "net-tools", "nginx", "supervisor", "tini", "sudo", "bash", "jq"}
    | {"htop", "python3", "python3-pip", "python3-dev", "python3-venv", "postgresql-client"}
)
# The bases of stages that may build Python's distributions; others build front ends.
PYTHON_BASE = re.compile(r"python|uv|debian|ubuntu")
# A command of drydock's Dockerfiles: it installs packages which a Debian release may lack, those named by an
# earlier Dockerfile.
KEPT = re.compile(r"grep -Fx -e ([a-z0-9][a-z0-9+.-]*(?: -e [a-z0-9][a-z0-9+.-]*)*)")
# The fields that a stage inherits from its base stage.
KEPT_BY_STAGES = ("copies", "added", "ports", "commands", "packages", "variables", "volumes", "checks")
# Stages that build front ends; their results are copied to the last stage.
FRONT_END = re.compile(r"(^|/)(node|bun)(:|$)")
DEVELOPERS = re.compile(r"dev|test|debug|local|ci", re.I)  # names of stages
# A health check's request to its own container.
OWN_ADDRESS = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?::[^\s/\"']+)?(/[^\s\"'|?#;)\]\\]*)"
)


@dataclass
class Dockerfile:
    """The facts of one Dockerfile: its last stage, and of all stages the bases, commands and compilers."""

    path: str
    context: str
    base: str = ""
    bases: list[str] = field(default_factory=list)
    workdir: str = "/"
    copies: list[tuple[str, str]] = field(default_factory=list)
    ports: list[tuple[int, int]] = field(default_factory=list)
    commands: list[tuple[str, int, str]] = field(default_factory=list)  # with CMD or ENTRYPOINT
    runs: list[tuple[str, int]] = field(default_factory=list)
    added: list[tuple[str, int]] = field(default_factory=list)  # files from elsewhere
    packages: list[tuple[str, int]] = field(default_factory=list)
    compilers: list[tuple[str, int]] = field(default_factory=list)
    variables: list[tuple[str, str, int]] = field(default_factory=list)
    volumes: list[tuple[str, int]] = field(default_factory=list)
    checks: list[tuple[str, int]] = field(default_factory=list)  # paths that HEALTHCHECK asks for

    def folders(self, tree: Tree, inner: str) -> tuple[str, ...]:
        """Return the tree's folders that are copied to an absolute path of the image, best first."""
        found, place = [], inner.rstrip("/")
        for source, target in self.copies:
            if inner == target:
                found.append(source)
            elif inner.startswith(target.rstrip("/") + "/"):
                found.append(join(source, inner[len(target.rstrip("/")) + 1 :]))
            elif target.startswith(place + "/"):
                tail = target[len(place) + 1 :].strip("/")
                if source == tail or source.endswith("/" + tail):
                    found.append(join(source, *[".."] * (tail.count("/") + 1)))
        return tuple(f for f in dict.fromkeys(found) if tree.is_folder(f))


def dockerfiles(tree: Tree, services: Services) -> list[Dockerfile]:
    """Return the Dockerfiles of a tree, shallow ones first, and in a folder those named for production."""
    # A Dockerfile in drydock's form follows from the project, so it is not evidence.
    named = [f for f in tree.files if DOCKERFILE.fullmatch(f) or NAMED.fullmatch(f)]
    names = [f for f in named if "{{" not in f and not f.endswith(OTHER_FORMATS)]
    texts = {f: text for f in names if (text := tree.text(f)) and not dockerfile.is_ours(text)}
    found = [f for f in texts if DOCKERFILE.fullmatch(f)] or list(texts)
    found.sort(key=lambda f: (f.count("/"), folder_of(f), "prod" not in f.lower(), f))
    targets = _targets(services)
    return [read_dockerfile(tree, path, texts[path], targets.get(path, set())) for path in found[:MAX_FILES]]


def _targets(services: Services) -> dict[str, set[str]]:
    """Return the stages of each Dockerfile that production's compose files build."""
    found: dict[str, set[str]] = {}
    for path, _, service in services:
        built, target = build_of(path, service), str(table(service, "build").get("target") or "")
        if built and target and not NOT_PRODUCTION.search(path) and not DEVELOPERS.search(target):
            found.setdefault(built[1], set()).add(target.lower())
    return found


def kept(tree: Tree) -> list[Found[str]]:
    """Return the packages that drydock's Dockerfile kept from its predecessor."""
    found = []
    for path in tree.named("Dockerfile", "drydock.Dockerfile"):
        text = tree.text(path) or ""
        for match in KEPT.finditer(text) if dockerfile.is_ours(text) else ():
            where = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
            found += [Found(name, where) for name in match[1].split(" -e ")]
    return found


def read_dockerfile(tree: Tree, path: str, text: str, targets: Collection[str] = ()) -> Dockerfile:
    """Return a Dockerfile's facts; its context is the folder with the files that it copies.

    Of the stages that are built (`targets`), the one that serves counts, else the last stage.
    """
    stages: dict[str, Dockerfile] = {}
    instructions = list(dockerfile.instructions(text))
    current = Dockerfile(path, _guess_context(tree, path, instructions))
    bases: list[str] = []
    runs: list[tuple[str, int]] = []
    compilers: list[tuple[str, int]] = []
    arguments: dict[str, str] = {}
    for one in instructions:
        if one.keyword == "ARG":
            name, _, value = one.text.partition("=")
            arguments[name.strip()] = value.strip().strip("\"'")
        elif one.keyword == "FROM":
            current = _stage(current, stages, bases, expand(one.text, arguments))
        elif one.keyword == "RUN":
            command = _run_text(one)
            runs += [] if FRONT_END.search(current.base) else [(command, one.line)]
            packages = [(package, one.line) for package in _apt_packages(command)]
            current.packages += packages
            if PYTHON_BASE.search(current.base):
                compilers += [package for package in packages if only_builds(package[0])]
        else:
            _apply(current, tree, replace(one, text=expand(one.text, arguments)))
            if _is_foreign(one, stages):
                current.added.append((f"{one.keyword} {one.text}", one.line))
    built = [stages[name] for name in sorted(targets) if name in stages]
    serving = [stage for stage in built if _serves(stage)]
    if len(serving) == 1 or (len(built) == 1 and not _serves(current)):
        current = (serving or built)[0]
    current.bases, current.runs, current.compilers = bases, runs, compilers
    return current


def _run_text(one: Instruction) -> str:
    """Return the shell commands of a RUN: also of a here-document, and of JSON's form."""
    words = [word for word in one.text.split() if not word.startswith("--")]
    if one.script and re.fullmatch(r"<<\S+(?: \S*sh)?|\S*sh <<\S+", " ".join(words)):
        return one.script
    return _exec_text(" ".join(words)) if words[:1] and words[0].startswith("[") else one.text


def _is_foreign(one: Instruction, stages: dict[str, Dockerfile]) -> bool:
    """Tell whether an instruction adds a file that is none of the project's, or that the system reads.

    Such a file is of the network, of another image, of a stage without Python, or written there.
    """
    if one.keyword not in {"COPY", "ADD"}:
        return False
    source = re.search(r"--from=(\S+)", one.text)
    stage = stages.get(source[1].lower()) if source else None
    of = stage.base if stage else source[1] if source else "python"
    remote = one.keyword == "ADD" and re.search(r"(^|\s|\")https?://", one.text)
    other = not of.isdigit() and not PYTHON_BASE.search(of)
    return bool(remote or other or one.script) or "/ca-certificates" in one.text


def _stage(current: Dockerfile, stages: dict[str, Dockerfile], bases: list[str], rest: str) -> Dockerfile:
    words = [w for w in rest.split() if not w.startswith("--")]
    base = words[0] if words else ""
    bases.append(base)
    start = stages.get(base.lower())
    workdir = "/app" if TIANGOLO.match(base) else "/"
    stage = Dockerfile(current.path, current.context, start.base if start else base, workdir=workdir)
    if start:
        stage.workdir = start.workdir
        for name in KEPT_BY_STAGES:
            setattr(stage, name, list(getattr(start, name)))
    if len(words) >= 3 and words[1].lower() == "as":
        stages[words[2].lower()] = stage
    return stage


def _apply(stage: Dockerfile, tree: Tree, one: Instruction) -> None:
    rest, line = one.text, one.line
    if one.keyword == "WORKDIR":
        stage.workdir = join(stage.workdir, rest.strip().strip("\"'")) if rest.strip() else stage.workdir
    elif one.copied:
        _copy(stage, tree, one.copied)
    elif one.keyword == "ENV":
        pairs = re.findall(r"""([A-Za-z_]\w*)=("[^"]*"|'[^']*'|\S*)""", rest) if "=" in rest else []
        pairs = pairs or [rest.partition(" ")[::2]]
        stage.variables += [(name, value.strip(" \"'"), line) for name, value in pairs if name]
    elif one.keyword == "VOLUME":
        stage.volumes += [(join(stage.workdir, word), line) for word in exec_words(rest) or rest.split()]
    elif one.keyword == "HEALTHCHECK":
        stage.checks = [(path, line) for path in OWN_ADDRESS.findall(rest)]
    elif one.keyword == "EXPOSE":
        stage.ports += [(int(port), line) for port in re.findall(r"\b[0-9]{2,5}\b", rest)]
    elif one.keyword in {"CMD", "ENTRYPOINT"}:
        stage.commands.append((_exec_text(rest), line, one.keyword))


def _joined(entrypoint: str, command: str) -> str:
    """Return an entrypoint with its arguments; empty unless the command holds arguments alone."""
    return f"{entrypoint} {command}" if entrypoint and command and not read_command(command) else ""


def _started(file: Dockerfile) -> list[tuple[str, int]]:
    """Return the commands of the last CMD and ENTRYPOINT: one where CMD holds arguments alone."""
    last = {keyword: (text, line) for text, line, keyword in file.commands}
    (first, line), (arguments, _) = (last.get(keyword, ("", 0)) for keyword in ("ENTRYPOINT", "CMD"))
    joined = _joined(first, arguments)
    return [(joined, line)] if joined else sorted(last.values(), key=lambda one: one[1])


def _serves(stage: Dockerfile) -> bool:
    return any(launch.server for text, _ in _started(stage) for launch in read_command(text))


def _copy(stage: Dockerfile, tree: Tree, copied: list[str]) -> None:
    *sources, last = copied
    target = join(stage.workdir, last)
    for source in sources:
        inner = join(stage.context, source.strip("\"'").lstrip("/") or ".")
        if tree.is_folder(inner):
            stage.copies.append((inner, target))
        elif tree.exists(inner):
            name = inner.rpartition("/")[2]
            stage.copies.append((inner, join(target, name) if last.endswith(("/", ".")) else target))


def _guess_context(tree: Tree, path: str, instructions: list[Instruction]) -> str:
    """Return the folder with most of the Dockerfile's copied files: its own, or one above."""
    sources = [word for one in instructions for word in one.copied[:-1]]
    wanted = [w.lstrip("/") for w in sources if w.strip("./") and "*" not in w and "$" not in w]
    above = ancestors(path)
    return max(above, key=lambda a: (sum(tree.has(join(a, w)) for w in wanted), -above.index(a)))


def _exec_text(rest: str) -> str:
    words = exec_words(rest)
    if len(words) >= 3 and words[0].endswith("sh") and words[1] in {"-c", "-lc", "-ec"}:
        return words[2]
    return " ".join(f'"{w}"' if " " in w else w for w in words) if words else rest


def only_builds(package: str) -> bool:
    """Tell whether a Debian package is for compiling."""
    return package in COMPILERS or package.endswith("-dev")


def _apt_packages(rest: str) -> list[str]:
    found = []
    for part in re.split(r"&&|;|\|\||\n", rest):
        match = re.search(r"\bapt(?:-get)?\b.*?\sinstall\s(.*)", part)
        words = [w for w in match.group(1).split() if w[0] not in "-$<>/"] if match else []
        found += [w for word in words if re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", w := word.split("=")[0])]
    return found


def supervised(tree: Tree, files: list[Dockerfile]) -> Iterator[Command]:
    """Yield the programs of supervisord's configurations, each in the folder that is copied to its own."""
    for path in (path for path in tree.files if SUPERVISORD.search(path)):
        text = tree.text(path) or ""
        for name in re.findall(r"^\[program:([\w-]+)\]", text, re.MULTILINE):
            program = section(text, f"program:{name}")
            inner = [(file, program.get("directory", file.workdir)) for file in files[:1]]
            folders = next((found for file, at in inner if (found := file.folders(tree, at))), ())
            where = f"{path}:{line_of(text, f'[program:{name}]')}"
            line = program.get("command", "").partition(" ;")[0].replace("\n", " ")
            yield Command(line, where, folders or tuple(ancestors(path)), True, name)


def commands(
    tree: Tree, files: list[Dockerfile], services: Services, deployed: Iterable[Command]
) -> list[Command]:
    """Return the start commands of all kinds of files; `deployed` are those of platforms."""
    found = []
    for file in files:
        production = not NOT_PRODUCTION.search(file.path)
        started = _started(file)
        folders = file.folders(tree, file.workdir) or (file.context,)
        if not started and TIANGOLO.match(file.base):
            package = "app." if any(tree.exists(join(one, "app/main.py")) for one in folders) else ""
            at = line_of(tree.text(file.path) or "", file.base)
            started = [(f"uvicorn {package}main:app --port ${{PORT:-80}}", at)]
        for text, number in started:
            variables = {name: value for name, value, _ in file.variables}
            where, line = f"{file.path}:{number}", expand(text, variables)
            places = variables.get("PYTHONPATH", "").split(":")
            paths = tuple(folder for place in places for folder in file.folders(tree, join(place)) if place)
            found.append(Command(line, where, folders, production, paths=paths))
    found += [*deployed, *supervised(tree, files)]
    by_path = {file.path: file for file in files}
    for path, name, service in services:
        line = _service_command(service)
        built = build_of(path, service)
        if line and built is not None:
            told, own = service.get("working_dir"), by_path.get(built[1])
            inner = told if isinstance(told, str) else own.workdir if own else "/"
            folders = (own.folders(tree, inner) if own else ()) or (built[0],)
            key = "command" if service.get("command") else "entrypoint"
            where, production = f"{path} services.{name}.{key}", not NOT_PRODUCTION.search(path)
            text = tree.text(path) or ""
            match = re.search(rf"^\s+[\"']?{re.escape(name)}[\"']?:", text, re.MULTILINE)
            number = text.count("\n", 0, match.end()) + 1 if match else 1
            found.append(Command(line, where, folders, production, name, f"{path}:{number}"))
    return found


def checks(files: list[Dockerfile], services: Services) -> Iterator[Found[str]]:
    """Yield the paths that health checks of Dockerfiles and compose files ask."""
    for file in files:
        yield from (Found(path, f"{file.path}:{line}") for path, line in file.checks)
    for path, name, service in services:
        asked = OWN_ADDRESS.search(str(table(service, "healthcheck").get("test")))
        if asked and "build" in service:
            yield Found(asked[1], f"{path} services.{name}.healthcheck")


def _service_command(service: dict[str, Any]) -> str:
    """Return a compose service's command, its entrypoint before arguments of it; empty without one."""
    given = (service.get(name) or "" for name in ("entrypoint", "command"))
    first, last = (" ".join(map(str, one)) if isinstance(one, list) else str(one) for one in given)
    return (_joined(first, last) or last or first).replace("$$", "$")  # as compose spells it


def with_scripts(tree: Tree, commands: Iterable[Command]) -> Iterator[Command]:
    """Yield commands, each followed by the project's shell scripts that it runs."""
    for command in commands:
        yield command
        called = (launch.target for launch in read_command(command.text) if launch.kind == "script")
        for path in filter(None, (_script(tree, name, command.folders) for name in called)):
            if path not in command.where and command.where.count(" (from ") < MAX_SCRIPTS:
                where, text = f"{path} (from {command.where})", tree.text(path) or ""
                yield from with_scripts(tree, [replace(command, text=text, where=where, by=command.where)])


def _script(tree: Tree, name: str, folders: tuple[str, ...]) -> str:
    named = tree.named(name.rpartition("/")[2])
    near = [path for path in named if any(f == "." or path.startswith(f"{f}/") for f in folders)]
    exact = [path for path in near if name.endswith(path)]
    return next(iter([*exact, *near, *named]), "")


def compose_services(tree: Tree) -> Services:
    """Return each service in the compose files."""
    files = [f for f in tree.files if COMPOSE.fullmatch(f)]
    found: Services = []
    for path in sorted(files, key=lambda f: (f.count("/"), f))[:MAX_FILES]:
        services = table(parse_yaml(tree.text(path) or ""), "services")
        whole = ((str(name), _whole(service, services)) for name, service in services.items())
        found += [(path, name, one) for name, one in whole if one and name.isprintable()]
    return found


def _whole(service: object, others: dict[str, Any]) -> dict[str, Any]:
    """Return a compose service with the parts of the one that it extends, or whose image it shares."""
    if not isinstance(service, dict):
        return {}
    base = service.get("extends")
    base = base.get("service") if isinstance(base, dict) and "file" not in base else base
    whole = {**table(others, base if isinstance(base, str) else ""), **service}
    image = whole.get("image")
    built = [one for one in others.values() if image and isinstance(one, dict) and "build" in one]
    same = next((one["build"] for one in built if one.get("image") == image), None)
    return whole if same is None or "build" in whole else {**whole, "build": same}


def build_of(path: str, service: dict[str, Any]) -> tuple[str, str] | None:
    """Return (context, Dockerfile) of a compose service that is built."""
    build = service.get("build")
    build = {"context": build} if isinstance(build, str) else build
    context = build.get("context", ".") if isinstance(build, dict) else None
    if not isinstance(build, dict) or not isinstance(context, str):
        return None
    context, name = join(folder_of(path), context), build.get("dockerfile")
    return context, join(context, name if isinstance(name, str) else "Dockerfile")
