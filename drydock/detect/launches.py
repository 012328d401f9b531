"""Collect the evidence of a project's start, and resolve each piece to an application in its code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from drydock.detect import gunicorn, prelude
from drydock.detect.apps import RUNNERS, SIDE, App, Apps, Key, inside, resolve
from drydock.detect.code import Code, find, module_name
from drydock.detect.commands import BIND_OPTIONS, Command, Launch, Options, number, read_command
from drydock.detect.syntax import Module, Site, by_keys, constant, is_true
from drydock.detect.tree import ancestors, folder_of, join
from drydock.detect.values import reader
from drydock.toml import table

FASTAPI_FILES = ("main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py")
FASTAPI_NAMES = ("app", "api")

CONFIGURED, PRODUCTION, HOSTED, LAUNCHER, DEVELOPMENT = range(5)


@dataclass(frozen=True)
class Evidence:
    """One place that tells how the project starts."""

    where: str
    rank: int
    module: str = ""  # the server loads `name` from it
    name: str = ""
    app: App | None = None
    root: str = ""  # on `sys.path`; empty if unknown
    workdir: str = ""  # the server's working directory; empty if unknown
    factory: bool = False
    port: int | None = None
    missing: str = ""  # a target that no file of the tree defines
    options: Options = ()
    wrapper: str = ""  # around the application, made where the server starts
    steps: tuple[str, ...] = ()  # of a Python program, before it starts the server

    @property
    def reloads(self) -> bool:
        """Whether the server watches its source, as only developers' do."""
        return ("--reload", "--reload") in self.options


def collect(code: Code, apps: Apps, commands: list[Command]) -> list[Evidence]:
    """Return all evidence of the project's start, configured entry points first."""
    found = _configured(code, apps)
    for command in commands:
        for launch in read_command(command.text):
            found += _launched(code, apps, launch, command)
    for module in filter(None, map(code.module, apps.launchers)):
        found += launcher(code, apps, module, LAUNCHER)
    return sorted(found, key=lambda e: e.rank)


def target(code: Code, apps: Apps, text: str, folders: tuple[str, ...], where: str, rank: int) -> Evidence:
    """Resolve a `module:name` that is loaded with one of `folders` on `sys.path`."""
    dotted, _, name = text.partition(":")
    parts = tuple(dotted.split("."))
    for folder in [*folders, *_suffix_roots(code, parts, folders)]:
        path, left = find(code.tree, folder, parts) or ("", ())
        module = code.module(path) if path and not left else None
        if module is None:
            continue
        attribute = name.removesuffix("()") or _default_name(apps, path)
        app = _named(module, attribute, apps)
        if app or attribute in module.names or attribute in module.aliases:
            factory = bool(app and app.factory)
            app = app or _unknown(module, attribute)
            return Evidence(where, rank, dotted, attribute, app, folder, factory=factory)
    return Evidence(where, rank, missing=text)


def launcher(
    code: Code, apps: Apps, module: Module, rank: int, where: str = "", workdir: str = ""
) -> list[Evidence]:
    """Return the evidence of a Python file that starts a server itself."""
    found = []
    for site in (_expanded(site) for site in module.calls if site.name in RUNNERS):
        first = site.argument(0, "app") or site.keyword("target")
        port = reader(site).text(site.keyword("port")) or ""
        place, text = where or site.where, _target_text(site, first)
        if text and ":" in text:
            below = constant(site.keyword("app_dir")) or "."
            folders = tuple(join(folder, below) for folder in ancestors(module.path))
            one = target(code, apps, text, folders, place, rank)
        elif app := resolve(module, _uncalled(site, first), apps):
            one = Evidence(place, rank, "", app.key.name, app, factory=app.factory)
        elif call := _made_here(site, first):
            app, made = inside(module, call, apps), module.dotted(call.func)
            if app is None:
                continue
            one = Evidence(place, rank, "", app.key.name, app, factory=app.factory, wrapper=made)
        else:
            continue
        factory = one.factory or is_true(site.keyword("factory"))
        options = tuple(_keywords(site)) if site.name.startswith("uvicorn.") else ()
        steps = prelude.steps(module, site, one.app.key.path if one.app else "")
        found.append(
            replace(one, workdir=workdir, factory=factory, port=number(port), options=options, steps=steps)
        )
    return found


def _configured(code: Code, apps: Apps) -> list[Evidence]:
    found = []
    for path in code.tree.named("pyproject.toml"):
        entry = table(code.tree.toml(path), "tool", "fastapi").get("entrypoint")
        if isinstance(entry, str) and not SIDE.search(path):
            folders = (folder_of(path), join(folder_of(path), "src"))
            found.append(target(code, apps, entry, folders, f"{path} [tool.fastapi] entrypoint", CONFIGURED))
    return found


def _launched(code: Code, apps: Apps, launch: Launch, command: Command) -> list[Evidence]:
    production = HOSTED if command.hosted else PRODUCTION
    folders, rank = command.folders, production if command.production else DEVELOPMENT
    if launch.kind == "target" and not launch.target:
        named = gunicorn.application(code, launch.options, folders[0])
        return _launched(code, apps, replace(launch, target=named), command) if named else []
    if launch.kind == "target":
        roots = tuple(join(f, launch.app_dir) for f in folders) if launch.app_dir else folders
        hit = target(code, apps, launch.target, roots, command.where, rank)
        # The working directory is known only if the module was found in the command's folder.
        workdir = folders[roots.index(hit.root)] if hit.root in roots else hit.root
        if hit.root in command.paths or hit.root == join(folders[0], "src"):
            workdir = folders[0]  # PYTHONPATH, or an installation, brings the module
        factory, options = hit.factory or launch.factory, launch.options
        if launch.server == "gunicorn":
            options = gunicorn.with_settings(code, options, workdir or folders[0])
        bound = next((text for name, text in options if name in BIND_OPTIONS), "")
        port = launch.port or number(bound.rpartition(":")[2])
        return [replace(hit, workdir=workdir, factory=factory, port=port, options=options)]
    path = _file(code, launch, folders)
    module = code.module(path) if path else None
    if module is None:
        return []
    if launch.kind != "fastapi":
        workdir = next((f for f in folders if f == "." or module.path.startswith(f + "/")), "")
        started = launcher(code, apps, module, rank, command.where, workdir)
        return [replace(one, port=launch.port) for one in started]
    name = _default_name(apps, module.path)
    app = _named(module, name, apps)
    one = Evidence(command.where, rank, "", name, app, "", folders[0], False, launch.port, "", launch.options)
    return [one] if app else []


def _file(code: Code, launch: Launch, folders: tuple[str, ...]) -> str | None:
    if launch.kind == "module":
        inner = launch.target.replace(".", "/")
        names: tuple[str, ...] = (f"{inner}/__main__.py", f"{inner}.py")
    elif launch.kind == "fastapi" and not launch.target.endswith(".py"):
        names = tuple(join(launch.target or ".", name) for name in FASTAPI_FILES)
    else:
        names = (launch.target.lstrip("/"), launch.target.rpartition("/")[2])
    paths = (join(folder, name) for folder in folders for name in names)
    return next((path for path in paths if code.tree.exists(path)), None)


def _suffix_roots(code: Code, parts: tuple[str, ...], tried: tuple[str, ...]) -> list[str]:
    """Return the other folders below which the dotted module exists."""
    tails = ("/".join(parts) + ".py", "/".join(parts) + "/__init__.py")
    hits = [f for f in code.tree.files if f.endswith(tails) and not SIDE.search(f)]
    roots = [f[: -len(t)].rstrip("/") or "." for f in hits for t in tails if f == t or f.endswith("/" + t)]
    return [r for r in sorted(roots, key=lambda r: (r.count("/"), r)) if r not in tried]


def _default_name(apps: Apps, path: str) -> str:
    names = [key.name for key in apps.found if key.path == path]
    return next((n for n in FASTAPI_NAMES if n in names), names[0] if names else "app")


def _named(module: Module, name: str, apps: Apps) -> App | None:
    head = ast.Name(id=name.partition(".")[0], ctx=ast.Load())
    return apps.found.get(Key(module.path, name)) or resolve(module, head, apps)


def _unknown(module: Module, name: str) -> App:
    binding, function = module.bound(name), module.functions.get(name)
    line = binding.line if binding else function.lineno if function else 1
    return App(Key(module.path, name), line, factory=function is not None)


def _uncalled(site: Site, node: ast.expr | None) -> ast.expr | None:
    """Return the function of `run(create_app())` and of `app = create_app(); run(app)`."""
    call = _made_here(site, node)
    return call.func if call else node


def _made_here(site: Site, node: ast.expr | None) -> ast.Call | None:
    """Return the call that makes an argument, there or in the same function before."""
    function = site.scope.function
    binding = site.module.bound(node.id, function) if isinstance(node, ast.Name) else None
    if binding and binding.scope.function == function and (function or binding.scope.main):
        node = binding.value
    return node if isinstance(node, ast.Call) else None


def _expanded(site: Site) -> Site:
    """Return a call with the arguments of `**options` one by one, where these are written down."""
    given: list[ast.keyword] = []
    for one in site.node.keywords:
        value = one.value
        if one.arg is None and isinstance(value, ast.Name):
            binding = site.module.bound(value.id, site.scope.function)
            value = binding.value if binding else value
        if one.arg is None and isinstance(value, ast.Call) and site.module.dotted(value.func) == "dict":
            given += value.keywords
        elif one.arg is None and (pairs := by_keys(value)) and all(pairs):
            given += [ast.keyword(name, each) for name, each in pairs.items()]
        else:
            given.append(one)
    node = ast.Call(site.node.func, site.node.args, given)
    return site._replace(node=ast.copy_location(node, site.node))


def _keywords(site: Site) -> Iterator[tuple[str, str]]:
    """Yield the arguments of `uvicorn.run(…)`, as options of a command line."""
    for given in site.node.keywords:
        name = (given.arg or "").replace("_", "-")
        if given.arg is None:
            yield "**", f"**{ast.unparse(given.value)}"
        elif is_true(given.value) or is_true(given.value, False):
            option = f"--{name}" if is_true(given.value) else f"--no-{name}"
            yield option, option
        elif name not in ("", "app") and not is_true(given.value, None):
            yield f"--{name}", f"--{name} {reader(site).shown(given.value)}"


def _target_text(site: Site, node: ast.expr | None) -> str | None:
    if not isinstance(node, ast.JoinedStr):
        return reader(site).text(node)
    code, path = site.module.code, site.module.path
    plain = (a for a in ancestors(path) if not (code and code.tree.exists(join(a, "__init__.py"))))
    whole = module_name(next(plain, "."), path)
    texts = []
    for part in node.values:
        package = isinstance(part, ast.FormattedValue) and site.module.dotted(part.value) == "__package__"
        text = constant(part)
        own = whole.rpartition(".")[0] if package else whole.rpartition(".")[2]
        texts.append(own if text is None else text)
    return "".join(texts)
