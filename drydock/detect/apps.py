"""Find the FastAPI applications and factories of a tree by syntax, and which of them are parts of others."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from drydock.detect.code import Code
from drydock.detect.syntax import Binding, Module, Site, argument, keyword, required_arguments

FASTAPI = frozenset({"fastapi.FastAPI", "fastapi.applications.FastAPI"})
NEEDLES = (b"FastAPI", b"uvicorn", b"hypercorn", b"granian")
RUNNERS = frozenset(
    {
        *("uvicorn.run", "uvicorn.main.run", "uvicorn.Config", "uvicorn.config.Config"),
        *("granian.Granian", "granian.server.Granian"),
    }
)
WRAPPERS = re.compile(r"(Middleware|ASGIApp|AsgiMiddleware|Asgi)$")
SIDE = re.compile(
    r"(^|/)(tests?|testing|docs?|docs_src|examples?|samples?|demos?|benchmarks?|scripts?|migrations|alembic|"
    r"cookiecutter[^/]*|\.[^/]+)/|(^|/)(test_[^/]*|[^/]*_test|conftest|setup|noxfile)\.py$|\{\{|\{%"
)
MAX_CANDIDATE_FILES = 400


class Key(NamedTuple):
    """The identity of an application: the file and the name it is bound to there."""

    path: str
    name: str


@dataclass(frozen=True)
class App:
    """An application object or a factory.

    `required` names the arguments that a factory cannot be called without; `wraps` is the application that
    an ASGI wrapper holds.
    """

    key: Key
    line: int
    factory: bool = False
    required: tuple[str, ...] = ()
    wraps: Key | None = None
    made_by: Key | None = None

    @property
    def where(self) -> str:
        """Return `path:line` of the definition."""
        return f"{self.key.path}:{self.line}"


@dataclass
class Apps:
    """All applications of a tree: candidates, those in tests and documentation, those mounted in others."""

    found: dict[Key, App] = field(default_factory=dict)
    factories: dict[Key, App] = field(default_factory=dict)
    mounted: dict[Key, str] = field(default_factory=dict)
    inner: list[tuple[str, str]] = field(default_factory=list)
    launchers: list[str] = field(default_factory=list)

    def candidates(self, side: bool = False) -> list[App]:
        """Return the applications that a server could be pointed at, outside tests and documentation."""
        wrapped = {a.wraps for a in self.found.values() if a.wraps}
        used = {a.made_by for a in self.found.values()}
        objects = [a for k, a in self.found.items() if k not in self.mounted and k not in wrapped]
        factories = [a for k, a in self.factories.items() if k not in used and "." not in k.name]
        return [a for a in [*objects, *factories] if bool(SIDE.search(a.key.path)) == side]


def find_apps(code: Code) -> Apps:
    """Return the applications of a tree."""
    apps = Apps()
    modules = _candidate_modules(code, apps)
    for module in modules:
        _factories(code, module, apps)
    modules += _factory_users(code, apps, {m.path for m in modules})
    for _ in range(2):  # a second round finds what is made by a factory that itself calls a factory
        for module in modules:
            _factories(code, module, apps)
    for module in modules:
        _objects(code, module, apps)
    for module in modules:
        _wrappers(code, module, apps)
    for module in modules:
        _mounts(code, module, apps)
    return apps


def is_fastapi(code: Code, module: Module, node: ast.AST | None, hops: int = 4) -> bool:
    """Tell whether an expression names FastAPI or a class of the project that derives from it."""
    name = module.dotted(node)
    if name in FASTAPI:
        return True
    found = code.symbol(module, name) if name and hops else None
    if found is None or found.name not in found.module.classes:
        return False
    bases = found.module.classes[found.name].bases
    return any(is_fastapi(code, found.module, base, hops - 1) for base in bases)


def resolve(code: Code, module: Module, node: ast.AST | None, apps: Apps) -> App | None:
    """Return the application or factory that an expression names."""
    found = code.symbol(module, module.dotted(node)) if node is not None else None
    if found is None:
        return None
    key = Key(found.module.path, found.name)
    return apps.found.get(key) or apps.factories.get(key)


def _candidate_modules(code: Code, apps: Apps) -> list[Module]:
    found: list[Module] = []
    for path in code.tree.files:
        if not path.endswith(".py"):
            continue
        data = code.tree.data(path) or b""
        if not any(needle in data for needle in NEEDLES):
            continue
        if NEEDLES[0] in data and len(found) < MAX_CANDIDATE_FILES and (module := code.module(path)):
            found.append(module)
        if any(needle in data for needle in NEEDLES[1:]) and not SIDE.search(path):
            apps.launchers.append(path)
    return found


def _factory_users(code: Code, apps: Apps, known: set[str]) -> list[Module]:
    names = {key.name.rpartition(".")[2].encode() for key in apps.factories}
    found: list[Module] = []
    for path in code.tree.files if names else ():
        if path.endswith(".py") and path not in known and not SIDE.search(path):
            data = code.tree.data(path) or b""
            if (
                any(n in data for n in names)
                and len(found) < MAX_CANDIDATE_FILES
                and (m := code.module(path))
            ):
                found.append(m)
    return found


def _factories(code: Code, module: Module, apps: Apps) -> None:
    for name, function in module.functions.items():
        key = Key(module.path, name)
        method = "." in name
        if key in apps.factories or (method and name.rpartition(".")[0] not in module.classes):
            continue
        made = is_fastapi(code, module, function.returns) if function.returns else False
        if made or any(_makes(code, module, value, name, apps) for value in module.returns.get(name, ())):
            required = tuple(required_arguments(function, method))
            annotations = [a.annotation for a in function.args.args]
            # A function that is handed an application and returns it configures one, it makes none.
            if not any(is_fastapi(code, module, a) for a in annotations if a is not None):
                apps.factories[key] = App(key, function.lineno, True, required)


def _makes(code: Code, module: Module, value: ast.expr, function: str, apps: Apps) -> bool:
    if isinstance(value, ast.Name):
        bound = next(
            (b for b in module.bindings if b.name == value.id and b.scope.function == function), None
        )
        if bound is None:
            return False
        value = bound.value
    if not isinstance(value, ast.Call):
        return False
    if is_fastapi(code, module, value.func):
        return True
    made = resolve(code, module, value.func, apps)
    return made is not None and made.factory


def _objects(code: Code, module: Module, apps: Apps) -> None:
    for binding in module.bindings:
        scope = binding.scope
        if scope.function or scope.owner or scope.main or scope.typing:
            made = isinstance(binding.value, ast.Call) and is_fastapi(code, module, binding.value.func)
            if made and scope.function and Key(module.path, scope.function) not in apps.factories:
                apps.inner.append((f"{module.path}:{binding.line}", scope.function))
            continue
        made, maker = _made(code, module, binding, apps)
        if made:
            key = Key(module.path, binding.name)
            apps.found.setdefault(key, App(key, binding.line, made_by=maker))


def _made(code: Code, module: Module, binding: Binding, apps: Apps) -> tuple[bool, Key | None]:
    if not isinstance(binding.value, ast.Call):
        return False, None
    function = binding.value.func
    if is_fastapi(code, module, function):
        return True, None
    maker = resolve(code, module, function, apps)
    if maker and maker.factory:
        return True, maker.key
    if isinstance(function, ast.Attribute):
        methods = [k for k in apps.factories if k.name.endswith("." + function.attr)]
        if len(methods) == 1 and module.dotted(function).partition(".")[0] not in {"fastapi", "uvicorn"}:
            return True, methods[0]
    return bool(binding.annotation is not None and is_fastapi(code, module, binding.annotation)), None


def _wrappers(code: Code, module: Module, apps: Apps) -> None:
    for binding in module.bindings:
        key = Key(module.path, binding.name)
        if (
            binding.scope.function
            or binding.scope.main
            or not isinstance(binding.value, ast.Call)
            or key in apps.found
        ):
            continue
        if not _wraps(code, module, binding.value):
            continue
        values = [*binding.value.args, *(k.value for k in binding.value.keywords)]
        inner = next((a for v in values if (a := resolve(code, module, v, apps)) and not a.factory), None)
        if inner:
            apps.found[key] = App(key, binding.line, wraps=inner.key)


def _wraps(code: Code, module: Module, call: ast.Call) -> bool:
    """Tell whether a call makes an ASGI application around another: by its class's methods, or its name."""
    name = module.dotted(call.func)
    found = code.symbol(module, name) if name else None
    if found and found.name in found.module.classes:
        method = found.module.functions.get(f"{found.name}.__call__")
        named = [a.arg for a in method.args.args] if method else []
        return "scope" in named or WRAPPERS.search(name) is not None
    return WRAPPERS.search(name) is not None


def _mounts(code: Code, module: Module, apps: Apps) -> None:
    for site in module.calls:
        target = _mounted(module, site)
        app = resolve(code, module, target, apps) if target is not None else None
        if app and not app.factory:
            apps.mounted.setdefault(app.key, module.at(site.node))


def _mounted(module: Module, site: Site) -> ast.expr | None:
    function = site.node.func
    if isinstance(function, ast.Attribute) and function.attr == "mount":
        return argument(site.node, 1, "app")
    if module.dotted(function) in {"starlette.routing.Mount", "fastapi.routing.Mount"}:
        return keyword(site.node, "app")
    return None
