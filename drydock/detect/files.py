"""Find the files that a program reads and writes, as far as their paths are written down in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from drydock.detect.code import Code, Startup
from drydock.detect.syntax import Module, Site, argument, constant, keyword
from drydock.detect.tree import join
from drydock.detect.values import FilePath, folder_of_path, path_of

Kind = Literal["folder", "read", "make", "write", "database"]

SERVED = {"StaticFiles": "directory", "Jinja2Templates": "directory", "FileSystemLoader": "searchpath"}
READERS = {
    "FileResponse": "path",
    "fileConfig": "fname",
    "load_dotenv": "dotenv_path",
    "read_csv": "filepath_or_buffer",
    "read_json": "path_or_buf",
    "read_parquet": "path",
    "read_excel": "io",
    "dotenv_values": "dotenv_path",
}
LOADERS = frozenset({"joblib.load", "numpy.load", "torch.load"})
WRITERS = {
    "os.makedirs": "name",
    "os.mkdir": "path",
    "logging.FileHandler": "filename",
    "logging.handlers.RotatingFileHandler": "filename",
    "logging.handlers.TimedRotatingFileHandler": "filename",
    "sqlite3.connect": "database",
    "aiosqlite.connect": "database",
    "tinydb.TinyDB": "path",
}
MAKERS = frozenset({"os.makedirs", "os.mkdir"})
METHODS: dict[str, Kind] = {
    "mkdir": "make",
    "write_text": "write",
    "write_bytes": "write",
    "touch": "write",
    "read_text": "read",
    "read_bytes": "read",
}
MEMORY = re.compile(r"^sqlite(\+\w+)?:(//)?(/:memory:.*|/?$|\?.*)|mode=memory")
# Two slashes and a path are Tortoise's form.
DATABASE = re.compile(r"^sqlite(\+\w+)?://(/(?!/))?(?P<path>[^/:?{}][^?{}]*)")

# Where a container may write, or where nobody would write but by mistake: nothing to keep.
ELSEWHERE = re.compile(r"^/(tmp|dev|proc|sys|run|var/tmp|var/run|etc|usr|bin|sbin|lib\w*|boot)(/|$)|^/+$")


@dataclass(frozen=True)
class FileUse:
    """A file or folder that the program uses; `path` is relative to the tree when `beside_code`, else to the
    working directory, or absolute. What the program makes is a folder, what it writes a file. `at_import` and
    `guarded` say when, and whether its absence is provided for."""

    path: str
    beside_code: bool
    kind: Kind
    where: str
    at_import: bool
    guarded: bool


def file_uses(code: Code, startup: Startup) -> list[FileUse]:
    """Return the files and folders that the modules of an application read and write."""
    found: list[FileUse] = []
    for module in startup.modules:
        for site in module.calls:
            use = _use(code, startup, module, site)
            if use:
                found.append(use)
        found += _tortoise(code, module)
        for url, line in module.databases:
            match = DATABASE.match(url)
            if match and not MEMORY.search(url) and match["path"].isprintable():
                path = join(match["path"])
                found.append(FileUse(path, False, "database", f"{module.path}:{line}", False, False))
            elif url.endswith(":///{}"):  # an f-string whose path is worked out at run time
                found.append(FileUse(".", False, "database", f"{module.path}:{line}", False, False))
    return list(dict.fromkeys(found))


def _tortoise(code: Code, module: Module) -> Iterator[FileUse]:
    """Yield the SQLite files of Tortoise's configuration, which is a dictionary."""
    if not any(statement.module.startswith("tortoise") for statement in module.imports):
        return
    values = [binding.value for binding in module.bindings]
    values += [value.value for site in module.calls for value in site.node.keywords]
    for node in (inner for value in values if isinstance(value, ast.Dict) for inner in ast.walk(value)):
        if isinstance(node, ast.Dict):
            by_key = {constant(key): value for key, value in zip(node.keys, node.values, strict=True)}
            path = path_of(code, module, by_key.get("file_path"))
            if path and constant(by_key["file_path"]) != ":memory:":
                yield FileUse(path.path, path.beside_code, "database", module.at(node), False, False)


def _use(code: Code, startup: Startup, module: Module, site: Site) -> FileUse | None:
    call = site.node
    kind, node = _classified(_base(code, module, site.name), call)
    if kind is None or node is None:
        return None
    path = path_of(code, module, node, site.scope.function)
    if path is None and kind in {"read", "write", "make"}:
        # The file's name is known when it runs: its folder is what counts.
        path = folder_of_path(code, module, node, site.scope.function)
        kind = "read" if kind == "read" else "make"
        site = site._replace(scope=site.scope._replace(tested=True))
        path = None if path is None or path.path in {".", "/"} else path
    if path is None or path.path.startswith("..") or constant(node) == ":memory:":
        return None
    if path.path.startswith("/") and (kind in {"folder", "read"} or ELSEWHERE.match(path.path)):
        return None  # the machine's own
    if kind == "folder" and isinstance(k := keyword(call, "check_dir"), ast.Constant) and k.value is False:
        site = site._replace(scope=site.scope._replace(tested=True))
    return _made(path, kind, module.at(call), startup.runs(module, site.scope), site)


def _base(code: Code, module: Module, name: str, hops: int = 3) -> str:
    """Return the name of the library's class that a class of the project derives from, else the name."""
    found = code.symbol(module, name) if name else None
    owner = found.module.classes.get(found.name) if found else None
    for base in owner.bases if found and owner and hops else ():
        above = _base(code, found.module, found.module.dotted(base), hops - 1) if found else ""
        if above.rpartition(".")[2] in SERVED:
            return above
    return name


def _made(path: FilePath, kind: Kind, where: str, at_import: bool, site: Site) -> FileUse:
    guarded = site.scope.tested or site.scope.tried
    return FileUse(path.path, path.beside_code, kind, where, at_import, guarded)


def _classified(name: str, call: ast.Call) -> tuple[Kind | None, ast.expr | None]:
    tail = name.rpartition(".")[2]
    if tail in SERVED:
        return "folder", argument(call, 0, SERVED[tail])
    if name in {"open", "io.open", "aiofiles.open", "anyio.open_file"}:
        mode = constant(argument(call, 1, "mode")) or "r"
        return ("write" if set(mode) & set("wax+") else "read"), argument(call, 0, "file")
    if name in WRITERS:
        kind: Kind = "database" if name.endswith(".connect") else "make" if name in MAKERS else "write"
        return kind, argument(call, 0, WRITERS[name])
    if tail in READERS:
        return "read", argument(call, 0, READERS[tail])
    if name in LOADERS:
        return "read", argument(call, 0, "file")
    if isinstance(call.func, ast.Attribute):
        method = call.func.attr
        if method == "frontend":
            return "folder", keyword(call, "directory")
        if method == "open" and not name.startswith(("aiofiles", "gzip", "io", "PIL", "webbrowser", "Image")):
            mode = constant(argument(call, 0, "mode")) or ""
            return ("write" if set(mode) & set("wax+") else "read") if mode else None, call.func.value
        if method in METHODS:
            return METHODS[method], call.func.value
    return None, None
