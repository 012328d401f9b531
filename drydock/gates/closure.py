"""The code that a receipt covers: a gate's module and its imports, read from the source.

TYPE_CHECKING imports do not count. `subject` always counts; its imports count only for those of its methods
that the gate uses.
"""

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

import drydock
from drydock import gates, state
from drydock import programs as locked
from drydock.state.sealed import Sealed, Untrusted

PACKAGE = "drydock"
GATES = f"{PACKAGE}.gates"
SUBJECT = f"{GATES}.subject"


def digest(module: str, programs: Iterable[str] = ()) -> str:
    """Return the digest of a module, its imports, and the versions of locked programs."""
    covered = sorted({*modules(module), SUBJECT})
    lines = [f"{name} {hashlib.sha256(text_of(name)).hexdigest()}" for name in covered]
    lines += [f"{name} {locked.version(name)}" for name in sorted(programs)]
    return f"sha256:{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()}"


def forget() -> None:
    """Clear the caches, so that the next digest reads the source again."""
    for cached in (text_of, imports, methods, _spec, _kept):
        cached.cache_clear()


def modules(module: str) -> Iterable[str]:
    """Return a gate's module and every drydock module that its verdict depends on."""
    known, place = _kept()
    if module not in known:
        known[module] = sorted(_modules(module))
        # Reading half of drydock's source takes longer than the rest of a push without changes.
        with suppress(OSError):
            state.tidy("closures")
            Sealed().write(place, known)
    return known[module]


@functools.cache
def _kept() -> tuple[dict[str, list[str]], Path]:
    """Return the modules of each gate as an earlier process found them in the same source, and their file."""
    folders = sorted({*gates.__path__, *_folders(PACKAGE)})
    content = hashlib.sha256()
    for path in sorted(path for folder in folders for path in Path(folder).rglob("*.py")):
        content.update(f"{path}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    place = state.folder("closures") / f"{content.hexdigest()}.json"
    with suppress(OSError, Untrusted):
        return Sealed().read(place), place
    return {}, place


def _modules(module: str) -> set[str]:
    found: set[str] = set()
    left = {module}
    while left:
        name = left.pop()
        found.add(name)
        left |= imports(name) | {name[:place] for place, sign in enumerate(name) if sign == "."}
        if name == module or name.startswith(f"{module}."):
            left |= {one for asked in _attributes(_tree(name)) for one in methods().get(asked, ())}
        left -= found | {SUBJECT}
    return found


@functools.cache
def imports(module: str) -> frozenset[str]:
    """Return the drydock modules that a module imports at run time."""
    return frozenset(_imports(_tree(module), module))


@functools.cache
def methods() -> Mapping[str, frozenset[str]]:
    """Return the modules that each method of Subject imports, directly or through other methods."""
    tree = _tree(SUBJECT)
    made = next(node for node in tree.body if isinstance(node, ast.ClassDef))
    bodies = {node.name: node for node in made.body if isinstance(node, ast.FunctionDef)}
    found = {name: frozenset(_imports(node, SUBJECT)) for name, node in bodies.items()}
    calls = {name: _attributes(node) & bodies.keys() for name, node in bodies.items()}
    for _ in bodies:
        found = {name: own.union(*(found[other] for other in calls[name])) for name, own in found.items()}
    return found


@functools.cache
def text_of(module: str) -> bytes:
    spec = _spec(module)
    assert spec is not None  # noqa: S101 - only modules with a file are named as imports
    return Path(str(spec.origin)).read_bytes()


def _tree(module: str) -> ast.Module:
    return ast.parse(text_of(module))


def _attributes(tree: ast.AST) -> set[str]:
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def _imports(tree: ast.AST, module: str) -> Iterator[str]:
    """Yield the drydock modules that run-time imports name; a name imported from a package may be one."""
    for node in _running(tree):
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = module if _folders(module) else module.rpartition(".")[0]
            start = importlib.util.resolve_name("." * node.level + (node.module or ""), above)
            names = [start, *(f"{start}.{one.name}" for one in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == PACKAGE and _spec(name))


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every statement but those below `if TYPE_CHECKING`."""
    for part in ("body", "orelse", "handlers", "finalbody", "cases"):
        for node in getattr(tree, part, ()) if not isinstance(tree, ast.expr) else ():
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                continue
            yield node
            yield from _running(node)


@functools.cache
def _spec(module: str) -> ModuleSpec | None:
    """Return how Python finds a module, without an import; None for another name, such as a class."""
    folders = _folders(module.rpartition(".")[0])
    found = PathFinder.find_spec(module, folders) if folders else None
    return found if found and found.has_location else None


def _folders(package: str) -> Sequence[str]:
    """Return the folders of a package's modules; none for another module."""
    if not package:
        return [str(Path(drydock.__file__).parent.parent)]
    if package == GATES:
        return list(gates.__path__)
    return (spec.submodule_search_locations or ()) if (spec := _spec(package)) else ()
