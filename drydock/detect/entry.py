"""Choose one entry point from the applications and the evidence of the project's start."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass

from drydock.detect.apps import SIDE, App, Apps, Key
from drydock.detect.code import Code, Startup, module_name
from drydock.detect.launches import Evidence, target
from drydock.detect.model import PLACE, Blocker, Conflict, Found
from drydock.detect.tree import ancestors, folder_of, join

MAX_COMPARED = 30
BY_HAND = f"set entry-point in {PLACE} or pass --option entry-point=VALUE"
OTHERS = re.compile(
    r"^(?:from|import) (django|flask|litestar|quart|sanic|aiohttp(?=.*\bweb\b)|tornado|falcon|bottle)\b", re.M
)
ROUTES = frozenset(
    {"get", "post", "put", "delete", "patch", "options", "head", "trace", "route", "websocket", "api_route"}
    | {"include_router", "mount", "add_api_route", "add_route", "add_api_websocket_route", "add_middleware"}
)


@dataclass(frozen=True)
class Entry:
    """The chosen entry point: the file that a server loads, the name in it, and its application."""

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

    A configured `module:name` (`wanted`) wins; applications outside of a configured `source` do not count.
    """
    if wanted:
        return _by_hand(code, apps, wanted, source)

    def inside(app: App) -> bool:
        return source in {"", "."} or app.key.path.startswith(source + "/")

    candidates = [a for a in apps.candidates() if inside(a)]
    known = [e for e in evidence if e.app and inside(e.app)]
    if known:
        return _from_evidence(code, apps, [e for e in known if e.rank == known[0].rank])
    missing = [e for e in evidence if e.missing and "$" not in e.missing]
    startable = [c for c in candidates if not c.required]
    if missing and not startable:
        named = tuple(Found(e.missing, e.where) for e in missing)
        others = tuple(Found(a.key.name, a.where) for a in candidates)
        return _conflict("no file defines the entry point that is started", named + others)
    if not startable:
        return None, [], [_nothing(code, apps, candidates, source)]
    remaining = outermost(code, startable)
    if len(remaining) > 1:
        fact = f"{len(remaining)} applications and nothing that says which to start"
        return _several(code, fact, [Found(a, a.where) for a in remaining])
    app = remaining[0]
    why = "the only application" if len(startable) == 1 else "the one that imports or outranks the others"
    return Entry(app.key.path, app.key.name, app, app.factory, app.where, why), [], []


def outermost(code: Code, candidates: list[App]) -> list[App]:
    """Return the candidates that no other one imports, and of these those with routes, if any."""
    if len(candidates) < 2 or len(candidates) > MAX_COMPARED:
        return candidates
    reach = {c.key: {m.path for m in Startup(code, c.key.path, c.key.name).modules} for c in candidates}

    def imported(inner: App) -> bool:
        others = (outer.key for outer in candidates if outer.key.path != inner.key.path)
        return any(inner.key.path in reach[o] and o.path not in reach[inner.key] for o in others)

    top = [c for c in candidates if not imported(c)] or candidates
    return [c for c in top if _routed(code, c)] or top


def _routed(code: Code, app: App) -> bool:
    module = code.module(app.key.path)
    if app.factory or app.made_by or app.wraps or module is None:
        return True
    name = app.key.name
    return any(site.name.rpartition(".")[0] == name and site.tail in ROUTES for site in module.calls)


def _from_evidence(code: Code, apps: Apps, ranked: list[Evidence]) -> Decision:
    by_app: dict[Key, Evidence] = {}
    for evidence in ranked:
        if evidence.app:
            by_app.setdefault(evidence.app.key, evidence)
    remaining = outermost(code, [e.app for e in by_app.values() if e.app])
    if len(own := [app for app in remaining if app.key in apps.known]) == 1:
        remaining = own
    if len(remaining) > 1:
        fact = f"{len(remaining)} applications are started by this repository's own files"
        return _several(code, fact, [Found(a, by_app[a.key].where) for a in remaining])
    app = remaining[0]
    if app.key not in apps.known and (other := _other_framework(code, app.key.path)):
        return None, [], [_of_another(other)]
    evidence = next((e for e in ranked if e.app and e.app.key == app.key and e.root), by_app[app.key])
    if app.required and app.factory and not evidence.module:
        return None, [], [_needs_arguments(app)]
    path = _file_of(code, evidence) or app.key.path
    name = evidence.name or app.key.name
    why = f"named by {evidence.where}"
    return Entry(path, name, app, evidence.factory or app.factory, app.where, why, evidence), [], []


def _file_of(code: Code, evidence: Evidence) -> str:
    base = join(evidence.root, evidence.module.replace(".", "/"))
    files = (f"{base}/__init__.py", f"{base}.py") if evidence.module and evidence.root else ()
    return next((f for f in files if code.tree.exists(f)), "")


def _by_hand(code: Code, apps: Apps, wanted: str, source: str) -> Decision:
    why = "set by hand: entry-point"
    one = target(code, apps, wanted, (source or ".", "src"), why, 0)
    if one.app is None:
        candidates = tuple(Found(_spelled(code, a), a.where) for a in apps.candidates())
        fact = f"entry-point is {wanted}, which no file of this project defines; found"
        return _conflict(fact, candidates)
    path = _file_of(code, one) or one.app.key.path
    return Entry(path, one.name, one.app, one.factory, one.app.where, why, one), [], []


def _conflict(fact: str, candidates: tuple[Found[str], ...], option: str = "entry-point") -> Decision:
    return None, [Conflict("entry-point", fact, candidates, option)], []


def _several(code: Code, fact: str, remaining: list[Found[App]]) -> Decision:
    """Return the conflict between applications, by name, or by folder if their names are equal."""
    named = tuple(Found(_spelled(code, f.value), f.where) for f in remaining)
    if len({n.value for n in named}) == len(named):
        return _conflict(fact, named)
    return _conflict(fact, tuple(Found(folder_of(f.value.key.path), f.where) for f in remaining), "source")


def _broken_at(code: Code, path: str) -> str:
    """Return the place of a file's first syntax error."""
    try:
        ast.parse(code.tree.data(path) or b"")
    except SyntaxError as error:
        return f"{path}:{error.lineno or 1}"
    except (ValueError, RecursionError, MemoryError):
        pass
    return path


def _nothing(code: Code, apps: Apps, candidates: list[App], source: str) -> Blocker:
    """Return the reason why no application can start."""
    if candidates:
        return _needs_arguments(candidates[0])
    here = f"set entry-point in {PLACE}"
    for where, function in apps.inner:
        if not SIDE.search(where):
            made = f"the application is made inside {function}() and never returned"
            fact = f"{made}, so no server can import it"
            remedy = f"make {function}() return it or bind it at module level, or {here}"
            return Blocker("entry-point", fact, where, remedy)
    for where in [a.where for a in apps.candidates(side=True)] + [where for where, _ in apps.inner]:
        fact = "applications exist only in tests, examples, documentation or templates"
        remedy = f"point --project at the intended folder, or {here}"
        return Blocker("entry-point", fact, where, remedy)
    broken = [path for path in code.unreadable() if not SIDE.search(path)]
    if broken and not code.unread:
        running = ".".join(map(str, sys.version_info[:2]))
        fact = f"no FastAPI application was found, and Python {running} cannot read {broken[0]}"
        remedy = "correct its syntax, or run drydock with the Python that the file is written for"
        return Blocker("entry-point", fact, _broken_at(code, broken[0]), remedy)
    if other := _other_framework(code, source):
        return _of_another(other)
    where = source or code.tree.root.name
    return Blocker("entry-point", "no FastAPI application was found", where, BY_HAND)


def _of_another(framework: Found[str]) -> Blocker:
    fact = f"a {framework.value} project: drydock starts applications of FastAPI and Starlette"
    return Blocker("entry-point", fact, framework.where, f"if it has an ASGI application, {BY_HAND}")


def _other_framework(code: Code, source: str) -> Found[str] | None:
    """Return the web framework that most files import, at its first import."""
    found: dict[str, list[str]] = {}
    for path in code.tree.files:
        if path.endswith(".py") and not SIDE.search(path) and path.startswith(source):
            text = code.tree.text(path) or ""
            for match in OTHERS.finditer(text):
                found.setdefault(match[1], []).append(f"{path}:{text.count(chr(10), 0, match.start()) + 1}")
    name = max(found, key=lambda name: len(found[name]), default="")
    return Found(name if name == "aiohttp" else name.title(), found[name][0]) if name else None


def _needs_arguments(app: App) -> Blocker:
    fact = f"the factory {app.key.name}() cannot be called without arguments ({', '.join(app.required)})"
    remedy = f"give them default values, or add a module that calls it and set entry-point in {PLACE}"
    return Blocker("entry-point", fact, app.where, remedy)


def _spelled(code: Code, app: App) -> str:
    """Return an application's `module:name`, from the nearest folder that is not a package."""
    path = app.key.path
    plain = (a for a in ancestors(path) if not code.tree.exists(join(a, "__init__.py")))
    dotted = module_name(next(plain, "."), path) if path != "__init__.py" else folder_of(path)
    return f"{dotted}:{app.key.name}"
