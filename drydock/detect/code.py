"""Resolve imports between a project's modules, and follow the code that an import runs."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Collection

from drydock.detect.syntax import Import, Module, Scope, Site, Symbol, parse
from drydock.detect.tree import Tree, ancestors, folder_of, join

MAX_HOPS = 8
MAX_MODULES = 400
MAX_SOURCE = 2_000_000  # bytes of parsed source: keeps detection within its two seconds
MAX_ROOTS = 40


class Code:
    """A tree's Python modules, parsed on demand.

    `foreign` are module names of installed distributions: a project's own `redis.py` is not mistaken for the
    library. `local` folders are installed too: their modules are imported from there.
    """

    def __init__(
        self, tree: Tree, foreign: frozenset[str] = frozenset(), local: Collection[str] = ()
    ) -> None:
        self.tree = tree
        self._foreign = foreign | sys.stdlib_module_names
        self._modules: dict[str, Module | None] = {}
        self._roots: dict[str, list[str]] = {}
        self._parsed = 0
        self.unread = 0
        self._located: dict[tuple[str, str], tuple[str, tuple[str, ...]] | None] = {}
        self._extra_roots = sorted({*_source_folders(tree), *local})[:MAX_ROOTS]

    def module(self, path: str) -> Module | None:
        """Return a source file's facts; None if it is missing, too large or not Python."""
        if path not in self._modules:
            self._modules[path] = self._parse(path)
        return self._modules[path]

    def parsed(self) -> list[Module]:
        return [m for m in self._modules.values() if m]

    def unreadable(self) -> list[str]:
        """Return the requested files that this interpreter cannot parse."""
        return [path for path, module in self._modules.items() if module is None and self.tree.data(path)]

    def _parse(self, path: str) -> Module | None:
        data = self.tree.data(path)
        if data is None:
            return None
        if len(self._modules) >= MAX_MODULES or self._parsed + len(data) > MAX_SOURCE:
            self.unread += 1
            return None
        self._parsed += len(data)
        return parse(path, data, self)

    def roots(self, path: str) -> list[str]:
        """Return a file's possible folders on `sys.path`, likely ones first."""
        folder = folder_of(path)
        if folder not in self._roots:
            above = ancestors(path)
            packages = [a for a in above if self.tree.exists(join(a, "__init__.py"))]
            plain = [a for a in above if a not in packages]
            self._roots[folder] = [*plain, *packages, *(r for r in self._extra_roots if r not in above)]
        return self._roots[folder]

    def locate(self, importer: str, dotted: str) -> tuple[str, tuple[str, ...]] | None:
        """Return the file of a dotted import and the rest of the name, None for foreign ones."""
        key = (folder_of(importer), dotted)
        if key not in self._located:
            self._located[key] = self._locate(importer, dotted)
        return self._located[key]

    def _locate(self, importer: str, dotted: str) -> tuple[str, tuple[str, ...]] | None:
        level = len(dotted) - len(dotted.lstrip("."))
        parts = tuple(p for p in dotted.split(".") if p)
        if level:
            base = folder_of(importer)
            for _ in range(level - 1):
                base = folder_of(base)
            return find(self.tree, base, parts, relative=True)
        if parts and parts[0] in self._foreign:
            return None
        hits = [hit for root in self.roots(importer) if (hit := find(self.tree, root, parts))]
        return min(hits, key=lambda hit: len(hit[1])) if hits else None

    def symbol(self, module: Module, dotted: str, hops: int = MAX_HOPS) -> Symbol | None:
        """Return the definition of a name in `module`, following imports and re-exports."""
        if not dotted or hops == 0:
            return None
        if dotted.partition(".")[0] in module.names and not module.is_imported(dotted):
            return Symbol(module, dotted)
        path, left = self.locate(module.path, dotted) or ("", ())
        target = self.module(path) if path else None
        if target is None:
            return None
        if left and left[0] not in target.names and target is not module:
            if left[0] in target.aliases:
                return self.symbol(target, ".".join([target.aliases[left[0]], *left[1:]]), hops - 1)
            for star in (i.module for i in target.imports if "*" in i.names):
                stem = star if star.endswith(".") else f"{star}."
                found = self.symbol(target, stem + ".".join(left), hops - 1)
                if found and found.name.partition(".")[0] in found.module.names:
                    return found
        return Symbol(target, ".".join(left))

    def imported(self, module: Module, statement: Import) -> list[str]:
        """Return the project's files that an import statement runs, enclosing packages included."""
        names = [statement.module]
        if statement.names:
            stem = statement.module if statement.module.endswith(".") else statement.module + "."
            names = [stem + name for name in statement.names if name != "*"] or [statement.module]
        found: list[str] = []
        for name in names:
            hit = self.locate(module.path, name)
            if hit:
                found += [*self._packages(hit[0], len(name.split("."))), hit[0]]
        return found

    def _packages(self, path: str, depth: int) -> list[str]:
        inits = [join(a, "__init__.py") for a in ancestors(path)[:depth]]
        return [i for i in reversed(inits) if self.tree.exists(i)]


class Startup:
    """The modules that a server imports with the entry point, and the functions that they run meanwhile."""

    def __init__(self, code: Code, path: str, function: str = "") -> None:
        self.code = code
        self.ran: dict[str, set[str]] = {}
        self._follow(path, function)

    @property
    def modules(self) -> list[Module]:
        """The imported modules, the entry point's first."""
        return [m for path in self.ran if (m := self.code.module(path))]

    @property
    def calls(self) -> list[Site]:
        """Their calls, in the same order."""
        return [site for module in self.modules for site in module.calls]

    def reached(self) -> list[str]:
        """Return the imported modules' files, and those that their functions import later."""
        found = dict.fromkeys(self.ran)
        pending = self.modules
        while pending:
            module = pending.pop()
            late = (i for i in module.imports if not i.scope.typing and not i.scope.main)
            for path in (path for one in late for path in self.code.imported(module, one)):
                if path not in found and self.code.tree.exists(path):
                    found[path] = None
                    pending += [one for one in [self.code.module(path)] if one]
        return list(found)

    def runs(self, module: Module, scope: Scope) -> bool:
        """Tell whether code in `scope` runs at import."""
        return not scope.main and not scope.typing and scope.function in self.ran.get(module.path, ())

    def at_import(self, site: Site) -> bool:
        return self.runs(site.module, site.scope)

    def _follow(self, path: str, function: str) -> None:
        packages = [join(a, "__init__.py") for a in ancestors(path)]
        pending: deque[tuple[str, str]] = deque([(path, ""), *((p, "") for p in packages)])
        if function:
            pending.append((path, function))
        while pending:
            path, function = pending.popleft()
            module = self.code.module(path) if self.code.tree.exists(path) else None
            if module is None or function in self.ran.setdefault(path, set()):
                continue
            self.ran[path].add(function)
            parts: list[Import | Site] = [*module.imports, *module.calls]
            for part in parts:
                scope = part.scope
                if scope.function != function or scope.typing or scope.main:
                    continue
                if isinstance(part, Import):
                    pending.extend((p, "") for p in self.code.imported(module, part))
                elif target := _called(module, part.name):
                    pending.append(target)


def _called(module: Module, name: str) -> tuple[str, str] | None:
    found = module.symbol(name)
    names = (found.name, f"{found.name}.__init__" if found.node else "") if found else ()
    return next(((found.module.path, n) for n in names if found and n in found.module.functions), None)


def find(
    tree: Tree, root: str, parts: tuple[str, ...], relative: bool = False
) -> tuple[str, tuple[str, ...]] | None:
    """Return the module file that `parts` names below `root`, and the parts after the module.

    A `relative` import can also name a definition in the package at `root` itself.
    """
    folder = root
    best: tuple[str, tuple[str, ...]] | None = None
    for index, part in enumerate(parts):
        left = parts[index + 1 :]
        inner = part if folder == "." else f"{folder}/{part}"
        if tree.exists(f"{inner}/__init__.py"):
            best = (f"{inner}/__init__.py", left)
        elif tree.exists(f"{inner}.py"):
            return f"{inner}.py", left
        elif not tree.is_folder(inner):
            break
        folder = inner
    if best is None and tree.exists(join(root, "__init__.py")):
        return None if parts and not relative else (join(root, "__init__.py"), parts)
    return best


def module_name(root: str, path: str) -> str:
    """Return a file's dotted name below a source root."""
    inner = path if root == "." else path[len(root) + 1 :]
    return inner.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _source_folders(tree: Tree) -> set[str]:
    above = {part for path in tree.files if path.endswith(".py") for part in ancestors(path)}
    return {part for part in above if part.endswith("/src")} | ({"src"} if tree.is_folder("src") else set())
