"""Decide on one entry point from the applications that exist and the evidence of how they are started."""

from __future__ import annotations

from dataclasses import dataclass

from drydock.detect.apps import SIDE, App, Apps, Key
from drydock.detect.code import Code, Startup, module_name
from drydock.detect.launches import Evidence, target
from drydock.detect.model import Blocker, Conflict, Found
from drydock.detect.syntax import Module
from drydock.detect.tree import ancestors, folder_of

MAX_COMPARED = 30
ROUTES = frozenset(
    ["get", "post", "put", "delete", "patch", "options", "head", "trace", "route", "websocket", "api_route"]
) | frozenset(
    ["include_router", "mount", "add_api_route", "add_route", "add_api_websocket_route", "add_middleware"]
)


@dataclass(frozen=True)
class Entry:
    """The chosen entry point: the file that a server loads, the name in it, and the application behind it."""

    path: str
    name: str
    app: App
    factory: bool
    where: str
    why: str
    evidence: Evidence | None = None


Decision = tuple[Entry | None, list[Conflict], list[Blocker]]


def decide(code: Code, apps: Apps, evidence: list[Evidence], wanted: str = "", source: str = "") -> Decision:
    """Return the entry point, or the conflict or blocker that leaves it undecided.

    Args:
        wanted: `module:name` set by hand; it wins.
        source: the folder set by hand; applications outside of it do not count.
    """
    if wanted:
        return _by_hand(code, apps, wanted, source)
    candidates = [a for a in apps.candidates() if _inside(a.key.path, source)]
    known = [e for e in evidence if e.app and _inside(e.app.key.path, source) and not _aside(apps, e.app)]
    ranked = [e for e in known if e.rank == known[0].rank] if known else []
    if ranked:
        return _from_evidence(code, ranked)
    missing = [e for e in evidence if e.missing and "$" not in e.missing]
    startable = [c for c in candidates if not c.required]
    if missing and not startable:
        return None, [_unresolved(missing, candidates)], []
    if not startable:
        return None, [], [_nothing(code, apps, candidates, source)]
    remaining = outermost(code, startable)
    if len(remaining) > 1:
        fact = f"{len(remaining)} applications and nothing that says which to start"
        return None, [_several(code, fact, [Found(a, a.where) for a in remaining])], []
    app = remaining[0]
    why = "the only application" if len(startable) == 1 else "the one that imports or outranks the others"
    return Entry(app.key.path, app.key.name, app, app.factory, app.where, why), [], []


def outermost(code: Code, candidates: list[App]) -> list[App]:
    """Return the candidates that are not imported by another one, those with routes if there are any."""
    if len(candidates) < 2 or len(candidates) > MAX_COMPARED:
        return candidates
    reach = {c.key: {m.path for m in Startup(code, c.key.path, c.key.name).modules} for c in candidates}

    def imported(inner: App) -> bool:
        return any(
            inner.key.path in reach[outer.key] and outer.key.path not in reach[inner.key]
            for outer in candidates
            if outer.key.path != inner.key.path
        )

    top = [c for c in candidates if not imported(c)] or candidates
    routed = [c for c in top if _routed(code, c)]
    return routed or top


def _routed(code: Code, app: App) -> bool:
    module = code.module(app.key.path)
    if app.factory or app.made_by or app.wraps or module is None:
        return True
    return any(
        site.name.rpartition(".")[0] == app.key.name and site.name.rpartition(".")[2] in ROUTES
        for site in module.calls
    ) or _passed_on(module, app.key.name)


def _passed_on(module: Module, name: str) -> bool:
    return any(module.dotted(a) == name for site in module.calls for a in site.node.args)


def _from_evidence(code: Code, ranked: list[Evidence]) -> Decision:
    by_app: dict[Key, Evidence] = {}
    for evidence in ranked:
        if evidence.app:
            by_app.setdefault(evidence.app.key, evidence)
    remaining = outermost(code, [e.app for e in by_app.values() if e.app])
    if len(remaining) > 1:
        fact = f"{len(remaining)} applications are started by this repository's own files"
        return None, [_several(code, fact, [Found(a, by_app[a.key].where) for a in remaining])], []
    app = remaining[0]
    evidence = next((e for e in ranked if e.app and e.app.key == app.key and e.root), by_app[app.key])
    path = _file_of(code, evidence) or app.key.path
    name = evidence.name or app.key.name
    if path != app.key.path and not evidence.module:
        name = app.key.name
        path = app.key.path
    if app.required and app.factory and not evidence.module:
        return None, [], [_needs_arguments(app)]
    why = f"named by {evidence.where}"
    return Entry(path, name, app, evidence.factory or app.factory, app.where, why, evidence), [], []


def _file_of(code: Code, evidence: Evidence) -> str:
    if not evidence.module or not evidence.root:
        return ""
    inner = evidence.module.replace(".", "/")
    base = inner if evidence.root == "." else f"{evidence.root}/{inner}"
    return next((f for f in (f"{base}/__init__.py", f"{base}.py") if code.tree.exists(f)), "")


def _by_hand(code: Code, apps: Apps, wanted: str, source: str) -> Decision:
    folders = (source,) if source else (".",)
    evidence = target(code, apps, wanted, (*folders, "src"), "set by hand: entry-point", 0)
    if evidence.app is None:
        candidates = tuple(_candidate(code, a) for a in apps.candidates())
        fact = f"entry-point is {wanted}, which no file of this project defines; found"
        return None, [Conflict("entry-point", fact, candidates, "entry-point")], []
    path = _file_of(code, evidence) or evidence.app.key.path
    entry = Entry(
        path,
        evidence.name,
        evidence.app,
        evidence.factory,
        evidence.app.where,
        "set by hand: entry-point",
        evidence,
    )
    return entry, [], []


def _several(code: Code, fact: str, remaining: list[Found[App]]) -> Conflict:
    """Return the conflict between applications: by name, or by folder where they are called alike."""
    named = tuple(Found(f"{_spelled(code, f.value.key.path)}:{f.value.key.name}", f.where) for f in remaining)
    if len({n.value for n in named}) == len(named):
        return Conflict("entry-point", fact, named, "entry-point")
    folders = tuple(Found(folder_of(f.value.key.path), f.where) for f in remaining)
    return Conflict("entry-point", fact, folders, "source")


def _unresolved(missing: list[Evidence], candidates: list[App]) -> Conflict:
    named = tuple(Found(e.missing, e.where) for e in missing)
    fact = "the entry point that is started is defined by no file"
    return Conflict(
        "entry-point", fact, named + tuple(Found(a.key.name, a.where) for a in candidates), "entry-point"
    )


def _nothing(code: Code, apps: Apps, candidates: list[App], source: str) -> Blocker:
    if candidates:
        return _needs_arguments(candidates[0])
    made = [(where, name) for where, name in apps.inner if not SIDE.search(where)]
    if made:
        where, function = made[0]
        return Blocker(
            "entry-point",
            f"the application is made inside {function}() and never returned, so no server can import it",
            where,
            f"make {function}() return it or bind it at module level, or set entry-point in [tool.drydock]",
        )
    aside = [a.where for a in apps.candidates(side=True)] + [where for where, _ in apps.inner]
    if aside:
        return Blocker(
            "entry-point",
            "applications exist only in tests, examples, documentation or templates",
            aside[0],
            "point --project at the folder that is meant, or set entry-point in [tool.drydock]",
        )
    where = source or str(code.tree.root.name)
    return Blocker(
        "entry-point",
        "no FastAPI application was found",
        where,
        "set entry-point in [tool.drydock] or pass --option entry-point=VALUE",
    )


def _needs_arguments(app: App) -> Blocker:
    listed = ", ".join(app.required)
    return Blocker(
        "entry-point",
        f"the factory {app.key.name}() cannot be called without arguments ({listed})",
        app.where,
        "give them default values, or add a module that calls it and set entry-point in [tool.drydock]",
    )


def _candidate(code: Code, app: App) -> Found[str]:
    return Found(f"{_spelled(code, app.key.path)}:{app.key.name}", app.where)


def _spelled(code: Code, path: str) -> str:
    """Return the dotted name of a file below the nearest folder that is no package."""
    root = next(
        (a for a in ancestors(path) if not code.tree.exists(f"{a}/__init__.py".removeprefix("./"))), "."
    )
    return module_name(root, path) if path != "__init__.py" else folder_of(path)


def _inside(path: str, source: str) -> bool:
    return source in {"", "."} or path.startswith(source + "/")


def _aside(apps: Apps, app: App) -> bool:
    return app in apps.candidates(side=True)
