"""Choose the declaration of dependencies and the source of the server, and plan uv's install."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from drydock.detect.code import Startup
from drydock.detect.commands import parts_of
from drydock.detect.dockerfiles import Dockerfile
from drydock.detect.locks import closure
from drydock.detect.model import Blocker, Conflict, Dependencies, Found, Server, ServerPlace
from drydock.detect.requirements import ARCHIVES, LOCKED_FROM, Wanted, wanted
from drydock.detect.sources import DEVELOPMENT, MODULES, Source, declares
from drydock.detect.tools import TOOLS
from drydock.detect.tools.base import Items
from drydock.detect.tools.pdm import UNHASHED
from drydock.detect.tools.pip import Requirements
from drydock.detect.tree import Tree, ancestors, folder_of, join
from drydock.project.lock import mismatches, resolved_from

SERVERS = ("uvicorn", "hypercorn", "granian", "daphne")
BRING_SERVER = {("fastapi", "standard"), ("fastapi", "all"), ("fastapi", "standard-no-fastapi-cloud-cli")}
BRING_SERVER_ALWAYS = frozenset(
    {"fastapi-cli", "uvicorn-worker", "nicegui", "gradio", "chainlit", "fastapi-slim-server"}
)
BRING_FASTAPI = frozenset(
    {"nicegui", "gradio", "sqladmin", "fastapi-slim", "fastapi-amis-admin"}
    | {"fastapi-user-auth", "titiler-core", "litserve"}
)
# An installer's command with its arguments, and those that choose extras and groups.
INSTALLS = re.compile(
    r"\b(?P<tool>(?:poetry|pdm)\s+(?:install|sync)|uv\s+(?:sync|export)|pip3?\s+install)\s(?P<words>.*)"
)
SELECTED = re.compile(
    r"""(?:--extras?|--group|--with|-E|-G)[=\s](?:["']([\w\s,.-]+)["']|([\w,.-]+))|(?:^|[\s"'./])\.?\[([\w\s,.-]+)\]"""
)
HEAD = re.compile(rf"\A{LOCKED_FROM}(\S+):$", re.MULTILINE)  # of drydock's own lock
ON_DISK = re.compile(r"file:///\w[^\s;]*")  # a path of one machine
PIP_VALUES = re.compile(
    r"-[rcieft]|--(requirement|constraint|index-url|extra-index-url|editable|find-links|target|prefix|root|python|"
    r"trusted-host|cache-dir|timeout|default-timeout|retries|upgrade-strategy|group|extra|only-binary|no-binary)"
)
# The project itself, or its manifest, among pip's arguments.
MANIFEST = re.compile(r"pyproject\.toml|(^|\s|[\"'])\.(\[[\w,.-]+\])?([\"']|\s|$)")
# Names that pip installs beside the requirements for other purposes than the program's.
FILES = (".whl", ".zip", ".tar.gz", ".txt")
INSTALLERS = frozenset(
    {"pip", "setuptools", "wheel", "uv", "poetry", "pdm", "pipenv", "hatch", "virtualenv", "pip-tools"}
    | {"pipx", "build", "cython", "gunicorn", "uvicorn-worker", "supervisor", "awscli"}
)


@dataclass(frozen=True)
class Chosen:
    source: Source
    why: str


Choice = tuple[Chosen | None, list[Conflict], list[Blocker]]


def choose(tree: Tree, entry_path: str, files: list[Dockerfile], overrides: Mapping[str, str]) -> Choice:
    """Choose the declaration for an entry point: from the nearest folder that asks for FastAPI."""
    by_folder = {folder: declares(tree, folder) for folder in ancestors(entry_path)}
    if "lock" in overrides:
        return _by_hand(tree, by_folder, overrides["lock"])
    if chosen := _installed(tree, files):
        return chosen, [], []
    asking = [few for sources in by_folder.values() if (few := [s for s in sources if asks_fastapi(s)])]
    near = next(iter(asking), None) or next(filter(None, by_folder.values()), None)
    return _among(tree, near, files) if near else _elsewhere(tree, files)


def _installed(tree: Tree, files: list[Dockerfile]) -> Chosen | None:
    """Return the declaration that the project's Dockerfile installs by a name of its own."""
    runs = [(text, f"{file.path}:{line}") for file in files[:1] for text, line in file.runs]
    found = [(s, where) for text, where in runs for tool in TOOLS for s in tool.installed(tree, text)]
    asking = [(source, where) for source, where in found if asks_fastapi(source)]
    for source, where in asking:
        if all(other.names <= source.names for other, _ in asking):
            return Chosen(source, f"installed by {where}")
    return None


def asks_fastapi(source: Source) -> bool:
    """Tell whether a declaration leads to FastAPI, also through an extra, a group or a lock."""
    asked = (source.wanted, *source.extras.values(), *source.groups.values())
    everything = {item.name for items in asked for item in items}
    if everything & {"fastapi", *BRING_FASTAPI} or (source.itself and not source.wanted):
        return True
    return source.lock is not None and "fastapi" in source.lock.packages


def _by_hand(tree: Tree, by_folder: dict[str, list[Source]], lock: str) -> Choice:
    everything = [s for sources in by_folder.values() for s in sources]
    near = [s for s in everything if lock in {s.label, s.label.rpartition("/")[2], s.tool.kind}]
    if not near and tree.exists(join(lock)):
        near = [s for s in declares(tree, folder_of(lock)) if s.label == join(lock)]
    if near:
        return Chosen(near[0], "set by hand: lock"), [], []
    return _conflict(f"lock is {lock}, which declares no dependencies here; found", everything)


def _conflict(fact: str, sources: list[Source], where: Callable[[Source], str] | None = None) -> Choice:
    candidates = tuple(Found(s.label, where(s) if where else s.where) for s in sources)
    return None, [Conflict("lock", fact, candidates, "lock")], []


def _elsewhere(tree: Tree, files: list[Dockerfile]) -> Choice:
    """Search the other folders: for the declaration that a Dockerfile installs, or the only one."""
    ends = (".txt", ".toml", ".lock", "setup.py", "setup.cfg", "Pipfile")
    folders = list(dict.fromkeys(folder_of(f) for f in tree.files if f.endswith(ends)))
    sources = [s for folder in folders[:200] for s in declares(tree, folder) if asks_fastapi(s)]
    for few in ([s for s in sources if _mentioned(s, files)], sources):
        if len(few) == 1:
            return Chosen(few[0], "the only one that asks for FastAPI"), [], []
    if sources:
        return _conflict("several declarations of dependencies", sources)
    remedy = "add a pyproject.toml or requirements.txt"
    for path in tree.named("environment.yml", "environment.yaml"):
        fact = "the dependencies are declared for conda, which drydock does not run"
        return None, [], [Blocker("dependencies", fact, path, remedy)]
    if source := _of_dockerfile(files):
        return Chosen(source, "nothing else declares them"), [], []
    return None, [], [Blocker("dependencies", "no file declares the dependencies", "", remedy)]


def _of_dockerfile(files: list[Dockerfile]) -> Source | None:
    """Return what a Dockerfile's own `pip install` names, if FastAPI is among it."""
    found = tuple(item for item in _named(files) if item.name not in INSTALLERS)
    where = next((item.where for item in found if item.name == "fastapi"), "")
    return Source(Requirements(), ".", (files[0].path,), where, found, by_text=True) if where else None


def _among(tree: Tree, sources: list[Source], files: list[Dockerfile]) -> Choice:
    """Choose among one folder's declarations: an installed one, or one that contains all others."""
    locks = [s for s in sources if s.lock]
    mentioned = [s for s in sources if _mentioned(s, files)]
    if len(mentioned) > 1:
        mentioned = [s for s in mentioned if _mentioned(s, files[:1])]
    pinned = [s for s in sources if s.tool.can_pin and s.wanted]
    pins = [s for s in pinned if all(w.pinned or w.repository for w in s.wanted)]
    chosen = None
    if len(sources) == 1:
        chosen = Chosen(sources[0], "")
    elif len(mentioned) == 1:
        chosen = Chosen(mentioned[0], f"installed by {_mentioned(mentioned[0], files)}")
    elif len(locks) == 1 and all(_within(s, locks[0]) for s in sources):
        chosen = Chosen(locks[0], "the lock holds all that the other files ask for")
    elif not locks and len(itself := [s for s in sources if s.itself and s.tool.can_pin]) == 1:
        chosen = Chosen(itself[0], "it installs the project itself")
    elif not locks and len(pins) == 1 and all(s.names <= pins[0].names for s in sources):
        chosen = Chosen(pins[0], "it pins all that the other files ask for")
    elif not locks and (own := [s for s in sources if _resolved(tree, s, sources)]):
        chosen = Chosen(own[0], "its header says that it was locked from the others")
    elif not locks and len({frozenset(s.names) for s in sources}) == 1:
        chosen = Chosen(sources[0], "all declare the same")
    if chosen:
        return chosen, [], []
    kind = "lock files" if len(locks) > 1 else "declarations of dependencies that differ"
    few = locks if len(locks) > 1 else sources
    return _conflict(f"{len(few)} {kind}", few, lambda source: _difference(source, few))


def _resolved(tree: Tree, source: Source, others: list[Source]) -> bool:
    """Tell whether a requirements file is a lock of all the others, and so at most stale."""
    text = (tree.text(source.files[0]) or "") if source.tool.can_pin else ""
    # The command names no file that only its own tool reads.
    said = resolved_from(text) or HEAD.findall(text)
    return bool(said) and {join(source.folder, name) for name in said} >= {
        other.files[0] for other in others if other is not source
    }


def _within(source: Source, lock: Source) -> bool:
    return source is lock or (lock.lock is not None and source.names <= set(lock.lock.packages) | lock.names)


def _difference(source: Source, others: list[Source]) -> str:
    only = sorted(source.names.difference(*(o.names for o in others if o is not source)))
    return f"only it names {', '.join(only[:3])}" if only and not source.lock else ""


def _mentioned(source: Source, files: list[Dockerfile]) -> str:
    """Return the place of the Dockerfile instruction that installs a declaration, `""` without one."""
    pattern = source.tool.mentioned(source)
    runs = ((f"{file.path}:{line}", text) for file in files for text, line in file.runs)
    return next((where for where, text in runs if re.search(pattern, text)), "")


def asked(source: Source, files: list[Dockerfile]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the declared extras and groups that the project's Dockerfile installs, with their places."""
    extras: dict[str, str] = {}
    groups: dict[str, str] = {}
    for _, words, where in _installs(files):
        names = _split(" ".join(part for match in SELECTED.findall(words) for part in match))
        names += [*source.extras] if "--all-extras" in words else []
        names += [*source.groups] if "--all-groups" in words else []
        for name in names:
            for found, declared in ((extras, source.extras), (groups, source.groups)):
                if name in declared and not DEVELOPMENT.search(name):
                    found.setdefault(name, where)
    return extras, groups


def undeclared(names: set[str], files: list[Dockerfile]) -> Iterator[Found[str]]:
    """Yield a note about each distribution that only the project's Dockerfile installs.

    `names` is everything that is installed.
    """
    for item in _named(files):
        if item.name not in {*names, *SERVERS, *INSTALLERS}:
            fact = f"the Dockerfile installs {item.name}, which no declaration names: add it there"
            yield Found(fact, item.where)


def _named(files: list[Dockerfile]) -> Iterator[Wanted]:
    """Yield the requirements among the arguments of pip in the project's Dockerfile."""
    for tool, words, where in _installs(files):
        before = ""
        for word in _words(words) if tool.startswith("pip") else ():
            named = re.match(r"[A-Za-z][\w.-]*(?=$|[\[=<>~!@;])", word)
            option = PIP_VALUES.fullmatch(before) or word.endswith(FILES)
            if named and not option and (item := wanted(word, where)):
                yield item
            before = word


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return []


def _installs(files: list[Dockerfile]) -> Iterator[tuple[str, str, str]]:
    """Yield the installers that the project's Dockerfile runs, with their arguments and places."""
    for file in files[:1]:
        for text, line in file.runs:
            for part in parts_of(text):
                if match := INSTALLS.search(part):
                    yield match["tool"], match["words"], f"{file.path}:{line}"


def server(chosen: Chosen, names: set[str], overrides: Mapping[str, str]) -> Found[Server]:
    """Return the source of the ASGI server.

    `names` is everything that is installed, including indirect dependencies if there is a lock.
    """
    source = chosen.source
    if name := next((name for name in SERVERS if name in names), ""):
        return Found(Server(name, "default"), place_of(source, name))
    if item := next((item for item in source.wanted if _brings(item)), None):
        return Found(Server("uvicorn", "default"), item.where, f"{item.text} brings it")
    asked = {*_split(overrides.get("extras", "")), *_split(overrides.get("groups", ""))}
    places: dict[ServerPlace, Mapping[str, Items]] = {"extra": source.extras, "group": source.groups}
    for place, parts in places.items():
        for name in sorted(parts, key=lambda name: (name not in asked, bool(DEVELOPMENT.search(name)))):
            if item := next((i for i in parts[name] if _brings(i)), None):
                kept = name in asked or not DEVELOPMENT.search(name)
                brought = item.name if item.name in SERVERS else "uvicorn"
                return Found(Server(brought, place, name, "" if kept else _pinned(source, item)), item.where)
    missing = Server("uvicorn", "missing", "", "uvicorn")
    return Found(missing, source.where, "no declared dependency brings a server")


def _brings(item: Wanted) -> bool:
    known = item.name in {*SERVERS, *BRING_SERVER_ALWAYS}
    return known or any((item.name, extra) in BRING_SERVER for extra in item.extras)


def has_sockets(chosen: Chosen, names: set[str], needed: Server) -> bool:
    """Tell whether the dependencies include a library for WebSockets."""
    extras = {extra for item in chosen.source.wanted for extra in item.extras}
    own = {"websockets", "wsproto", *BRING_SERVER_ALWAYS}
    return needed.name != "uvicorn" or bool(names & own or extras & {"standard", "all"})


def _pinned(source: Source, item: Wanted) -> str:
    locked = source.lock.packages.get(item.name) if source.lock else None
    extras = f"[{','.join(sorted(item.extras))}]" if item.extras else ""
    return f"{item.name}{extras}=={locked.version}" if locked and locked.version else item.text


def place_of(source: Source, name: str) -> str:
    """Return a requirement's place, else the lock that holds it."""
    return next((w.where for w in source.wanted if w.name == name), f"{source.label} [{name}]")


def _split(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text) if part]


def installed(chosen: Chosen, python: str, selected: list[str]) -> set[str]:
    """Return the installed names: the requested ones, and through the lock their dependencies."""
    source = chosen.source
    names = source.names | {item.name for item in source.selected(selected)}
    if source.lock is None:
        return names
    own = {source.package} if source.package else set()
    return names | (closure(source.lock, names | own, python) or source.lock.main)


def selection(source: Source, needed: Server, overrides: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the extras and groups to install: the configured ones, the server's, and FastAPI's."""
    extras, groups = _split(overrides.get("extras", "")), _split(overrides.get("groups", ""))
    if needed.place in ("extra", "group") and not needed.requirement:
        (extras if needed.place == "extra" else groups).append(needed.selector)
    names = source.names | {item.name for item in source.selected([*extras, *groups])}
    if "fastapi" not in names and not source.names & BRING_FASTAPI:
        bringing = (n for n, items in source.extras.items() if any(i.name == "fastapi" for i in items))
        extras += [name for name in bringing if not DEVELOPMENT.search(name)][:1]
    return list(dict.fromkeys(extras)), list(dict.fromkeys(groups))


def imported(
    chosen: Chosen, startup: Startup | None, python: str, selected: list[str]
) -> Iterator[tuple[ServerPlace, str, Found[str]]]:
    """Yield the extras and groups that alone declare what the application's start imports, with the import.

    `selected` are those that are installed anyway. Only a lock tells what others bring along.
    """
    source = chosen.source
    if startup is None or source.lock is None or not (source.extras or source.groups):
        return
    names = installed(chosen, python, selected)
    own = {part for module in startup.modules for part in module.path.removesuffix(".py").split("/")}
    start = {
        one.module.partition(".")[0]: module.path
        for module in startup.modules
        for one in module.imports
        if startup.runs(module, one.scope) and not one.scope.tried
    }
    places: dict[ServerPlace, Mapping[str, Items]] = {"extra": source.extras, "group": source.groups}
    for place, parts in places.items():
        for part, items in parts.items():
            for item in (item for item in items if item.name not in names):
                module = MODULES.get(item.name, item.name.replace("-", "_"))
                if module not in own and (where := start.get(module)):
                    names = names | {one.name for one in items}
                    yield place, part, Found(item.name, where)
                    break


def plan(chosen: Chosen, extras: list[str], groups: list[str], itself: bool) -> Dependencies:
    """Return uv's install of a declaration, with or without the project itself."""
    source = chosen.source
    more = source.selected([*extras, *groups])
    packages = source.lock.packages.values() if source.lock else ()
    export = tuple(source.tool.export(source, extras, groups))
    left = () if source.lock else tuple(dict.fromkeys(source.folders))
    unhashed = source.lock is None and source.hashed and source.has_repository
    return Dependencies(
        source.tool.kind,
        source.reader or source.tool.name,
        source.folder,
        source.files,
        export,
        tuple(source.tool.install(source, extras, groups, itself)),
        locked=source.lock is not None or source.pinned,
        hashed=source.hashed,
        label=source.label,
        requirements=tuple(dict.fromkeys(i.text for i in (*source.wanted, *more) if i.name not in left)),
        by_text=source.by_text,
        unhashed=any(package.repository for package in packages) or UNHASHED in export or unhashed,
        archives=tuple(file for file in source.files if file.endswith(ARCHIVES)),
        local=tuple(package.name for package in packages if package.local) if source.lock else left,
        comparable=source.is_comparable,
    )


def stale(source: Source) -> list[str]:
    """Return the project's requirements that its lock lacks."""
    if source.lock is None or not source.lock.packages or not source.tool.has_manifest:
        return []
    return sorted(w.name for w in source.wanted if w.name not in source.lock.packages and not w.marker)


def passed_over(source: Source, files: list[Dockerfile], version: str) -> str:
    """Return where the Dockerfile installs the manifest of a stale lock without it; `""` for nowhere."""
    if source.lock is None or source.package or not source.tool.has_manifest or _mentioned(source, files):
        return ""
    pins = {name: package.version for name, package in source.lock.packages.items()}
    if not mismatches((w.text for w in source.wanted if not w.repository), pins, version):
        return ""
    own = ((words, where) for tool, words, where in _installs(files) if tool.startswith("pip"))
    return next((where for words, where in own if MANIFEST.search(words)), "")


def unreachable(tree: Tree, source: Source, names: set[str]) -> list[Blocker]:
    """Return a blocker for each installed place outside of the build context."""
    remedy = "publish it to a package index, or declare it by the repository that it comes from"
    found = [(path, path) for path in source.local if not tree.has(path)]
    for package in source.lock.packages.values() if source.lock else ():
        known = package.file and join(source.folder, package.file) in source.files
        if package.name in names and package.file and not known:
            found.append((package.name, package.file))
        elif package.name in names and package.local:
            there = source.tool.ships_folders and tree.is_folder(join(source.folder, package.local))
            found += [] if there else [(package.name, package.local)]
    found += [(item.name, at[0]) for item in source.wanted if (at := ON_DISK.search(item.text))]
    where = source.where
    return [Blocker("local", f"{name} is installed from {place}", where, remedy) for name, place in found]
