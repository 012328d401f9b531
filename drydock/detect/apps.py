"""Find a tree's FastAPI applications and factories by syntax, and their relations."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from drydock.detect.code import Code
from drydock.detect.syntax import Binding, Function, Module, Site, parameters, required_arguments

FASTAPI = frozenset({"fastapi.FastAPI", "fastapi.applications.FastAPI"})
STARLETTE = frozenset({"starlette.applications.Starlette"})
SERVERS = (b"uvicorn", b"hypercorn", b"granian")
RUNNERS = frozenset(
    {"uvicorn.run", "uvicorn.main.run", "uvicorn.Config", "uvicorn.config.Config"}
    | {"granian.Granian", "granian.server.Granian"}
)
MOUNTS = frozenset({"starlette.routing.Mount", "fastapi.routing.Mount"})
AWAITING = frozenset({"asyncio.run", "anyio.run"})
WRAPPERS = re.compile(r"(Middleware|ASGIApp|AsgiMiddleware|Asgi|ASGIApplicationWrapper|VersionedFastAPI)$")
ASGI_ARGUMENTS = 3
# A module that binds the result of a call, where a wrapper may be.
CALLED = re.compile(rb"^\w+(\s*:\s*\w+)?\s*=\s*[\w.]+\(", re.M)
SIDE = re.compile(
    r"(^|/)(tests?|testing|docs?|docs_src|examples?|samples?|demos?|benchmarks?|scripts?|migrations|alembic|"
    r"cookiecutter[^/]*|\.[^/]+)/|(^|/)(test_[^/]*|[^/]*_test|conftest|setup|noxfile)\.py$|\{\{|\{%"
)
MAX_CANDIDATE_FILES = 400


class Key(NamedTuple):
    """The identity of an application: the file, and its name there."""

    path: str
    name: str


@dataclass(frozen=True)
class App:
    """An application object or a factory."""

    key: Key
    line: int
    factory: bool = False
    required: tuple[str, ...] = ()  # a factory's arguments without a default
    wraps: Key | None = None  # the application inside an ASGI wrapper
    made_by: Key | None = None

    @property
    def where(self) -> str:
        return f"{self.key.path}:{self.line}"


@dataclass
class Apps:
    """A tree's applications and factories of some classes, mounted ones, and files that start a server."""

    classes: frozenset[str]
    found: dict[Key, App] = field(default_factory=dict)
    factories: dict[Key, App] = field(default_factory=dict)
    mounted: dict[Key, str] = field(default_factory=dict)
    inner: list[tuple[str, str]] = field(default_factory=list)
    launchers: list[str] = field(default_factory=list)

    @property
    def known(self) -> set[Key]:
        """The applications and factories whose making was read."""
        return {*self.found, *self.factories}

    def candidates(self, side: bool = False) -> list[App]:
        """Return the applications that a server could load, outside tests and documentation."""
        wrapped = {a.wraps for a in self.found.values() if a.wraps}
        used = {a.made_by for a in self.found.values()}
        objects = [a for k, a in self.found.items() if k not in self.mounted and k not in wrapped]
        factories = [a for k, a in self.factories.items() if k not in used and "." not in k.name]
        return [a for a in [*objects, *factories] if bool(SIDE.search(a.key.path)) == side]


def find_apps(code: Code) -> Apps:
    """Find FastAPI's applications, or without any Starlette's."""
    apps = _find(code, Apps(FASTAPI))
    if apps.candidates() or apps.inner:
        return apps
    others = _find(code, Apps(STARLETTE))
    return others if others.candidates() else apps


def _find(code: Code, apps: Apps) -> Apps:
    modules = _candidate_modules(code, apps)
    for module in modules:
        _factories(module, apps)
    modules += _factory_users(code, apps, {m.path for m in modules})
    for _ in range(2):  # a second round finds factories that call another factory
        for module in modules:
            _factories(module, apps)
    for module in modules:
        _objects(module, apps)
    holders = {function.partition(".")[0].encode() for _, function in apps.inner if "." in function}
    for module in _others(code, {m.path for m in modules}, lambda data: any(h in data for h in holders)):
        _objects(module, apps)
        modules.append(module)
    modules += _users(code, apps, {m.path for m in modules})
    for find in (_wrappers, _mounts):
        for module in modules:
            find(module, apps)
    return apps


def is_one(module: Module, node: ast.AST | None, classes: frozenset[str], hops: int = 4) -> bool:
    """Tell whether an expression names one of some classes, or a subclass in the project."""
    if module.dotted(node) in classes:
        return True
    found = module.symbol(node) if hops else None
    bases = found.node.bases if found and found.node else ()
    return any(is_one(found.module, base, classes, hops - 1) for base in bases if found)


def resolve(module: Module, node: ast.AST | None, apps: Apps) -> App | None:
    """Return the application or factory that an expression names."""
    found = module.symbol(node)
    key = Key(found.module.path, found.name) if found else None
    return (apps.found.get(key) or apps.factories.get(key)) if key else None


def _candidate_modules(code: Code, apps: Apps) -> list[Module]:
    found: list[Module] = []
    names = {name.rpartition(".")[2].encode() for name in apps.classes}
    for path in (path for path in code.tree.files if path.endswith(".py")):
        data = code.tree.data(path) or b""
        wanted = any(name in data for name in names) and len(found) < MAX_CANDIDATE_FILES
        if wanted and (module := code.module(path)):
            found.append(module)
        if any(server in data for server in SERVERS) and not SIDE.search(path):
            apps.launchers.append(path)
    return found


def _factory_users(code: Code, apps: Apps, known: set[str]) -> list[Module]:
    names = {key.name.rpartition(".")[2].encode() for key in apps.factories}
    return _others(code, known, lambda data: any(name in data for name in names)) if names else []


def _users(code: Code, apps: Apps, known: set[str]) -> list[Module]:
    """Return the other modules that import an application's module and call something at their top."""
    keys = {*apps.found, *apps.factories}
    stems = {key.path.removesuffix(".py").removesuffix("/__init__").rpartition("/")[2] for key in keys}
    imports = re.compile(rf"^\s*(from|import)\s.*\b({'|'.join(map(re.escape, stems))})\b".encode(), re.M)
    return _others(code, known, lambda data: CALLED.search(data) and imports.search(data)) if stems else []


def _others(code: Code, known: set[str], used: Callable[[bytes], object]) -> list[Module]:
    """Return the program's modules besides the known ones whose text passes a test."""
    found: list[Module] = []
    for path in code.tree.files:
        if path.endswith(".py") and path not in known and not SIDE.search(path):
            wanted = len(found) < MAX_CANDIDATE_FILES and used(code.tree.data(path) or b"")
            if wanted and (module := code.module(path)):
                found.append(module)
    return found


def _factories(module: Module, apps: Apps) -> None:
    for name, function in module.functions.items():
        key, owner = Key(module.path, name), name.rpartition(".")[0]
        asynchronous = isinstance(function, ast.AsyncFunctionDef)  # no server awaits a factory
        if key in apps.factories or asynchronous or (owner and owner not in module.classes):
            continue
        made = is_one(module, function.returns, apps.classes)
        made = made or any(_makes(module, value, name, apps) for value in module.returns.get(name, ()))
        # A function that takes an application and returns it only configures it.
        if made and not any(is_one(module, a.annotation, apps.classes) for a in function.args.args):
            required = tuple(required_arguments(function, bool(owner)))
            apps.factories[key] = App(key, function.lineno, True, required)


def _makes(module: Module, value: ast.expr, function: str, apps: Apps) -> bool:
    name, owner = module.dotted(value), function.rpartition(".")[0]
    named = (b for b in module.bindings if name and b.name == name)
    if name.startswith("self."):
        named = (b for b in named if b.scope.function.rpartition(".")[0] == owner)
    else:
        named = (b for b in named if b.scope.function == function)
    value = next((b.value for b in named), value)
    if not isinstance(value, ast.Call):
        return False
    made = resolve(module, value.func, apps)
    return is_one(module, value.func, apps.classes) or (made is not None and made.factory)


def _objects(module: Module, apps: Apps) -> None:
    for binding in module.bindings:
        scope = binding.scope
        if scope.function or scope.owner or scope.main or scope.typing:
            made = isinstance(binding.value, ast.Call) and is_one(module, binding.value.func, apps.classes)
            if made and scope.function and Key(module.path, scope.function) not in apps.factories:
                apps.inner.append((f"{module.path}:{binding.line}", scope.function))
            continue
        made, maker = _made(module, binding, apps)
        if attribute := _held(module, binding.value, apps):
            held = Key(module.path, f"{binding.name}.{attribute}")
            apps.found.setdefault(held, App(held, binding.line))
        if made:
            key = Key(module.path, binding.name)
            of = binding.value if isinstance(binding.value, ast.Attribute) else None
            inner = Key(module.path, module.dotted(of)) if of else None
            apps.found.setdefault(key, App(key, binding.line, wraps=inner, made_by=maker))


def _held(module: Module, value: ast.expr, apps: Apps) -> str:
    """Return the attribute with the application of an object that a call makes; empty without one."""
    found = module.symbol(value.func) if isinstance(value, ast.Call) else None
    if not found or not found.node:
        return ""
    for binding in found.module.bindings:
        own = binding.scope.function.rpartition(".")[0] == found.name and binding.name.startswith("self.")
        called = binding.value.func if isinstance(binding.value, ast.Call) else None
        if own and is_one(found.module, called, apps.classes):
            return binding.name.removeprefix("self.")
    return ""


def _made(module: Module, binding: Binding, apps: Apps) -> tuple[bool, Key | None]:
    if isinstance(binding.value, ast.Attribute):
        of = binding.value.value
        bound = module.bound(of.id) if isinstance(of, ast.Name) else None
        return _held(module, bound.value if bound else of, apps) == binding.value.attr, None
    if not isinstance(binding.value, ast.Call):
        return False, None
    function = binding.value.func
    if is_one(module, function, apps.classes):
        return True, None
    maker = resolve(module, function, apps)
    if maker and maker.factory:
        return True, maker.key
    if module.dotted(function) in AWAITING and binding.value.args:
        called = binding.value.args[0]
        found = module.symbol(called.func if isinstance(called, ast.Call) else called)
        values = found.module.returns.get(found.name, ()) if found else ()
        return any(_makes(found.module, value, found.name, apps) for value in values if found), None
    if isinstance(function, ast.Attribute):
        methods = [k for k in apps.factories if k.name.endswith("." + function.attr)]
        if len(methods) == 1 and module.dotted(function).partition(".")[0] not in {"fastapi", "uvicorn"}:
            return True, methods[0]
    return is_one(module, binding.annotation, apps.classes), None


def _wrappers(module: Module, apps: Apps) -> None:
    for binding in module.bindings:
        key, call = Key(module.path, binding.name), binding.value
        nested = binding.scope.function or binding.scope.owner or binding.scope.main
        if nested or key in apps.found or not isinstance(call, ast.Call) or not _wraps(module, call):
            continue
        if inner := inside(module, call, apps):
            made = inner.key if inner.factory else None
            apps.found[key] = App(key, binding.line, wraps=None if made else inner.key, made_by=made)
    for site in module.calls:  # of an application by an ASGI function
        function = module.functions.get(site.scope.function)
        key = Key(module.path, site.scope.function)
        if key not in apps.found and function and "." not in key.name and _is_asgi(function):
            own = {a.arg for a in parameters(function)}
            inner = None if module.dotted(site.node.func) in own else resolve(module, site.node.func, apps)
            if inner and not inner.factory and len(site.node.args) == ASGI_ARGUMENTS:
                apps.found[key] = App(key, function.lineno, wraps=inner.key)


def inside(module: Module, call: ast.Call, apps: Apps, hops: int = 6) -> App | None:
    """Return the application that a wrapper's call takes, or the factory that makes it there."""
    for value in (*call.args, *(k.value for k in call.keywords)):
        inner = resolve(module, value, apps)
        if inner and not inner.factory:
            return inner
        if isinstance(value, ast.Call) and hops:
            maker = resolve(module, value.func, apps)
            if maker and maker.factory:
                return maker
            if _wraps(module, value) and (inner := inside(module, value, apps, hops - 1)):
                return inner
    return None


def _wraps(module: Module, call: ast.Call, hops: int = 4) -> bool:
    """Tell whether a call wraps an ASGI application, by its class's methods, its result or its name."""
    name = module.dotted(call.func)
    if WRAPPERS.search(name):
        return True
    if name == "functools.partial" and call.args:
        found = module.symbol(call.args[0])
        return bool(found and found.function and _is_asgi(found.function, before=1))
    found = module.symbol(name)
    if not found or not hops:
        return False
    if found.node:
        return _has_asgi_method(found.module, found.node)
    for value in found.module.returns.get(found.name, ()):
        inner = found.module.functions.get(f"{found.name}.{found.module.dotted(value)}")
        if inner and _is_asgi(inner):
            return True
        if isinstance(value, ast.Call) and _wraps(found.module, value, hops - 1):
            return True
    return False


def _has_asgi_method(module: Module, node: ast.ClassDef, hops: int = 4) -> bool:
    method = module.functions.get(f"{node.name}.__call__")
    above = (module.symbol(base) for base in node.bases) if method is None and hops else ()
    return bool(method and _is_asgi(method, before=1)) or any(
        _has_asgi_method(one.module, one.node, hops - 1) for one in above if one and one.node
    )


def _is_asgi(function: Function, before: int = 0) -> bool:
    """Tell whether a function takes a scope, a receiver and a sender, after `before` other parameters."""
    asked = [a.arg for a in parameters(function, keywords=False)]
    asynchronous = isinstance(function, ast.AsyncFunctionDef) and len(asked) == before + ASGI_ARGUMENTS
    return "scope" in asked or asynchronous


def _mounts(module: Module, apps: Apps) -> None:
    for site in module.calls:
        app = resolve(module, _mounted(site), apps)
        if app and not app.factory:
            apps.mounted.setdefault(app.key, site.where)


def _mounted(site: Site) -> ast.expr | None:
    if isinstance(site.node.func, ast.Attribute) and site.node.func.attr == "mount":
        return site.argument(1, "app")
    return site.keyword("app") if site.name in MOUNTS else None
