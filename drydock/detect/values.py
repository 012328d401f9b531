"""Evaluate literal texts and file paths in source code, as far as they are written down."""

from __future__ import annotations

import ast
import posixpath
from pathlib import PurePosixPath
from typing import NamedTuple

from drydock.detect.syntax import (
    Module,
    Site,
    Symbol,
    argument,
    by_keys,
    constant,
    default_of,
    keyword,
    parameters,
)
from drydock.detect.tree import join

MAX_STEPS = 14
PATH_CLASSES = frozenset({"Path", "pathlib.Path", "pathlib.PurePath", "PurePath", "anyio.Path"})
JOINS = frozenset({"os.path.join", "path.join"})
CASTS = frozenset({"str", "int", "SecretStr", "pydantic.SecretStr"})
MARKS = {"os.pardir": "..", "os.path.pardir": "..", "os.curdir": ".", "os.sep": "/"}
LOOKUPS = frozenset({"os.getenv", "os.environ.get", "environ.get", "getenv"})


def reader(site: Site, steps: int = MAX_STEPS) -> Reader:
    return Reader(site.module, site.scope.function, steps)


class FilePath(NamedTuple):
    """A path in a program: absolute, or relative to the tree (`beside_code`) or to the working directory."""

    path: str
    beside_code: bool  # whether it is built from `__file__`

    def above(self, levels: int = 1) -> FilePath:
        """Return the folder a number of levels above."""
        path = self.path
        for _ in range(levels):
            path = posixpath.dirname(path) or "."
        return self._replace(path=path)

    def joined(self, *tails: str | None) -> FilePath | None:
        """Append parts; None if one of them is unknown."""
        if any(t is None or not t.isprintable() or len(t) > 400 for t in tails):
            return None
        path = str(PurePosixPath(self.path, *(t for t in tails if t is not None)))
        return FilePath(join(path), False) if path.startswith("/") else self._replace(path=join(path))


class Target(NamedTuple):
    """The expression that a name refers to, and a reader for it."""

    reader: Reader
    value: ast.expr


class Reader(NamedTuple):
    """Evaluates expressions of one module and function in a bounded number of steps."""

    module: Module
    function: str = ""
    steps: int = MAX_STEPS

    def text(self, node: ast.AST | None) -> str | None:
        """Return an expression's text, through names, settings' defaults and f-strings."""
        if node is None or self.steps <= 0:
            return None
        inner = self._replace(steps=self.steps - 1)
        parts: list[ast.expr] = []
        if isinstance(node, ast.Constant):
            number = isinstance(node.value, int) and not isinstance(node.value, bool)
            return str(node.value) if number else constant(node)
        if isinstance(node, ast.FormattedValue):
            return self.text(node.value)
        if isinstance(node, ast.JoinedStr):
            parts = node.values
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            parts = [node.left, node.right]
        elif isinstance(node, ast.BoolOp):
            return inner.text(_otherwise(node))
        elif isinstance(node, ast.Call):
            name = self.module.dotted(node.func)
            if name in CASTS and node.args:
                return inner.text(node.args[0])
            if name in LOOKUPS or name.rpartition(".")[2] == "Field":
                return inner.text(argument(node, 1 if name in LOOKUPS else 0, "default"))
            if isinstance(node.func, ast.Attribute) and node.func.attr == "format" and not node.keywords:
                heads = (inner.text(node.func.value) or "").split("{}")
                if len(heads) != len(node.args) + 1:
                    return None
                parts = [
                    part
                    for head, one in zip(heads, node.args, strict=False)
                    for part in (ast.Constant(head), one)
                ]
                parts.append(ast.Constant(heads[-1]))
            else:
                return None
        else:
            if mark := MARKS.get(self.module.dotted(node)):
                return mark
            target = self._target(node)
            if target or not isinstance(node, ast.Attribute):
                return target.reader.text(target.value) if target else None
            return self._field_anywhere(node.attr)
        texts = [inner.text(part) for part in parts]
        return None if None in texts else "".join(text or "" for text in texts)

    def source(self, node: ast.expr, hops: int) -> str:
        """Return an expression's source text, with that of its names' values as many `hops` away."""
        names = (one.id for one in ast.walk(node) if isinstance(one, ast.Name)) if hops else ()
        bound = (self.module.bound(name, self.function) for name in names)
        return " ".join([ast.unparse(node), *(self.source(one.value, hops - 1) for one in bound if one)])

    def texts(self, node: ast.expr | None) -> list[str] | None:
        """Return the texts of a list, also of a named one or a setting's default; an unknown text is empty.

        None: the list is worked out at run time.
        """
        if node is None or self.steps <= 0:
            return None
        inner = self._replace(steps=self.steps - 1)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return [inner.text(element) or "" for element in node.elts]
        if isinstance(node, ast.Lambda):
            return inner.texts(node.body)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            head = inner.texts(node.left)
            return None if head is None else [*head, *(inner.texts(node.right) or [""])]
        if isinstance(node, ast.Call) and self.module.dotted(node.func).rpartition(".")[2] == "Field":
            return inner.texts(argument(node, 0, "default") or keyword(node, "default_factory"))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "split":
            text = inner.text(node.func.value)
            return text.split(constant(argument(node, 0, "sep"))) if text else None
        target = self._target(node)
        return target.reader.texts(target.value) if target else None

    def shown(self, node: ast.expr) -> str:
        """Return an expression's text, else its code as a shell spells what is worked out later."""
        return self.text(node) or f"$({ast.unparse(node)})"

    def path(self, node: ast.AST | None) -> FilePath | None:
        """Return an expression's file path, None if it is not written down."""
        if node is None or self.steps <= 0:
            return None
        inner = self._replace(steps=self.steps - 1)
        if isinstance(node, ast.Name) and self.module.aliases.get(node.id, node.id) == "__file__":
            return FilePath(self.module.path, True)
        if (literal := constant(node)) is not None:
            return _literal_path(literal)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            base = inner.path(node.left)
            return base and base.joined(self._tail(node.right))
        if isinstance(node, ast.BinOp) and (rest := self._tail(node.right) or "").startswith("/"):
            base = inner.path(node.left)
            return base and base.joined(rest.lstrip("/"))
        if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.FormattedValue):
            parts = [self._tail(part) for part in node.values[1:]]
            rest = "".join(part or "" for part in parts)
            base = inner.path(node.values[0].value)
            if base and rest.startswith("/") and None not in parts:
                return base.joined(rest.lstrip("/"))
        if isinstance(node, ast.Attribute) and node.attr == "parent":
            base = inner.path(node.value)
            return base and base.above()
        if isinstance(node, ast.Subscript) and constant(node.slice) is None:
            index = node.slice.value if isinstance(node.slice, ast.Constant) else None
            of = node.value
            if not isinstance(of, ast.Attribute) or of.attr != "parents" or not isinstance(index, int):
                return None
            base = inner.path(of.value) if 0 <= index < MAX_STEPS else None
            return base and base.above(index + 1)
        if (last := _otherwise(node)) is not None:
            return inner.path(last)
        found, known = inner._called_path(node) if isinstance(node, ast.Call) else inner._named_path(node)
        text = None if known else inner.text(node)
        return found if known or text is None else _literal_path(text)

    def folder(self, node: ast.AST | None) -> FilePath | None:
        """Return the literal folder at the head of a path with an unknown end."""
        inner = self._replace(steps=self.steps - 1)
        if node is None or self.steps <= 0:
            return None
        if isinstance(node, ast.Name):
            binding = self.module.bound(node.id, self.function)
            of = inner._replace(function=binding.scope.function) if binding else None
            return of.folder(binding.value) if of and binding else None
        if isinstance(node, ast.JoinedStr) and node.values:
            head, *rest = node.values
            if isinstance(head, ast.FormattedValue):
                after = constant(rest[0]) if rest else None
                base = inner.path(head.value) if after and after[0] == "/" else None
                return base.joined(after.rpartition("/")[0][1:]) if base and after else None
            written = (constant(head) or "").rpartition("/")[0]
            return _literal_path(written) if written else None
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Add)):
            last = node.left.right if isinstance(node.left, ast.BinOp) else node.left
            if isinstance(node.op, ast.Add) and not (constant(last) or "").endswith("/"):
                return None
            return inner.path(node.left) or inner.folder(node.left)
        if isinstance(node, ast.Call) and node.args:
            if self.module.dotted(node.func) in {*PATH_CLASSES, *JOINS, "str"}:
                known = inner.path(node.args[0]) if len(node.args) > 1 else None
                return known or inner.folder(node.args[0])
            if isinstance(node.func, ast.Attribute) and node.func.attr == "joinpath":
                return inner.path(node.func.value)
        return None

    def _called_path(self, call: ast.Call) -> tuple[FilePath | None, bool]:
        """Return the path that a call makes, and whether the call makes paths at all."""
        name = self.module.dotted(call.func)
        of = call.func.value if isinstance(call.func, ast.Attribute) else None
        tail = name.rpartition(".")[2] or (call.func.attr if isinstance(call.func, ast.Attribute) else "")
        first, *rest = [*call.args, None][: len(call.args) or 1]
        if (name in PATH_CLASSES and first is None) or name in {"os.getcwd", "pathlib.Path.cwd", "Path.cwd"}:
            return FilePath(".", False), True
        if name in PATH_CLASSES or name in JOINS:
            base = self.path(first)
            return base and base.joined(*(self._tail(a) for a in rest)), True
        if tail in {"str", "abspath", "realpath", "fspath", "normpath"}:
            return self.path(first), True
        if tail == "dirname":
            base = self.path(first)
            return base and base.above(), True
        if name in LOOKUPS:
            return self.path(argument(call, 1, "default")), True
        if of is not None and tail in {"resolve", "absolute", "as_posix", "expanduser"}:
            return self.path(of), True
        if of is not None and tail in {"joinpath", "with_name"}:
            base = self.path(of)
            base = base.above() if base and tail == "with_name" else base
            return base and base.joined(*(self._tail(a) for a in call.args)), True
        return None, False

    def _named_path(self, node: ast.AST) -> tuple[FilePath | None, bool]:
        """Return the path that a name refers to, and whether the name is known."""
        if target := self._target(node) or self._handed(self.module.dotted(node)):
            return target.reader.path(target.value), True
        return None, isinstance(node, ast.Name)

    def _target(self, node: ast.AST) -> Target | None:
        """Return the assignment that a name or an attribute refers to, or a value of a dictionary."""
        if isinstance(node, ast.Subscript):
            values = self._target(node.value)
            by_key = by_keys(values.value) if values else {}
            value = by_key.get(constant(node.slice) or "")
            return Target(values.reader, value) if values and value is not None else None
        name = self.module.dotted(node)
        if "." not in name:
            return self._bound(self.module, name, self.function)
        if name.startswith("self.") and name.count(".") == 1:
            return self._own(name)
        found = self.module.symbol(name)
        owner, _, attribute = found.name.rpartition(".") if found else ("", "", "")
        if not found or not owner:
            return self._bound(found.module, attribute) if found else None
        known = Symbol(found.module, owner)
        of = known if known.node else _class_of(found.module, owner)
        return (self._field(of, attribute) or self._returned(of, attribute)) if of else None

    def _own(self, name: str) -> Target | None:
        """Return the value of `self.name`: from a method of the class, else the class itself."""
        owner = self.function.rpartition(".")[0]
        for binding in self.module.bindings:
            if owner and binding.name == name and binding.scope.function.rpartition(".")[0] == owner:
                return Target(Reader(self.module, binding.scope.function, self.steps - 1), binding.value)
        of = Symbol(self.module, owner)
        attribute = name.removeprefix("self.")
        return (self._field(of, attribute) or self._returned(of, attribute)) if of.node else None

    def _returned(self, of: Symbol, attribute: str) -> Target | None:
        """Return the only result of a property."""
        method = f"{of.name}.{attribute}"
        values = of.module.returns.get(method, ())
        return Target(Reader(of.module, method, self.steps - 1), values[0]) if len(values) == 1 else None

    def _bound(self, module: Module, name: str, function: str = "") -> Target | None:
        binding = module.bound(name, function) if name else None
        if binding is None:
            return None
        return Target(Reader(module, binding.scope.function, self.steps - 1), binding.value)

    def _field(self, of: Symbol, attribute: str) -> Target | None:
        owners = ((b, b.scope.owner.split(".")[-1]) for b in of.module.bindings if b.name == attribute)
        values = (b.value for b, owner in owners if owner == of.name)
        return next((Target(Reader(of.module, "", self.steps - 1), value) for value in values), None)

    def _field_anywhere(self, attribute: str) -> str | None:
        """Return the default of the only class field with this name in the parsed modules."""
        steps = min(self.steps - 1, 3)
        hits = {
            Reader(other, "", steps).text(binding.value)
            for other in (self.module.code.parsed() if self.module.code else ())
            for binding in other.bindings
            if binding.name == attribute and binding.scope.owner
        }
        texts = hits - {None, ""}
        return texts.pop() if len(texts) == 1 else None

    def _handed(self, name: str) -> Target | None:
        """Return the value that a function's first caller passes for a parameter, else its default."""
        function, own = self.module.functions.get(self.function), self.function.removesuffix(".__init__")
        names = [a.arg for a in parameters(function)]
        if function is None or name not in names:
            return None
        at = names.index(name) - (own != self.function)  # a caller does not pass `self`
        tail = own.rpartition(".")[2]
        for caller in self.module.code.parsed() if self.module.code else ():
            for site in caller.calls:
                called = site.tail == tail and caller.symbol(site.name) == Symbol(self.module, own)
                if called and (value := site.argument(at, name)):
                    return Target(reader(site, self.steps - 1), value)
        default = default_of(function, name)
        return Target(Reader(self.module, "", self.steps - 1), default) if default else None

    def _tail(self, node: ast.AST | None) -> str | None:
        return self._replace(steps=4).text(node)


def _otherwise(node: ast.AST) -> ast.expr | None:
    """Return the value of `variable or value`, and of `value if test else other`."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        return node.values[-1]
    return node.body if isinstance(node, ast.IfExp) else None


def _literal_path(text: str) -> FilePath | None:
    if not text or not text.isprintable() or len(text) > 400 or text.startswith("~") or "://" in text:
        return None
    return FilePath(join(text), False)


def _class_of(module: Module, name: str) -> Symbol | None:
    """Return an object's class, by its annotation, its constructor, or a function's result."""
    binding = module.bound(name)
    made = binding.value.func if binding and isinstance(binding.value, ast.Call) else None
    for node in (binding.annotation, made) if binding else ():
        found = module.symbol(node)
        if found and found.function:
            found = found.module.symbol(found.function.returns)
        if found and found.node:
            return found
    return None
