"""Decide which declaration of dependencies counts, where the server comes from, and how uv installs both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from drydock.detect.code import Code
from drydock.detect.dockerfiles import Dockerfile
from drydock.detect.locks import closure
from drydock.detect.model import Blocker, Conflict, Dependencies, Found, Server, ServerPlace
from drydock.detect.requirements import Wanted
from drydock.detect.sources import DEVELOPMENT, Source, declares
from drydock.detect.tree import Tree, ancestors, folder_of, join

SERVERS = ("uvicorn", "hypercorn", "granian", "daphne")
BRING_SERVER = {("fastapi", "standard"), ("fastapi", "all"), ("fastapi", "standard-no-fastapi-cloud-cli")}
BRING_SERVER_ALWAYS = frozenset(
    {"fastapi-cli", "uvicorn-worker", "nicegui", "gradio", "chainlit", "fastapi-slim-server"}
)
BRING_FASTAPI = frozenset(
    {
        *("nicegui", "gradio", "sqladmin", "fastapi-slim", "fastapi-amis-admin"),
        *("fastapi-user-auth", "titiler-core", "litserve"),
    }
)


@dataclass(frozen=True)
class Chosen:
    """The declaration that counts and, with the lock, the names of everything it installs on Linux."""

    source: Source
    why: str


def choose(
    code: Code, entry_path: str, files: list[Dockerfile], overrides: Mapping[str, str]
) -> tuple[Chosen | None, list[Conflict], list[Blocker]]:
    """Return the declaration of dependencies for an entry point: the nearest folder that asks for FastAPI."""
    by_folder = {folder: declares(code.tree, folder) for folder in ancestors(entry_path)}
    if "lock" in overrides:
        return _by_hand(code, by_folder, overrides["lock"])
    asking = {f: [s for s in sources if asks_fastapi(s)] for f, sources in by_folder.items()}
    folder = next((f for f, sources in asking.items() if sources), None)
    if folder is None:
        folder = next((f for f, sources in by_folder.items() if sources), None)
        asking = by_folder
    if folder is None:
        return _elsewhere(code, files)
    return _among(asking[folder], files)


def asks_fastapi(source: Source) -> bool:
    """Tell whether a declaration leads to FastAPI, also through an extra, a group or a lock."""
    everything = source.names.union(
        *({w.name for w in ws} for ws in (*source.extras.values(), *source.groups.values()))
    )
    if "fastapi" in everything or everything & BRING_FASTAPI or (source.itself and not source.wanted):
        return True
    return source.lock is not None and "fastapi" in source.lock.packages


def _by_hand(
    code: Code, by_folder: dict[str, list[Source]], lock: str
) -> tuple[Chosen | None, list[Conflict], list[Blocker]]:
    everything = [s for sources in by_folder.values() for s in sources]
    for source in everything:
        if lock in {source.label, source.label.rpartition("/")[2], source.tool.kind}:
            return Chosen(source, "set by hand: lock"), [], []
    others = (
        [s for s in declares(code.tree, folder_of(lock)) if s.label == join(lock)]
        if code.tree.exists(join(lock))
        else []
    )
    if others:
        return Chosen(others[0], "set by hand: lock"), [], []
    candidates = tuple(Found(s.label, s.where) for s in everything)
    return (
        None,
        [Conflict("lock", f"lock is {lock}, which declares no dependencies here; found", candidates, "lock")],
        [],
    )


def _elsewhere(code: Code, files: list[Dockerfile]) -> tuple[Chosen | None, list[Conflict], list[Blocker]]:
    """Look beside the entry point's own folders: for what a Dockerfile installs, or the only declaration."""
    folders = list(
        dict.fromkeys(
            folder_of(f) for f in code.tree.files if f.endswith((".txt", ".toml", ".lock", "setup.py"))
        )
    )
    sources = [s for folder in folders[:200] for s in declares(code.tree, folder) if asks_fastapi(s)]
    mentioned = [s for s in sources if _mentioned(s, files)]
    for few in (mentioned, sources):
        if len(few) == 1:
            return Chosen(few[0], "the only one that asks for FastAPI"), [], []
    if sources:
        candidates = tuple(Found(s.label, s.where) for s in sources)
        return None, [Conflict("lock", "several declarations of dependencies", candidates, "lock")], []
    return (
        None,
        [],
        [
            Blocker(
                "dependencies",
                "no file declares the dependencies",
                "",
                "add a pyproject.toml or requirements.txt",
            )
        ],
    )


def _among(
    sources: list[Source], files: list[Dockerfile]
) -> tuple[Chosen | None, list[Conflict], list[Blocker]]:
    if len(sources) == 1:
        return Chosen(sources[0], ""), [], []
    locks = [s for s in sources if s.lock]
    mentioned = [s for s in sources if _mentioned(s, files)]
    if len(mentioned) == 1:
        return Chosen(mentioned[0], f"installed by {_mentioned(mentioned[0], files)}"), [], []
    if len(locks) == 1 and all(_within(s, locks[0]) for s in sources):
        return Chosen(locks[0], "the lock holds all that the other files ask for"), [], []
    pins = [
        s for s in sources if s.tool.can_pin and s.wanted and all(w.pinned or w.repository for w in s.wanted)
    ]
    if not locks and len(pins) == 1 and all(s.names <= pins[0].names for s in sources):
        return Chosen(pins[0], "it pins all that the other files ask for"), [], []
    if not locks and len({frozenset(s.names) for s in sources}) == 1:
        return Chosen(sources[0], "all declare the same"), [], []
    chosen = locks if len(locks) > 1 else sources
    fact = f"{len(chosen)} {'lock files' if len(locks) > 1 else 'declarations of dependencies that differ'}"
    candidates = tuple(Found(s.label, _difference(s, chosen)) for s in chosen)
    return None, [Conflict("lock", fact, candidates, "lock")], []


def _within(source: Source, lock: Source) -> bool:
    return source is lock or (lock.lock is not None and source.names <= set(lock.lock.packages) | lock.names)


def _difference(source: Source, others: list[Source]) -> str:
    rest = set().union(*(o.names for o in others if o is not source))
    only = sorted(source.names - rest)
    return f"only it names {', '.join(only[:3])}" if only and not source.lock else ""


def _mentioned(source: Source, files: list[Dockerfile]) -> str:
    """Return the place of the Dockerfile instruction that installs a declaration, `""` when none does."""
    pattern = source.tool.mentioned(source)
    for file in files:
        for text, line in file.runs:
            if re.search(pattern, text):
                return f"{file.path}:{line}"
    return ""


def server(chosen: Chosen, names: set[str], overrides: Mapping[str, str]) -> Found[Server]:
    """Return where the ASGI server comes from.

    Args:
        names: what the declaration installs, dependencies of dependencies included where a lock tells.
    """
    source = chosen.source
    asked = {*_split(overrides.get("extras", "")), *_split(overrides.get("groups", ""))}
    for name in SERVERS:
        if name in names:
            return Found(Server(name, "default"), _where(source, name))
    for item in source.wanted:
        if item.name in BRING_SERVER_ALWAYS or any(
            (item.name, extra) in BRING_SERVER for extra in item.extras
        ):
            return Found(Server("uvicorn", "default"), item.where, f"{item.text} brings it")
    for place, parts in (("extra", source.extras), ("group", source.groups)):
        ordered = sorted(parts.items(), key=lambda kv: (kv[0] not in asked, bool(DEVELOPMENT.search(kv[0]))))
        for selector, items in ordered:
            bringer = next((i for i in items if _brings(i)), None)
            if bringer:
                kept = selector in asked or not DEVELOPMENT.search(selector)
                name = bringer.name if bringer.name in SERVERS else "uvicorn"
                requirement = "" if kept else _pinned(source, bringer)
                stands: ServerPlace = "extra" if place == "extra" else "group"
                return Found(Server(name, stands, selector, requirement), bringer.where)
    return Found(
        Server("uvicorn", "missing", "", "uvicorn"), source.where, "no declared dependency brings a server"
    )


def _brings(item: Wanted) -> bool:
    return item.name in {*SERVERS, *BRING_SERVER_ALWAYS} or any(
        (item.name, e) in BRING_SERVER for e in item.extras
    )


def has_sockets(chosen: Chosen, names: set[str], needed: Server) -> bool:
    """Tell whether a library for WebSockets comes with the dependencies."""
    if needed.name != "uvicorn" or names & {"websockets", "wsproto"}:
        return True
    extras = {extra for item in chosen.source.wanted for extra in item.extras}
    return bool(extras & {"standard", "all"}) or bool(names & BRING_SERVER_ALWAYS)


def _pinned(source: Source, item: Wanted) -> str:
    locked = source.lock.packages.get(item.name) if source.lock else None
    return f"{item.name}=={locked.version}" if locked and locked.version else item.text


def _where(source: Source, name: str) -> str:
    direct = next((w.where for w in source.wanted if w.name == name), "")
    return direct or f"{source.label} [{name}]"


def _split(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text) if part]


def installed(chosen: Chosen, python: str, selected: list[str]) -> set[str]:
    """Return the names that are installed: those asked for, and through the lock those they lead to."""
    source = chosen.source
    names = set(source.names)
    for selector in selected:
        names |= {w.name for w in (*source.extras.get(selector, ()), *source.groups.get(selector, ()))}
    if source.lock is None:
        return names
    own = {source.package} if source.package else set()
    return names | (closure(source.lock, names | own, python) or source.lock.main)


def selection(source: Source, needed: Server, overrides: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the extras and groups to install: those set by hand, the server's, and FastAPI's."""
    extras, groups = _split(overrides.get("extras", "")), _split(overrides.get("groups", ""))
    if needed.place == "extra" and not needed.requirement:
        extras.append(needed.selector)
    if needed.place == "group" and not needed.requirement:
        groups.append(needed.selector)
    chosen = {
        w.name for s in (*extras, *groups) for w in (*source.extras.get(s, ()), *source.groups.get(s, ()))
    }
    if "fastapi" not in source.names | chosen and not source.names & BRING_FASTAPI:
        for name, items in source.extras.items():
            if any(i.name == "fastapi" for i in items) and not DEVELOPMENT.search(name):
                extras.append(name)
                break
    return list(dict.fromkeys(extras)), list(dict.fromkeys(groups))


def plan(chosen: Chosen, extras: list[str], groups: list[str], itself: bool) -> Dependencies:
    """Return how uv installs a declaration.

    Args:
        itself: whether the project itself is installed too.
    """
    source = chosen.source
    every = (*extras, *groups)
    more = (i for name in every for i in (*source.extras.get(name, ()), *source.groups.get(name, ())))
    packages = source.lock.packages.values() if source.lock else ()
    local = source.tool.installs_local
    return Dependencies(
        source.tool.kind,
        source.reader or source.tool.name,
        source.folder,
        source.files,
        tuple(source.tool.export(source, extras, groups)),
        tuple(source.tool.install(source, extras, groups, itself)),
        locked=source.lock is not None or source.pinned,
        hashed=source.hashed,
        label=source.label,
        requirements=tuple(dict.fromkeys(item.text for item in (*source.wanted, *more))),
        by_text=source.by_text,
        unhashed=any(package.repository or (package.local and local) for package in packages),
    )


def stale(source: Source) -> list[str]:
    """Return the names that a project asks for and its lock does not hold."""
    if source.lock is None or not source.lock.packages or not source.tool.has_manifest:
        return []
    return sorted(w.name for w in source.wanted if w.name not in source.lock.packages and not w.marker)


def unreachable(tree: Tree, source: Source, names: set[str]) -> list[Blocker]:
    """Return what is installed from a place on the developer's machine that no build sees."""
    remedy = "publish it to a package index, or declare it by the repository that it comes from"
    found = [(path, path) for path in source.local if not tree.is_folder(path)]
    for package in source.lock.packages.values() if source.lock else ():
        if package.name in names and package.file:
            found.append((package.name, package.file))
        elif package.name in names and package.local and source.tool.exports:
            found.append((package.name, "a folder of this machine"))
    where = source.where
    return [Blocker("local", f"{name} is installed from {place}", where, remedy) for name, place in found]
