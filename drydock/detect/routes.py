"""Collect the routes of an application with their full paths, to find one that tells its health."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from drydock.detect.apps import Key, is_fastapi
from drydock.detect.code import Code, Startup
from drydock.detect.entry import Entry
from drydock.detect.syntax import Function, Module, Site, argument, keyword
from drydock.detect.values import text_of

LIVE = (
    *(
        *("livez", "live", "liveness", "alive", "healthz", "health", "healthcheck", "health-check"),
        *("health_check",),
    ),
    *("ping", "heartbeat", "__heartbeat__", "__lbheartbeat__", "_health", "_healthz", "_status", "status"),
    *("_ping", "is_alive", "isalive", "up"),
)
READY = ("readyz", "ready", "readiness")
DATABASE = re.compile(
    r"(^|_|\b)(db|session|sessiondep|database|engine|redis|mongo|conn|connection|asyncsession|pool|uow)(\b|_|$)",
    re.I,
)
ASKS = frozenset(
    {"execute", "ping", "exec", "fetchval", "fetchrow", "command", "connect", "scalar", "server_info"}
)
GUARDS = re.compile(r"auth|token|user|api_?key|permission|login|credential|secur|rate_?limit", re.I)
MAX_VISITS = 2_000

Calls = dict[Key, list[tuple[Module, Site]]]


@dataclass(frozen=True)
class Route:
    """A GET route that needs no parameters."""

    path: str
    where: str
    asks_database: bool
    guarded: bool


@dataclass
class _Router:
    prefix: str = ""
    guarded: bool = False
    routes: list[tuple[str, str, Function | None, bool]] = field(default_factory=list)
    children: list[tuple[Key, str, bool]] = field(default_factory=list)


def health_routes(code: Code, entry: Entry, startup: Startup) -> list[Route]:
    """Return the routes whose last path segment is one that probes ask, in the order they are declared."""
    routers: dict[Key, _Router] = {}
    top = Key("", "")
    calls = _calls(code, startup)
    for module in startup.modules:
        for site in module.calls:
            _declare(code, module, site, routers)
        for site in module.calls:
            _extend(code, module, site, routers, top, entry, calls)
    found: list[Route] = []
    seen = 0
    pending: list[tuple[Key, str, bool, int]] = [(top, "", _app_guarded(code, entry), 0)]
    while pending and seen < MAX_VISITS:
        key, prefix, guarded, depth = pending.pop()
        seen += 1
        router = routers.get(key)
        if router is None or depth > 12:
            continue
        base = prefix + router.prefix
        locked = guarded or router.guarded
        for path, where, function, own in router.routes:
            full = base + path
            if _tail(full) in (*LIVE, *READY) and "{" not in full and full.startswith("/"):
                asks, needs = _needs(function)
                found.append(Route(full, where, asks, locked or own or needs))
        pending += [(child, base + extra, locked or g, depth + 1) for child, extra, g in router.children]
    return list(dict.fromkeys(found))


def socket(startup: Startup) -> str:
    """Return the place of a WebSocket route, `""` when there is none."""
    names = (".websocket", ".websocket_route", ".add_api_websocket_route")
    sites = ((m, site) for m in startup.modules for site in m.calls if site.name.endswith(names))
    return next((module.at(site.node) for module, site in sites), "")


def probes(routes: list[Route]) -> tuple[Route | None, Route | None]:
    """Return the routes for liveness and readiness; one that asks a database is fit for readiness only."""
    open_routes = [r for r in routes if not r.guarded]
    live = [r for r in open_routes if _tail(r.path) in LIVE and not r.asks_database]
    ready = [r for r in open_routes if _tail(r.path) in READY]
    asking = [r for r in open_routes if _tail(r.path) in LIVE and r.asks_database]
    liveness = min(live, key=_rank, default=None)
    return liveness, min(ready or asking, key=_rank, default=liveness)


def _rank(route: Route) -> tuple[int, int]:
    names = (*LIVE, *READY)
    return names.index(_tail(route.path)), route.path.count("/")


def _tail(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2].lower()


def _declare(code: Code, module: Module, site: Site, routers: dict[Key, _Router]) -> None:
    """Note the prefix of `router = APIRouter(prefix=…)`."""
    if site.name.rpartition(".")[2] not in {"APIRouter", "InferringRouter"}:
        return
    for binding in module.bindings:
        if binding.value is site.node:
            prefix = text_of(code, module, keyword(site.node, "prefix"), site.scope.function) or ""
            router = routers.setdefault(_key(module, binding.name, site.scope.function), _Router())
            router.prefix, router.guarded = prefix, _guarding(keyword(site.node, "dependencies"))


def _key(module: Module, name: str, function: str) -> Key:
    binding = module.bound(name, function)
    inner = binding.scope.function if binding else ""
    return Key(module.path, f"{inner}:{name}" if inner else name)


def _router_key(
    code: Code, module: Module, node: ast.expr, function: str, entry: Entry, top: Key
) -> Key | None:
    """Return the router an expression names; `top` for the application, however it is called there."""
    name = module.dotted(node)
    if not name:
        return None
    found = code.symbol(module, name)
    if found and Key(found.module.path, found.name) in {
        entry.app.key,
        entry.app.wraps,
        Key(entry.path, entry.name),
    }:
        return top
    if function and "." not in name:
        binding = module.bound(name, function)
        if binding and binding.scope.function == function:
            made = binding.value.func if isinstance(binding.value, ast.Call) else None
            if is_fastapi(code, module, made) or name in {
                *("app", "application", "api", "fastapi_app", "_app", "app_"),
            }:
                return top
            return _key(module, name, function)
        if binding is None and module.aliases.get(name) is None:
            # A parameter: a function that is handed the application and adds routes to it.
            return top
    if found and found.name:
        return Key(found.module.path, found.name)
    return None


def _extend(
    code: Code, module: Module, site: Site, routers: dict[Key, _Router], top: Key, entry: Entry, calls: Calls
) -> None:
    function = site.node.func
    if not isinstance(function, ast.Attribute):
        return
    scope = site.scope.function
    if function.attr in {"get", "api_route", "head", "add_api_route", "add_route", "route"}:
        path = text_of(code, module, argument(site.node, 0, "path"), scope)
        if path is None or not (path.startswith("/") or path == ""):
            return
        key = _router_key(code, module, function.value, scope, entry, top)
        if key is None:
            return
        guarded = _guarding(keyword(site.node, "dependencies"))
        row = (path, module.at(site.node), _handler(code, module, site), guarded)
        routers.setdefault(key, _Router()).routes.append(row)
    elif function.attr in {"include_router", "mount"}:
        _include(code, module, site, routers, top, entry, calls)


def _include(
    code: Code, module: Module, site: Site, routers: dict[Key, _Router], top: Key, entry: Entry, calls: Calls
) -> None:
    function = site.node.func
    mounted = isinstance(function, ast.Attribute) and function.attr == "mount"
    child = argument(site.node, 1, "app") if mounted else argument(site.node, 0, "router")
    prefix_node = argument(site.node, 0, "path") if mounted else keyword(site.node, "prefix")
    scope = site.scope.function
    if child is None or not isinstance(function, ast.Attribute):
        return
    parent = _router_key(code, module, function.value, scope, entry, top)
    prefix = text_of(code, module, prefix_node, scope)
    if parent is None or (prefix is None and prefix_node is not None):
        return
    guarded = _guarding(keyword(site.node, "dependencies"))
    for each in _each(module, child, scope):
        inner = _handed_in(code, module, each, scope, calls) or _router_key(
            code, module, each, scope, entry, top
        )
        if inner is not None and inner not in (parent, top):
            routers.setdefault(parent, _Router()).children.append(
                (inner, (prefix or "").rstrip("/"), guarded)
            )


def _each(module: Module, node: ast.expr, function: str) -> list[ast.expr]:
    """Return what a name stands for: in `for router in routers`, the routers."""
    over = module.loops.get((function, node.id)) if isinstance(node, ast.Name) else None
    if isinstance(over, ast.Name):
        binding = module.bound(over.id, function)
        over = binding.value if binding else None
    return list(over.elts) if isinstance(over, (ast.Tuple, ast.List)) else [node]


def _handed_in(code: Code, module: Module, node: ast.expr, function: str, calls: Calls) -> Key | None:
    """Return the router that a function's callers hand to it as the parameter `node`."""
    definition = module.functions.get(function)
    if definition is None or not isinstance(node, ast.Name):
        return None
    names = [
        a.arg for a in (*definition.args.posonlyargs, *definition.args.args, *definition.args.kwonlyargs)
    ]
    if node.id not in names:
        return None
    for caller, site in calls.get(Key(module.path, function), ()):
        value = argument(site.node, names.index(node.id), node.id)
        found = code.symbol(caller, caller.dotted(value)) if value is not None else None
        if found and found.name:
            return Key(found.module.path, found.name)
    return None


def _calls(code: Code, startup: Startup) -> Calls:
    """Return the calls of each function of the project that is handed a router."""
    found: Calls = {}
    for module in startup.modules:
        for site in module.calls:
            if any("router" in (k.arg or "") for k in site.node.keywords) or any(
                "router" in module.dotted(a) for a in site.node.args
            ):
                symbol = code.symbol(module, site.name)
                if symbol:
                    found.setdefault(Key(symbol.module.path, symbol.name), []).append((module, site))
    return found


def _handler(code: Code, module: Module, site: Site) -> Function | None:
    """Return the function behind a decorator or an `add_api_route` call."""
    if site.name.rpartition(".")[2].startswith("add_"):
        found = code.symbol(module, module.dotted(argument(site.node, 1, "endpoint")))
        return found.module.functions.get(found.name) if found else None
    decorated = (f for f in module.functions.values() if any(d is site.node for d in f.decorator_list))
    return next(decorated, None)


def _needs(function: Function | None) -> tuple[bool, bool]:
    """Tell whether a handler asks a database, and whether it needs credentials or parameters."""
    if function is None:
        return False, False
    spec = function.args
    parameters = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
    defaults = [*([None] * (len(spec.args) - len(spec.defaults))), *spec.defaults, *spec.kw_defaults]
    asks = guarded = False
    for parameter, default in zip(parameters, defaults, strict=False):
        words = f"{_words(parameter.annotation)} {_words(default)}"
        plain = (
            default is None
            and parameter.annotation is not None
            and _words(parameter.annotation) in {"str", "int"}
        )
        asks = asks or bool(DATABASE.search(words)) or bool(DATABASE.search(parameter.arg))
        guarded = guarded or bool(GUARDS.search(words)) or plain
    called = (
        n.func.attr
        for n in ast.walk(function)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
    )
    return asks or any(name in ASKS for name in called), guarded


def _guarding(node: ast.expr | None) -> bool:
    return node is not None and bool(GUARDS.search(_words(node)))


def _words(node: ast.expr | None) -> str:
    if node is None:
        return ""
    return " ".join(
        n.id if isinstance(n, ast.Name) else n.attr
        for n in ast.walk(node)
        if isinstance(n, (ast.Name, ast.Attribute))
    )


def _app_guarded(code: Code, entry: Entry) -> bool:
    module = code.module(entry.app.key.path)
    binding = module.bound(entry.app.key.name) if module else None
    if module is None or binding is None or not isinstance(binding.value, ast.Call):
        return False
    return _guarding(keyword(binding.value, "dependencies"))


def docs_path(code: Code, entry: Entry, startup: Startup) -> tuple[str, str]:
    """Return where the interactive documentation is served (`""` when it is turned off) and what says so."""
    for module in startup.modules:
        for site in module.calls:
            if not is_fastapi(code, module, site.node.func) or not _makes_entry(module, site, entry):
                continue
            docs, schema = keyword(site.node, "docs_url"), keyword(site.node, "openapi_url")
            off = [n for n in (docs, schema) if isinstance(n, ast.Constant) and not n.value]
            if off:
                return "", module.at(site.node)
            return text_of(code, module, docs, site.scope.function) or "/docs", module.at(site.node)
    return "/docs", entry.where


def _makes_entry(module: Module, site: Site, entry: Entry) -> bool:
    maker = entry.app.made_by or entry.app.key
    if module.path != maker.path:
        return False
    binding = module.bound(maker.name)
    return site.scope.function == maker.name or (binding is not None and binding.value is site.node)
