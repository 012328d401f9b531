"""Collect what says how a project is started, and resolve each to an application of its code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from drydock.detect.apps import RUNNERS, SIDE, App, Apps, Key, resolve
from drydock.detect.code import Code, find, module_name
from drydock.detect.commands import Launch, read_command
from drydock.detect.dockerfiles import Command
from drydock.detect.syntax import Module, Site, argument, constant, keyword
from drydock.detect.tree import ancestors, folder_of, join, table
from drydock.detect.values import text_of

FASTAPI_FILES = ("main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py")
FASTAPI_NAMES = ("app", "api")

CONFIGURED, PRODUCTION, LAUNCHER, DEVELOPMENT = range(4)


@dataclass(frozen=True)
class Evidence:
    """One place that says what is started.

    `module` and `name` are what a server is to load; `app` is the application behind them; `root` is the
    folder that stands on `sys.path` then, `workdir` the working directory (each `""` when not told).
    `missing` is the text of a target that no file of the tree defines. `options` are a
    server's own, each with its name and its text.
    """

    where: str
    rank: int
    module: str = ""
    name: str = ""
    app: App | None = None
    root: str = ""
    workdir: str = ""
    factory: bool = False
    port: int | None = None
    missing: str = ""
    options: tuple[tuple[str, str], ...] = ()


def collect(code: Code, apps: Apps, commands: list[Command]) -> list[Evidence]:
    """Return all evidence of how the project is started, configured entry points first."""
    found = _configured(code, apps)
    for command in commands:
        rank = PRODUCTION if command.production else DEVELOPMENT
        for launch in read_command(command.text):
            found += _launched(code, apps, launch, command, rank)
    for path in apps.launchers:
        module = code.module(path)
        if module:
            found += launcher(code, apps, module, LAUNCHER)
    return sorted(found, key=lambda e: e.rank)


def target(code: Code, apps: Apps, text: str, folders: tuple[str, ...], where: str, rank: int) -> Evidence:
    """Return the evidence for a `module:name` that is loaded with one of `folders` on `sys.path`."""
    dotted, _, name = text.partition(":")
    parts = tuple(dotted.split("."))
    name = name.removesuffix("()")
    for folder in [*folders, *_suffix_roots(code, parts, folders)]:
        hit = find(code.tree, folder, parts)
        if hit is None or hit[1]:
            continue
        module = code.module(hit[0])
        if module is None:
            continue
        attribute = name or _default_name(apps, hit[0])
        app = apps.found.get(Key(hit[0], attribute)) or resolve(code, module, _expression(attribute), apps)
        if app or attribute in module.names or attribute in module.aliases:
            factory = bool(app and app.factory)
            return Evidence(
                where,
                rank,
                dotted,
                attribute,
                app or _unknown(hit[0], attribute, module),
                folder,
                "",
                factory,
            )
    return Evidence(where, rank, missing=text)


def launcher(
    code: Code, apps: Apps, module: Module, rank: int, where: str = "", workdir: str = ""
) -> list[Evidence]:
    """Return the evidence of a Python file that starts a server itself."""
    found = []
    for site in module.calls:
        if site.name not in RUNNERS:
            continue
        first = argument(site.node, 0, "app") or keyword(site.node, "target")
        port = _port(code, module, keyword(site.node, "port"), site.scope.function)
        place = where or module.at(site.node)
        options = tuple(_keywords(code, module, site)) if site.name.startswith("uvicorn.") else ()
        factory = isinstance(k := keyword(site.node, "factory"), ast.Constant) and k.value is True
        text = _target_text(code, module, first, site.scope.function)
        if text and ":" in text:
            app_dir = constant(keyword(site.node, "app_dir")) or ""
            folders = (
                tuple(join(a, app_dir) for a in ancestors(module.path))
                if app_dir
                else tuple(ancestors(module.path))
            )
            hit = target(code, apps, text, folders, place, rank)
            found.append(_with(hit, port, factory, workdir, options))
        elif (app := resolve(code, module, _uncalled(module, first, site.scope.function), apps)) is not None:
            name = app.key.name
            evidence = Evidence(place, rank, "", name, app, "", "", app.factory)
            found.append(_with(evidence, port, app.factory, workdir, options))
    return found


def _configured(code: Code, apps: Apps) -> list[Evidence]:
    found = []
    for path in code.tree.named("pyproject.toml"):
        entry = table(code.tree.toml(path), "tool", "fastapi").get("entrypoint")
        if isinstance(entry, str) and not SIDE.search(path):
            folder = folder_of(path)
            folders = (folder, join(folder, "src"))
            hit = target(code, apps, entry, folders, f"{path} [tool.fastapi] entrypoint", CONFIGURED)
            found.append(hit)
    return found


def _launched(code: Code, apps: Apps, launch: Launch, command: Command, rank: int) -> list[Evidence]:
    folders = command.folders
    if launch.kind == "target":
        roots = tuple(join(f, launch.app_dir) for f in folders) if launch.app_dir else folders
        hit = target(code, apps, launch.target, roots, command.where, rank)
        # The working directory is known only where the module was found at the place the command names.
        workdir = folders[roots.index(hit.root)] if hit.root in roots else ""
        return [_with(hit, launch.port, launch.factory, workdir or hit.root, launch.options)]
    if launch.kind == "script":
        return _script(code, apps, launch.target, command, rank)
    path = _file(code, launch, folders)
    module = code.module(path) if path else None
    if module is None or path is None:
        return []
    if launch.kind != "fastapi":
        workdir = next((f for f in folders if f == "." or path.startswith(f + "/")), "")
        return [
            _with(e, launch.port, e.factory, workdir, e.options)
            for e in launcher(code, apps, module, rank, command.where)
        ]
    name = _default_name(apps, path)
    app = apps.found.get(Key(path, name)) or resolve(code, module, _expression(name), apps)
    if app is None:
        return []
    evidence = Evidence(command.where, rank, "", name, app)
    return [_with(evidence, launch.port, False, folders[0], launch.options)]


def _script(code: Code, apps: Apps, name: str, command: Command, rank: int) -> list[Evidence]:
    base = name.rpartition("/")[2]
    near = [
        f for f in code.tree.named(base) if any(x == "." or f.startswith(x + "/") for x in command.folders)
    ]
    for path in near[:3] or code.tree.named(base)[:1]:
        text = code.tree.text(path) or ""
        inner = Command(text, f"{path} (from {command.where})", command.folders, command.production)
        found = [
            evidence
            for launch in read_command(text)
            if launch.kind != "script"
            for evidence in _launched(code, apps, launch, inner, rank)
        ]
        if found:
            return found
    return []


def _file(code: Code, launch: Launch, folders: tuple[str, ...]) -> str | None:
    if launch.kind == "module":
        inner = launch.target.replace(".", "/")
        names: tuple[str, ...] = (f"{inner}/__main__.py", f"{inner}.py")
    elif launch.kind == "fastapi" and not launch.target.endswith(".py"):
        names = tuple(join(launch.target or ".", name) for name in FASTAPI_FILES)
    else:
        names = (launch.target.lstrip("/"), launch.target.rpartition("/")[2])
    for folder in folders:
        for name in names:
            if code.tree.exists(join(folder, name)):
                return join(folder, name)
    return None


def _suffix_roots(code: Code, parts: tuple[str, ...], tried: tuple[str, ...]) -> list[str]:
    """Return the folders, other than those tried, below which the dotted module exists."""
    tails = ("/".join(parts) + ".py", "/".join(parts) + "/__init__.py")
    hits = [f for f in code.tree.files if f.endswith(tails) and not SIDE.search(f)]
    roots = [f[: -len(t)].rstrip("/") or "." for f in hits for t in tails if f == t or f.endswith("/" + t)]
    return [r for r in sorted(roots, key=lambda r: (r.count("/"), r)) if r not in tried]


def _default_name(apps: Apps, path: str) -> str:
    names = [key.name for key in apps.found if key.path == path]
    return next((n for n in FASTAPI_NAMES if n in names), names[0] if names else "app")


def _expression(name: str) -> ast.expr:
    return ast.Name(id=name.partition(".")[0], ctx=ast.Load())


def _unknown(path: str, name: str, module: Module) -> App:
    binding = module.bound(name)
    function = module.functions.get(name)
    line = binding.line if binding else function.lineno if function else 1
    return App(Key(path, name), line, factory=function is not None)


def _uncalled(module: Module, node: ast.expr | None, function: str) -> ast.expr | None:
    """Return what stands behind `run(create_app())` and `app = create_app(); run(app)`."""
    if isinstance(node, ast.Name) and function:
        binding = module.bound(node.id, function)
        if binding and binding.scope.function == function:
            node = binding.value
    return node.func if isinstance(node, ast.Call) else node


def _keywords(code: Code, module: Module, site: Site) -> Iterator[tuple[str, str]]:
    """Yield the arguments of `uvicorn.run(…)` that are written down, as options of a command line."""
    for given in site.node.keywords:
        name = (given.arg or "").replace("_", "-")
        value = given.value.value if isinstance(given.value, ast.Constant) else None
        if isinstance(value, bool):
            yield (f"--{name}", f"--{name}") if value else (f"--no-{name}", f"--no-{name}")
        elif name not in ("", "app") and (text := text_of(code, module, given.value, site.scope.function)):
            yield f"--{name}", f"--{name} {text}"


def _target_text(code: Code, module: Module, node: ast.expr | None, function: str) -> str | None:
    if isinstance(node, ast.JoinedStr):
        own = module_name(folder_of(module.path), module.path)
        return "".join(
            v if (v := constant(p)) is not None else own for p in node.values if not isinstance(p, ast.Await)
        )
    return text_of(code, module, node, function)


def _port(code: Code, module: Module, node: ast.expr | None, function: str) -> int | None:
    text = text_of(code, module, node, function)
    return int(text) if text and text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536 else None


def _with(
    evidence: Evidence,
    port: int | None,
    factory: bool,
    workdir: str,
    options: tuple[tuple[str, str], ...] = (),
) -> Evidence:
    return replace(
        evidence,
        workdir=workdir or evidence.workdir,
        factory=factory or evidence.factory,
        port=port,
        options=options,
    )
