"""Collect an application's routes with their full paths, to find its health checks."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from drydock.detect.apps import FASTAPI, MOUNTS, STARLETTE, Key, is_one
from drydock.detect.code import Startup
from drydock.detect.entry import Entry
from drydock.detect.syntax import (
    Function,
    Module,
    Site,
    argument,
    each_of,
    is_true,
    keyword,
    parameters,
    words,
)
from drydock.detect.values import Reader, reader

LIVE = (
    *("livez", "live", "liveness", "alive", "healthz", "health", "healthcheck", "health-check"),
    *("health_check", "ping", "heartbeat", "__heartbeat__", "__lbheartbeat__", "_health", "_healthz"),
    *("_status", "status", "_ping", "is_alive", "isalive", "up", "ok"),
)
# Other names of the kind; a business of health has other ones.
OF_HEALTH = re.compile(r"_*((server|service|app|api|system)[-_]?)?health[-_]?(y|status|probe|info|\.json)?_*")
READY = ("readyz", "ready", "readiness")
DATABASE = re.compile(
    r"(^|_|\b)(db|session|sessiondep|database|engine|redis|mongo|conn|connection|asyncsession|pool|uow)(\b|_|$)",
    re.I,
)
ASKS = frozenset(
    {"execute", "ping", "exec", "fetchval", "fetchrow", "command", "connect", "scalar", "server_info"}
)
GUARDS = re.compile(r"auth|token|user|api_?key|permission|login|credential|secur|rate_?limit", re.I)
# The annotation, or the default, of a parameter that a request has to give.
ASKED = re.compile(r"^(str|int)$|\b(Header|Query|Cookie|Body|Form)\b")
REFUSED = re.compile(r"HTTP_40[13]_\w+|UNAUTHORIZED|FORBIDDEN")
# What a middleware asks that refuses some requests alone: those of a path, or of an address.
SOME = re.compile(r"path|^(?!.*\b(?:headers|cookies)\b).*\bclient\b")
# The Host header, and no other one, of a request.
HOST = re.compile(r"headers\b.{0,20}(?<![\w-])host\b|url\.hostname\b", re.I | re.S)
OWN_NAMES = frozenset({"app", "application", "api", "fastapi_app", "_app", "app_"})
ADDS_ROUTE = frozenset({"get", "api_route", "head", "add_api_route", "add_route", "route"})
LISTED = frozenset({"starlette.routing.Route", "fastapi.routing.APIRoute"})
SOCKETS = (".websocket", ".websocket_route", ".add_api_websocket_route")
MAX_VISITS = 2_000
MAX_DEPTH = 12
TOP = Key("", "")  # the application, under any name


@dataclass(frozen=True)
class Route:
    """A GET route without parameters."""

    path: str
    where: str
    asks_database: bool
    guarded: bool

    @property
    def tail(self) -> str:
        """The last segment of the path."""
        return self.path.rstrip("/").rpartition("/")[2].lower()

    @property
    def rank(self) -> tuple[int, int]:
        """The sort key among possible probes, the best first."""
        names = (*LIVE, *READY)
        return names.index(self.tail) if self.tail in names else len(names), self.path.count("/")

    @property
    def is_check(self) -> bool:
        return self.tail in (*LIVE, *READY) or bool(OF_HEALTH.fullmatch(self.tail))


class _Child(NamedTuple):
    key: Key
    prefix: str
    guarded: bool


@dataclass
class _Router:
    prefix: str = ""
    guarded: bool = False
    routes: list[tuple[str, bool, Site]] = field(default_factory=list)
    children: list[_Child] = field(default_factory=list)


class Routes:
    """An application's routes, by router."""

    def __init__(self, entry: Entry, startup: Startup) -> None:
        self.entry = entry
        self.startup = startup
        self.routers: dict[Key, _Router] = {}
        self.calls: dict[Key, list[Site]] = {}
        for site in startup.calls:
            values = [site.module.dotted(a) for a in site.node.args]
            values += [k.arg or "" for k in site.node.keywords]
            symbol = site.module.symbol(site.name) if any("router" in value for value in values) else None
            if symbol:
                self.calls.setdefault(Key(symbol.module.path, symbol.name), []).append(site)
        for module in startup.modules:
            for site in module.calls:
                if site.tail in {"APIRouter", "InferringRouter"}:
                    self._declare(site)
            for site in module.calls:
                if isinstance(site.node.func, ast.Attribute):
                    self._extend(site, site.node.func)
            self._list(module)
            for node, scope in module.grown:
                if isinstance(node.target, ast.Attribute) and node.target.attr == "routes":
                    of = node.target.value
                    of = of.value if isinstance(of, ast.Attribute) and of.attr == "router" else of
                    self._grow(Site(ast.Call(of, [], []), "", scope, module), node.value)

    def health(self, told: Collection[str]) -> list[Route]:
        """Return the routes of the paths `told`, and those with a health check's usual name."""
        found: list[Route] = []
        pending = [(_Child(TOP, "", self._is_guarded()), 0)]
        seen = 0
        while pending and seen < MAX_VISITS:
            (key, prefix, guarded), depth = pending.pop()
            seen += 1
            router = self.routers.get(key)
            if router is None or depth > MAX_DEPTH:
                continue
            base, locked = prefix + router.prefix, guarded or router.guarded
            for path, own, site in router.routes:
                route = Route(base + path, site.where, False, locked or own)
                usual = route.is_check or route.path in told
                if usual and "{" not in route.path and route.path.startswith("/"):
                    asks, needs = _needs(_handler(site))
                    found.append(Route(route.path, route.where, asks, route.guarded or needs))
            for child in router.children:
                inner = _Child(child.key, base + child.prefix, locked or child.guarded)
                pending.append((inner, depth + 1))
        return list(dict.fromkeys(found))

    def _list(self, module: Module) -> None:
        """Note the routes of `Starlette(routes=[Route("/health", health), Mount("/api", routes=[…])])`."""
        prefixes: dict[ast.AST, str] = {}
        for site in module.calls:
            path = reader(site).text(site.argument(0, "path")) or ""
            if site.name in MOUNTS:
                for node in ast.walk(site.node):
                    prefixes[node] = prefixes.get(node, "") + path.rstrip("/")
            elif site.name in LISTED and path:
                self._router(TOP).routes.append((prefixes.get(site.node, "") + path, False, site))

    def _is_guarded(self) -> bool:
        module = self.startup.code.module(self.entry.app.key.path)
        binding = module.bound(self.entry.app.key.name) if module else None
        made = binding.value if binding else None
        own = isinstance(made, ast.Call) and module is not None and _guarding(module, made)
        return own or any(self._asks_all(site) for site in self.startup.calls)

    def _asks_all(self, site: Site) -> bool:
        """Tell whether a middleware refuses requests for what they lack, whatever their path and host."""
        for module, name in middleware(site):
            function = module.functions[name]
            of_host = checked_hosts(module, name) is not None and not GUARDS.search(ast.unparse(function))
            if _refuses(function) and not of_host and not SOME.search(words(function)):
                return True
        return False

    def _declare(self, site: Site) -> None:
        """Note the prefix of `router = APIRouter(prefix=…)`."""
        for binding in site.module.bindings:
            if binding.value is site.node:
                router = self._router(_key(site.module, binding.name, site.scope.function))
                router.prefix = reader(site).text(site.keyword("prefix")) or ""
                router.guarded = _guarding(site.module, site.node)

    def _router(self, key: Key) -> _Router:
        return self.routers.setdefault(key, _Router())

    def _extend(self, site: Site, function: ast.Attribute) -> None:
        """Note a route, or a router or an application below another one."""
        methods = reader(site).texts(site.keyword("methods")) or ["GET"]
        if function.attr in ADDS_ROUTE and {"", "GET"} & {method.upper() for method in methods}:
            path = reader(site).text(site.argument(0, "path"))
            key = self._key_of(site, function.value) if path == "" or (path or "").startswith("/") else None
            if key is not None and path is not None:
                self._router(key).routes.append((path, _guarding(site.module, site.node), site))
        elif function.attr in {"include_router", "mount"}:
            mounted = function.attr == "mount"
            child = site.argument(1, "app") if mounted else site.argument(0, "router")
            node = site.argument(0, "path") if mounted else site.keyword("prefix")
            prefix, parent = reader(site).text(node), self._key_of(site, function.value)
            if child is None or parent is None or (prefix is None and node is not None):
                return
            for each in each_of(site, child):
                inner = self._handed_in(site, each) or self._key_of(site, each)
                if inner is not None and inner not in (parent, TOP):
                    guarded = _guarding(site.module, site.node)
                    row = _Child(inner, (prefix or "").rstrip("/"), guarded)
                    self._router(parent).children.append(row)

    def _grow(self, site: Site, value: ast.expr) -> None:
        """Note the routers of `app.routes += [route for router in routers for route in router.routes]`."""
        parent = self._key_of(site, site.node.func)
        for part in ast.walk(value) if parent else ():
            over = part.iter if isinstance(part, ast.comprehension) else None
            binding = site.module.bound(over.id, site.scope.function) if isinstance(over, ast.Name) else None
            for each in getattr(binding.value, "elts", ()) if binding else ():
                inner = self._key_of(site, each)
                if inner and parent and inner not in (parent, TOP):
                    self._router(parent).children.append(_Child(inner, "", False))

    def _key_of(self, site: Site, node: ast.expr) -> Key | None:
        """Return the router that an expression names."""
        module, function = site.module, site.scope.function
        name = module.dotted(node)
        found = module.symbol(name)
        entry = self.entry
        own = {entry.app.key, entry.app.wraps, Key(entry.path, entry.name)}
        if (found and Key(found.module.path, found.name) in own) or (name and name == _held(entry)):
            return TOP
        if isinstance(node, ast.Attribute) and (held := _router_of(module, node, function)):
            return held
        if name and function and "." not in name:
            binding = module.bound(name, function)
            if binding and binding.scope.function == function:
                made = binding.value.func if isinstance(binding.value, ast.Call) else None
                own_app = name in OWN_NAMES or is_one(module, made, FASTAPI | STARLETTE)
                return TOP if own_app else _key(module, name, function)
            if binding is None and module.aliases.get(name) is None:
                # A parameter: the function takes the application and adds routes to it.
                return TOP
        return Key(found.module.path, found.name) if found and found.name else None

    def _handed_in(self, site: Site, node: ast.expr) -> Key | None:
        """Return the router that a function's callers pass for the parameter `node`."""
        module, function = site.module, site.scope.function
        names = [a.arg for a in parameters(module.functions.get(function))]
        if not isinstance(node, ast.Name) or node.id not in names:
            return None
        for caller in self.calls.get(Key(module.path, function), ()):
            found = caller.module.symbol(caller.argument(names.index(node.id), node.id))
            if found and found.name:
                return Key(found.module.path, found.name)
        return None


def socket(startup: Startup) -> str:
    """Return the place of a WebSocket route, `""` without one."""
    return next((site.where for site in startup.calls if site.name.endswith(SOCKETS)), "")


def probes(routes: list[Route], told: Collection[str]) -> tuple[Route | None, Route | None]:
    """Return the routes for liveness and readiness: first those of the paths `told`.

    One that asks a database is only for readiness.
    """
    routes = sorted((r for r in routes if not r.guarded), key=lambda r: (r.path not in told, r.rank))
    live = [r for r in routes if r.tail not in READY and not r.asks_database]
    ready = [r for r in routes if r.tail in READY] or [r for r in routes if r.asks_database]
    liveness = next(iter(live), None)
    return liveness, next(iter(ready), liveness)


def docs_path(entry: Entry, startup: Startup) -> tuple[str, str]:
    """Return the path of the interactive documentation (`""` if it is off) and its evidence."""
    for site in (site for site in startup.calls if _makes_entry(site, entry)):
        if is_one(site.module, site.node.func, STARLETTE):
            return "", site.where
        if is_one(site.module, site.node.func, FASTAPI):
            found = site.module.symbol(site.node.func)
            own = f"{found.name}.__init__" if found and found.node else ""
            calls = [one for one in found.module.calls if own and one.scope.function == own] if found else []
            return ("" if any(map(_hides_docs, (site, *calls))) else _docs(site)), site.where
    return "/docs", entry.where


def _docs(site: Site) -> str:
    node = site.keyword("docs_url")
    return "/docs" if node is None else reader(site).text(node) or ""


def _hides_docs(site: Site) -> bool:
    """Tell whether a call turns the documentation off, or leaves to a run whether it does."""
    nodes = (site.keyword("docs_url"), site.keyword("openapi_url"))
    return any(k.arg is None and not _is_handed(site, k.value) for k in site.node.keywords) or any(
        node is not None and not reader(site).text(node) for node in nodes
    )


def _is_handed(site: Site, node: ast.expr) -> bool:
    """Tell whether a call passes on the keyword arguments of its own function."""
    function = site.module.functions.get(site.scope.function)
    rest = function.args.kwarg if function else None
    return rest is not None and isinstance(node, ast.Name) and node.id == rest.arg


def _makes_entry(site: Site, entry: Entry) -> bool:
    maker = entry.app.made_by or entry.app.wraps or entry.app.key
    if held := _held(entry):
        return any(b.name == held and b.value is site.node for b in site.module.bindings)
    binding = site.module.bound(maker.name)
    made = site.scope.function == maker.name or (binding is not None and binding.value is site.node)
    return made and site.module.path == maker.path


def _held(entry: Entry) -> str:
    """Return the attribute of `self` with an application that an object holds; empty for another one."""
    name = (entry.app.wraps or entry.app.key).name
    return f"self.{name.rpartition('.')[2]}" if "." in name else ""


def _router_of(module: Module, node: ast.Attribute, function: str) -> Key | None:
    """Return the router `self.router` of a class, or that of an object which a call makes."""
    of, owner, name = node.value, function.rpartition(".")[0], f"self.{node.attr}"
    if isinstance(of, ast.Name) and of.id != "self" and (binding := module.bound(of.id, function)):
        of = binding.value
    if module.dotted(of) != "self":
        found = module.symbol(of.func) if isinstance(of, ast.Call) else None
        if found is None:
            return None
        module, owner = found.module, found.name
    known = any(b.name == name and b.scope.function.startswith(f"{owner}.") for b in module.bindings)
    return Key(module.path, f"{owner}:{name}") if owner and known else None


def _key(module: Module, name: str, function: str) -> Key:
    binding = module.bound(name, function)
    inner = binding.scope.function if binding else ""
    inner = inner.rpartition(".")[0] if name.startswith("self.") else inner
    return Key(module.path, f"{inner}:{name}" if inner else name)


def _handler(site: Site) -> Function | None:
    """Return the function behind a decorator, an `add_api_route` call or a `Route`."""
    if site.tail.startswith("add_") or site.name in LISTED:
        found = site.module.symbol(site.argument(1, "endpoint"))
        return found.function if found else None
    functions = site.module.functions.values()
    return next((f for f in functions if any(d is site.node for d in f.decorator_list)), None)


def _needs(function: Function | None) -> tuple[bool, bool]:
    """Tell whether a handler asks a database, and whether it needs credentials or parameters."""
    if function is None:
        return False, False
    spec = function.args
    defaults = [*([None] * (len(spec.args) - len(spec.defaults))), *spec.defaults, *spec.kw_defaults]
    asks = guarded = False
    for parameter, default in zip(parameters(function), defaults, strict=False):
        named = f"{words(parameter.annotation)} {words(default)}"
        plain = default is None and bool(ASKED.search(words(parameter.annotation)))
        plain = plain or (isinstance(default, ast.Call) and _is_required(default))
        asks = asks or bool(DATABASE.search(named) or DATABASE.search(parameter.arg))
        guarded = guarded or bool(GUARDS.search(named)) or plain
    called = (n.func for n in ast.walk(function) if isinstance(n, ast.Call))
    return asks or any(isinstance(f, ast.Attribute) and f.attr in ASKS for f in called), guarded


def _is_required(default: ast.Call) -> bool:
    """Tell whether `Header(…)` and its kin make a parameter without a default."""
    first = argument(default, 0, "default")
    called = ASKED.search(words(default.func)) and keyword(default, "default_factory") is None
    return bool(called) and (first is None or is_true(first, ...))


def _guarding(module: Module, call: ast.Call) -> bool:
    """Tell whether a call's `dependencies` ask for credentials."""
    node = keyword(call, "dependencies")
    asked = (one.args[0] for one in ast.walk(node) if isinstance(one, ast.Call) and one.args) if node else ()
    found = (module.symbol(one) for one in asked)
    return bool(GUARDS.search(words(node))) or any(one and _refuses(one.function) for one in found)


def middleware(site: Site) -> list[tuple[Module, str]]:
    """Return the functions of a middleware of the project's own, each as its module and name."""
    found = site.module.symbol(site.node.args[0]) if site.node.args else None
    if site.tail in {"add_middleware", "Middleware"} and found and found.node:
        names = (f"{found.name}.{method}" for method in ("dispatch", "__call__"))
        return [(found.module, name) for name in names if name in found.module.functions]
    handler = _handler(site) if site.tail == "middleware" else None
    return [(site.module, name) for name, one in site.module.functions.items() if one is handler]


def checked_hosts(module: Module, name: str) -> list[str] | None:
    """Return the names that a function compares the Host header with: `[""]` if unknown, None without."""
    values = Reader(module, name)
    for node in ast.walk(module.functions[name]):
        if isinstance(node, ast.Compare) and HOST.search(values.source(node.left, 1)):
            several = isinstance(node.ops[0], (ast.In, ast.NotIn))
            other = node.comparators[0]
            return (values.texts(other) if several else [values.text(other) or ""]) or [""]
    return None


def _refuses(function: Function | None) -> bool:
    """Tell whether a function answers with the status of a request that lacks something."""
    for node in ast.walk(function) if function else ():
        value = node.value if isinstance(node, ast.Constant) else getattr(node, "attr", "")
        if value in (401, 403) or (isinstance(value, str) and REFUSED.fullmatch(value)):
            return True
    return False
