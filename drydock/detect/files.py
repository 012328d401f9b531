"""Find the files that a program reads and writes, as far as their paths are written in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from drydock.detect import system
from drydock.detect.apps import SIDE
from drydock.detect.code import Startup
from drydock.detect.syntax import Module, Site, by_keys, constant, each_of, is_true
from drydock.detect.tree import Tree, ancestors, join
from drydock.detect.values import FilePath, Reader, reader

Kind = Literal["folder", "read", "make", "write", "database"]

SERVED = {"StaticFiles": "directory", "Jinja2Templates": "directory", "FileSystemLoader": "searchpath"}
# Those that take a list of folders.
SEVERAL = {"FileSystemLoader": "searchpath", "TemplateLookup": "directories", "Jinja2Templates": "directory"}
GLOB = re.compile(r"[^/]*[*?\[]")
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
# Calls that list a folder, and their argument; methods of paths that do.
LISTERS = {
    **dict.fromkeys(("os.walk", "os.fwalk"), "top"),
    **dict.fromkeys(("os.listdir", "os.scandir"), "path"),
    **dict.fromkeys(("glob.glob", "glob.iglob"), "pathname"),
}
LISTING_METHODS = frozenset({"iterdir", "glob", "rglob", "walk"})
IMPORTERS = frozenset({"importlib.import_module", "__import__", "runpy.run_module"})
LOADERS = frozenset({"joblib.load", "numpy.load", "torch.load"})
KEYWORD = 9  # the position of an argument that is given by its name alone
# Calls by their use of a file, and by the name and the position of the argument with its path.
WRITING: dict[tuple[Kind, str, int], str] = {
    ("make", "name", 0): "os.makedirs aiofiles.os.makedirs aiofiles.os.mkdir",
    ("make", "path", 0): "os.mkdir lmdb.open chromadb.PersistentClient",
    ("make", "directory", 0): "diskcache.Cache diskcache.FanoutCache",
    ("make", "location", 0): "joblib.Memory",
    ("make", "uri", 0): "lancedb.connect",
    ("make", "dst", 1): "shutil.copytree",
    ("make", "path", KEYWORD): "qdrant_client.QdrantClient",
    ("write", "filename", 0): "logging.FileHandler logging.handlers.RotatingFileHandler logging.basicConfig"
    " logging.handlers.TimedRotatingFileHandler logging.handlers.WatchedFileHandler shelve.open cv2.imwrite"
    " concurrent_log_handler.ConcurrentRotatingFileHandler",
    ("write", "path", 0): "tinydb.TinyDB",
    ("write", "sink", 0): "loguru.logger.add",
    ("write", "file", 0): "dbm.open numpy.save numpy.savez soundfile.write",
    ("write", "database", 0): "duckdb.connect",
    ("write", "dst", 1): "shutil.copy shutil.copy2 shutil.copyfile shutil.move",
    ("write", "f", 1): "torch.save safetensors.torch.save_file",
    ("write", "filename", 1): "urllib.request.urlretrieve joblib.dump",
    ("database", "database", 0): "sqlite3.connect aiosqlite.connect peewee.SqliteDatabase"
    " playhouse.sqlite_ext.SqliteExtDatabase",
    ("database", "filename", 0): "sqlitedict.SqliteDict",
    ("database", "filename_or_conn", 0): "sqlite_utils.Database",
    ("database", "path", 0): "piccolo.engine.sqlite.SQLiteEngine",
}
WRITERS = {name: row for row, names in WRITING.items() for name in names.split()}
# Calls with a mode.
OPENERS = {
    **dict.fromkeys(("open", "io.open", "aiofiles.open", "anyio.open_file", "zipfile.ZipFile"), "file"),
    **dict.fromkeys(("gzip.open", "bz2.open", "lzma.open"), "filename"),
    **dict.fromkeys(("tarfile.open", "h5py.File"), "name"),
}
# Methods of tables, images and documents that write a file, and their argument.
SAVERS = {
    **dict.fromkeys(("to_csv", "to_json"), "path_or_buf"),
    **dict.fromkeys(("to_parquet", "to_pickle", "to_feather"), "path"),
    "to_excel": "excel_writer",
    "save": "fp",
    "savefig": "fname",
    "write_pdf": "target",
    "output": "name",
}
METHODS: dict[str, Kind] = {
    "mkdir": "make",
    "write_text": "write",
    "write_bytes": "write",
    "touch": "write",
    "read_text": "read",
    "read_bytes": "read",
}
OF_TESTS = re.compile(r"(^|_)tests?(ing)?(_|$)", re.I)
MEMORY = re.compile(r"^sqlite(\+\w+)?:(//)?(/:memory:.*|/?$|\?.*)|mode=memory")
# Tortoise writes two slashes and a path.
DATABASE = re.compile(r"^sqlite(\+\w+)?://(/(?!/))?(?P<path>[^/:?{}%][^?{}%]*)")

# Files of variables that a developer's program reads, or copies of which it reads.
VARIABLES = re.compile(
    r"(^|/)[\w-]*\.?env([._-](example|sample|template|dist|default|local|dev|development))?$", re.I
)
DATABASE_HEAD = re.compile(r"sqlite(\+\w+)?://(/(?!/))?")

# A container can write there, or a program writes there only by mistake: no volume is needed.
ELSEWHERE = re.compile(r"^/(tmp|dev|proc|sys|run|var/tmp|var/run|etc|usr|bin|sbin|lib\w*|boot)(/|$)|^/+$")


SUFFIX = re.compile(r"\.\w{2,7}$")
# The file of a handler in logging's configuration, as YAML, JSON or INI.
LOGGED = re.compile(
    r"""^\s*["']?filename["']?\s*:\s*["']?([\w./-]+)|^\s*args\s*=\s*\(\s*["']([\w./-]+)""", re.M
)
# A path of a temporary folder, or an open file.
PASSING = re.compile(r"te?mp|home|expanduser|BytesIO|StringIO|stdout|stderr", re.I)


@dataclass(frozen=True)
class FileUse:
    """A file or folder that the program uses."""

    path: str  # absolute, or relative to the tree (`beside_code`) or to the working directory
    beside_code: bool
    kind: Kind
    where: str
    at_import: bool = False
    guarded: bool = False  # whether the program handles its absence

    def place(self, workdir: str) -> str:
        """Return the path relative to the tree."""
        return self.path if self.beside_code else join(workdir, self.path)


def file_uses(startup: Startup) -> list[FileUse]:
    """Return the files and folders that an application's modules read and write."""
    found: list[FileUse] = []
    for module in startup.modules:
        found += (use for site in module.calls for use in _uses(startup, site))
        found += (use for site in module.calls for use in (*_listed(site), *_imported(startup, site)))
        found += _log_files(module)
        found += _tortoise(module)
        tests = {binding.line for binding in module.bindings if OF_TESTS.search(binding.name)}
        for url, line in module.databases:
            match = DATABASE.match(url) if line not in tests else None
            if match and not MEMORY.search(url) and match["path"].isprintable():
                found.append(FileUse(join(match["path"]), False, "database", f"{module.path}:{line}"))
        found += filter(None, (_worked_out(module, *one) for one in module.worked_out))
        found += _mentioned(startup, module)
    return list(dict.fromkeys(found))


def told_databases(tree: Tree, names: Collection[str]) -> Iterator[FileUse]:
    """Yield the SQLite files that variables name in the project's examples, unless one names a server."""
    told: dict[str, list[tuple[str, str]]] = {}
    for path in (path for path in tree.files if VARIABLES.search(path) and not SIDE.search(path)):
        for number, line in enumerate((tree.text(path) or "").splitlines(), 1):
            name, _, value = line.removeprefix("export ").partition("=")
            if name.strip().upper() in names:
                told.setdefault(name.strip().upper(), []).append((value.strip(" \"'"), f"{path}:{number}"))
    for values in told.values():
        found = [(DATABASE.match(value), where) for value, where in values if not MEMORY.search(value)]
        for match, where in found if all(match for match, _ in found) else ():
            if match and match["path"].isprintable():
                yield FileUse(join(match["path"]), False, "database", where)


def makes_unknown(startup: Startup) -> bool:
    """Tell whether the program makes a folder at import whose path is known at run time alone."""
    made = (site for site in startup.calls if startup.at_import(site))
    classified = ((site, *_classified(_callee(site), site)) for site in made)
    return any(kind == "make" and node and not reader(site).path(node) for site, kind, node in classified)


def _worked_out(module: Module, url: ast.JoinedStr, function: str) -> FileUse | None:
    """Return the SQLite file of an f-string, at "." where its path is known at run time alone."""
    values = Reader(module, function)
    if text := values.text(url):
        match = DATABASE.match(text)
        return FileUse(join(match["path"]), False, "database", module.at(url)) if match else None
    head, *rest = url.values
    if not DATABASE_HEAD.fullmatch(constant(head) or ""):
        return None
    alone = rest[0] if len(rest) == 1 else None
    path = values.path(alone.value if isinstance(alone, ast.FormattedValue) else ast.JoinedStr(rest))
    return FileUse(*(path or FilePath(".", False)), "database", module.at(url))


def _mentioned(startup: Startup, module: Module) -> Iterator[FileUse]:
    """Yield the files of the tree whose names a module holds, beside it or in a folder above."""
    for name, line in module.mentioned:
        places = (join(folder, name) for folder in ancestors(module.path))
        if path := next(filter(startup.code.tree.exists, places), ""):
            yield FileUse(path, True, "read", f"{module.path}:{line}", guarded=True)


def _listed(site: Site) -> Iterator[FileUse]:
    """Yield the folders whose files a call lists or finds templates in."""
    function, own = site.node.func, reader(site)
    nodes: list[ast.expr] = []
    if site.name in LISTERS:
        nodes = [node for node in [site.argument(0, LISTERS[site.name])] if node]
    elif isinstance(function, ast.Attribute) and function.attr in LISTING_METHODS:
        nodes = [function.value]
    elif site.tail in SEVERAL:
        node = site.argument(0, SEVERAL[site.tail])
        nodes = list(node.elts) if isinstance(node, (ast.List, ast.Tuple)) else []
    for node in nodes:
        path = own.path(node) or own.folder(node)
        if path:
            plain = path._replace(path=GLOB.split(path.path)[0].rstrip("/") or ".")
            if plain.path != "." and not plain.path.startswith(("..", "/")):
                yield FileUse(*plain, "read", site.where, guarded=True)


def _imported(startup: Startup, site: Site) -> Iterator[FileUse]:
    """Yield the module, or the folder of modules, that a call imports or runs by name."""
    first = site.argument(0, "name") if site.name in IMPORTERS else None
    head = first.values[0] if isinstance(first, ast.JoinedStr) and first.values else first
    dotted = constant(head) or ""
    if system.CALLERS.match(site.name):
        words = reader(site).texts(site.argument(0, "args")) or []
        dotted = next((after for before, after in pairwise(words) if before == "-m"), "")
        dotted = dotted or next((w[:-3].replace("/", ".") for w in words if w.endswith(".py")), "")
    inner = dotted.strip(".").replace(".", "/")
    for folder in ancestors(site.module.path) if inner else ():
        whole = join(folder, inner)
        for path in (f"{whole}.py", whole):
            if startup.code.tree.has(path):
                yield FileUse(path, True, "read", site.where, guarded=True)
                return


def _log_files(module: Module) -> Iterator[FileUse]:
    """Yield the files of handlers in the dictionaries of logging's configuration."""
    values = [(b.value, b.scope.function) for b in module.bindings]
    values += [(v, s.scope.function) for s in module.calls if s.tail == "dictConfig" for v in s.node.args]
    for value, function in values:
        for node in ast.walk(value) if isinstance(value, ast.Dict) else ():
            row = by_keys(node)
            if (constant(row.get("class")) or "").endswith("FileHandler"):
                path = Reader(module, function).path(row.get("filename"))
                if path and not path.path.startswith("..") and not ELSEWHERE.match(path.path):
                    yield FileUse(*path, "write", module.at(node))


def _tortoise(module: Module) -> Iterator[FileUse]:
    """Yield the SQLite files in Tortoise's configuration, which is a dictionary."""
    imported = any(statement.module.startswith("tortoise") for statement in module.imports)
    values = [binding.value for binding in module.bindings]
    values += [value.value for site in module.calls for value in site.node.keywords]
    for node in (inner for value in values if isinstance(value, ast.Dict) for inner in ast.walk(value)):
        by_key = by_keys(node)
        engine = constant(by_key.get("engine")) == "tortoise.backends.sqlite"
        file = by_keys(by_key.get("credentials") if engine else node).get("file_path")
        if (engine or imported) and file is not None and constant(file) != ":memory:":
            yield FileUse(*(Reader(module).path(file) or (".", False)), "database", module.at(file))


def logged(tree: Tree, path: str) -> Iterator[FileUse]:
    """Yield the files of the handlers in a file with logging's configuration."""
    text = tree.text(path) or ""
    for found in LOGGED.finditer(text) if "FileHandler" in text else ():
        name = found[1] or found[2]
        if not name.startswith("..") and not ELSEWHERE.match(name):
            yield FileUse(join(name), False, "write", f"{path}:{text.count(chr(10), 0, found.end()) + 1}")


def undecided(startup: Startup) -> list[str]:
    """Return the places of calls that write to paths which only a run knows."""
    found = []
    for site in startup.calls:
        kind, node = _classified(_callee(site), site)
        own = reader(site)
        unknown = kind in {"make", "write"} and node and not own.path(node) and not own.folder(node)
        if unknown and node and not PASSING.search(own.source(node, 3)):
            found.append(site.where)
    return found


def _uses(startup: Startup, site: Site) -> Iterator[FileUse]:
    kind, node = _classified(_callee(site), site)
    if kind is not None and node is not None:
        for each in each_of(site, node):
            if use := _use(startup, site, kind, each):
                yield use


def _use(startup: Startup, site: Site, kind: Kind, node: ast.expr) -> FileUse | None:
    values = reader(site)
    path = values.path(node)
    guarded = site.scope.tested or site.scope.tried
    if path is None and kind in {"read", "write", "make"}:
        # The file's name is known only at run time; its folder counts.
        path = values.folder(node)
        kind = "read" if kind == "read" else "make"
        guarded = True
        path = None if path is None or path.path in {".", "/"} else path
    if path is None or path.path.startswith("..") or constant(node) == ":memory:":
        return None
    if path == FilePath(".", False) and kind == "make":
        return None  # the working directory is there
    if path.path.startswith("/") and (kind in {"folder", "read"} or ELSEWHERE.match(path.path)):
        return None  # a path of the machine
    guarded = guarded or (kind == "folder" and is_true(site.keyword("check_dir"), False))
    return FileUse(*path, kind, site.where, startup.at_import(site), guarded)


def _callee(site: Site) -> str:
    """Return the library's class or function that a call is of, through the project's own classes."""
    of = site.node.func.value if isinstance(site.node.func, ast.Attribute) else None
    above = isinstance(of, ast.Call) and site.module.dotted(of.func) == "super"
    return _base(site.module, site.scope.function.rpartition(".")[0] if above else site.name)


def _base(module: Module, name: str, hops: int = 3) -> str:
    """Return the library class that a class of the project derives from, else the name."""
    found = module.symbol(name)
    for base in found.node.bases if found and found.node and hops else ():
        above = _base(found.module, found.module.dotted(base), hops - 1) if found else ""
        if above.rpartition(".")[2] in SERVED:
            return above
    return name


def _has(module: Module, place: ast.expr) -> bool:
    path = Reader(module).text(place)
    return bool(path and module.code and module.code.tree.has(join(path)))


def _opened(mode: str) -> Kind:
    return "write" if set(mode) & set("wax+") else "read"


def _classified(name: str, site: Site) -> tuple[Kind | None, ast.expr | None]:
    """Return a call's use of a file, and the argument that names it."""
    tail, function = name.rpartition(".")[2], site.node.func
    if tail in SERVED:
        return "folder", site.argument(0, SERVED[tail])
    if name in OPENERS:
        return _opened(constant(site.argument(1, "mode")) or "r"), site.argument(0, OPENERS[name])
    if name == "aerich.Command":  # its init() makes the folder
        place = site.keyword("location") or ast.Constant("migrations")
        return (None if _has(site.module, place) else "make"), place
    if name in WRITERS:
        kind, argument, position = WRITERS[name]
        return kind, site.argument(position, argument)
    if tail in READERS or name in LOADERS:
        return "read", site.argument(0, READERS.get(tail, "file"))
    if isinstance(function, ast.Attribute):
        if function.attr == "frontend":
            return "folder", site.keyword("directory")
        if function.attr in METHODS:
            return METHODS[function.attr], function.value
        if function.attr in SAVERS:
            node = site.argument(0, SAVERS[function.attr])
            named = reader(site).path(node)  # other objects have methods of these names
            return ("write", node) if named and SUFFIX.search(named.path) else (None, None)
        if function.attr == "bind" and constant(site.keyword("provider")) == "sqlite":  # Pony's
            return "database", site.keyword("filename")
        foreign = name.startswith(("aiofiles", "gzip", "io", "PIL", "webbrowser", "Image"))
        if function.attr == "open" and not foreign and (mode := constant(site.argument(0, "mode"))):
            return _opened(mode), function.value
    return None, None
