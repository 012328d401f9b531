"""List the modules that an application imports and the libraries that it opens by name, from its syntax.

Deferred imports are included. The list is Python, one statement a line, sorted. It stays the same to the byte
until a commit imports something new; until then, earlier findings about it stay valid.
"""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

# The ends of lines: one that may fail, in a `try` or under a condition, and a library that the code can be
# without, as it catches the failure of opening it. Of several ends, the first counts.
REQUIRED, OPTIONAL, CAUGHT = MARKS = ("", "  # optional", "  # caught")
IMPORTS = ("import_module", "__import__")
OPENS = ("CDLL", "PyDLL", "LoadLibrary", "dlopen")


def statements(tree: Path, roots: Iterable[Path], entry: str) -> tuple[list[str], Mapping[Path, str]]:
    """Return a statement for each foreign module that is imported, and each library that is opened.

    Also return a reason for each file that does not compile but is imported by name; others may be templates.
    `roots` are the folders of the application's own modules, `entry` is the module that is served.
    """
    own = {path.stem for root in roots if root.is_dir() for path in root.iterdir()} | _standard()
    found: set[tuple[str, str]] = set()
    mentioned = set(entry.split("."))
    broken: dict[Path, str] = {}
    # A link may lead to a file that is mounted later, and a folder may be called so.
    for path in sorted(path for path in tree.rglob("*.py") if path.is_file()):
        reader = Reader(own)
        try:
            reader.visit(ast.parse(path.read_bytes()))
        except (SyntaxError, ValueError, RecursionError) as error:
            broken[path] = str(error)
        found |= reader.found
        mentioned |= reader.mentioned
    marks: dict[str, str] = {}
    for text, mark in sorted(found, key=lambda one: MARKS.index(one[1])):
        marks.setdefault(text, mark)
    texts = sorted(text + mark for text, mark in marks.items())
    module = {path: path.parent.name if path.name == "__init__.py" else path.stem for path in broken}
    return texts, {path: why for path, why in broken.items() if module[path] in mentioned}


class Reader(ast.NodeVisitor):
    """Collects a module's imports as statements, each with the mark of how the module does without it."""

    def __init__(self, own: set[str]) -> None:
        self.own = own
        self.found: set[tuple[str, str]] = set()
        # The parts of every name that is imported, the application's own included.
        self.mentioned: set[str] = set()
        self._optional = self._caught = False

    def visit_If(self, node: ast.If) -> None:
        """Read both branches, except imports under TYPE_CHECKING."""
        typing = {"TYPE_CHECKING"} & {getattr(node.test, "id", None), getattr(node.test, "attr", None)}
        self._read_optional([node.test, *([] if typing else node.body)])
        self._read_optional(node.orelse)

    def visit_Try(self, node: ast.Try) -> None:
        """Read everything as optional: the code catches failures."""
        # A handler that raises again is no way to do without.
        inside = [part for handler in node.handlers for part in ast.walk(handler)]
        falls_back = bool(inside) and not any(isinstance(part, ast.Raise) for part in inside)
        before, self._caught = self._caught, self._caught or falls_back
        self._read_optional(node.body)
        self._caught = before
        self._read_optional([*node.handlers, *node.orelse, *node.finalbody])

    visit_TryStar = visit_Try  # noqa: N815 - as ast.NodeVisitor names it

    def visit_Import(self, node: ast.Import) -> None:
        """Note `import a.b`."""
        for alias in node.names:
            self.mentioned.update(alias.name.split("."))
            self._note_import(alias.name, f"import {alias.name}")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Note `from a.b import c`."""
        self.mentioned.update((node.module or "").split("."), (alias.name for alias in node.names))
        for alias in node.names if node.module and not node.level else ():
            self._note_import(node.module or "", f"from {node.module} import {alias.name}")

    def visit_Call(self, node: ast.Call) -> None:
        """Note imports and libraries whose name is a literal."""
        name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
        for given in _texts(node.args[:1]):
            if name in IMPORTS and all(part.isidentifier() for part in given.split(".")):
                self.mentioned.update(given.split("."))
                self._note_import(given, f"import {given}")
            elif name in OPENS:
                self._note(f"ctypes.CDLL({given!r})", CAUGHT if self._caught else None)
            elif name == "find_library":
                self._note(f"ctypes.util.find_library({given!r})")
        self.generic_visit(node)

    def visit(self, node: ast.AST) -> None:
        """Read a node and those below it, other than most of them: names and constants import nothing."""
        special = VISITORS.get(type(node))
        if special:
            special(self, node)
        elif type(node) not in LEAVES:
            self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        """Read the nodes below a node: the same as its base class does, in half of the time."""
        for field in node._fields:
            below = getattr(node, field, None)
            for one in below if type(below) is list else (below,):
                if isinstance(one, ast.AST):
                    self.visit(one)

    def _read_optional(self, nodes: Iterable[ast.AST]) -> None:
        before, self._optional = self._optional, True
        for node in nodes:
            self.visit(node)
        self._optional = before

    def _note_import(self, module: str, text: str) -> None:
        if module.split(".")[0] not in self.own:
            self._note(text)

    def _note(self, text: str, mark: str | None = None) -> None:
        self.found.add((text, mark or (OPTIONAL if self._optional else REQUIRED)))


LEAVES = frozenset((ast.Name, ast.Constant, ast.Load, ast.Store, ast.Pass, ast.alias))
VISITORS = {
    getattr(ast, name.removeprefix("visit_")): method
    for name, method in vars(Reader).items()
    if name.startswith("visit_") and hasattr(ast, name.removeprefix("visit_"))
}


def _standard() -> set[str]:
    """Return the standard library's top-level modules; Python 3.9 lacks a list of them."""
    folder = Path(sysconfig.get_path("stdlib"))
    listed = getattr(sys, "stdlib_module_names", None)
    return set(listed or (*sys.builtin_module_names, *(path.stem for path in folder.iterdir())))


def _texts(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
