"""Work out literal texts and file paths that source code builds, as far as they are written down."""

from __future__ import annotations

import ast
import posixpath
from pathlib import PurePosixPath
from typing import NamedTuple

from drydock.detect.code import Code, Symbol
from drydock.detect.syntax import Module, argument, constant
from drydock.detect.tree import join

MAX_STEPS = 14
PATH_CLASSES = frozenset({"Path", "pathlib.Path", "pathlib.PurePath", "PurePath", "anyio.Path"})
LOOKUPS = frozenset({"os.getenv", "os.environ.get", "environ.get", "getenv"})


class FilePath(NamedTuple):
    """A path in a program: in the tree when it is built from `__file__`, else in the working directory, or
    absolute."""

    path: str
    beside_code: bool


def text_of(
    code: Code, module: Module, node: ast.AST | None, function: str = "", steps: int = MAX_STEPS
) -> str | None:
    """Return the text an expression stands for, following names, settings' defaults and f-strings."""
    if node is None or steps == 0:
        return None
    literal = constant(node)
    if literal is not None:
        return literal
    if isinstance(node, ast.JoinedStr):
        parts = [
            text_of(code, module, p.value if isinstance(p, ast.FormattedValue) else p, function, steps - 1)
            for p in node.values
        ]
        return None if any(p is None for p in parts) else "".join(p for p in parts if p is not None)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left = text_of(code, module, node.left, function, steps - 1)
        right = text_of(code, module, node.right, function, steps - 1)
        return None if left is None or right is None else left + right
    if isinstance(node, ast.Call):
        return _called_text(code, module, node, function, steps)
    if isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool):
        return str(node.value)
    return _named_text(code, module, node, function, steps)


def _called_text(code: Code, module: Module, call: ast.Call, function: str, steps: int) -> str | None:
    name = module.dotted(call.func)
    if name in LOOKUPS:
        return text_of(code, module, argument(call, 1, "default"), function, steps - 1)
    if name in {"str", "int", "SecretStr", "pydantic.SecretStr"} and call.args:
        return text_of(code, module, call.args[0], function, steps - 1)
    if name.rpartition(".")[2] == "Field":
        return text_of(code, module, argument(call, 0, "default"), function, steps - 1)
    return None


def _named_text(code: Code, module: Module, node: ast.AST, function: str, steps: int) -> str | None:
    name = module.dotted(node)
    if not name:
        return None
    if "." not in name:
        binding = module.bound(name, function)
        return text_of(code, module, binding.value, binding.scope.function, steps - 1) if binding else None
    found = code.symbol(module, name)
    if found and found.name:
        owner, _, attribute = found.name.rpartition(".")
        if not owner:
            binding = found.module.bound(attribute)
            return text_of(code, found.module, binding.value, "", steps - 1) if binding else None
        return _attribute_text(code, found.module, owner, attribute, steps)
    if isinstance(node, ast.Attribute):
        return _field_anywhere(code, node.attr, steps)
    return None


def _attribute_text(code: Code, module: Module, owner: str, attribute: str, steps: int) -> str | None:
    """Return the default of a field of the class that a name such as `settings` is an instance of."""
    if field := _field(code, module, owner, attribute):
        return text_of(code, field.module, field.value, "", steps - 1)
    return _field_anywhere(code, attribute, steps)


class _Default(NamedTuple):
    """The default of a class's field, and the module that it is written in."""

    module: Module
    value: ast.expr


def _field(code: Code, module: Module, owner: str, attribute: str) -> _Default | None:
    if owner not in module.classes:
        found = _class_of(code, module, owner)
        if found is None:
            return None
        module, owner = found
    fields = (b for b in module.bindings if b.name == attribute and b.scope.owner.split(".")[-1] == owner)
    return next((_Default(module, binding.value) for binding in fields), None)


def _class_of(code: Code, module: Module, name: str) -> Symbol | None:
    """Return the class of an object: of its annotation, of its constructor, or of a function's result."""
    binding = module.bound(name)
    if binding is None:
        return None
    made = binding.value.func if isinstance(binding.value, ast.Call) else None
    for node in (binding.annotation, made):
        found = code.symbol(module, module.dotted(node)) if node is not None else None
        if found and found.name in found.module.functions:
            found = code.symbol(found.module, found.module.dotted(found.module.functions[found.name].returns))
        if found and found.name in found.module.classes:
            return found
    return None


def _field_anywhere(code: Code, attribute: str, steps: int) -> str | None:
    """Return the default of the one class field with this name that the parsed modules have."""
    hits = {
        text
        for other in code.parsed()
        for b in other.bindings
        if b.name == attribute
        and b.scope.owner
        and (text := text_of(code, other, b.value, "", min(steps - 1, 3)))
    }
    return hits.pop() if len(hits) == 1 else None


def path_of(
    code: Code, module: Module, node: ast.AST | None, function: str = "", steps: int = MAX_STEPS
) -> FilePath | None:
    """Return the file path an expression stands for, None when it is not written down."""
    if node is None or steps == 0:
        return None
    if isinstance(node, ast.Name) and module.aliases.get(node.id, node.id) == "__file__":
        return FilePath(module.path, True)
    literal = constant(node)
    if literal is not None:
        return _literal_path(literal)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _joined(
            path_of(code, module, node.left, function, steps - 1), _tail(code, module, node.right, function)
        )
    if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.FormattedValue):
        parts = [_tail(code, module, part, function) for part in node.values[1:]]
        rest = "".join(part or "" for part in parts)
        base = path_of(code, module, node.values[0].value, function, steps - 1)
        if base and rest.startswith("/") and None not in parts:
            return _joined(base, rest.lstrip("/"))
    if isinstance(node, ast.Attribute) and node.attr == "parent":
        inner = path_of(code, module, node.value, function, steps - 1)
        return inner and inner._replace(path=_above(inner.path))
    if isinstance(node, ast.Subscript):
        return _parents(code, module, node, function, steps)
    if isinstance(node, ast.Call):
        return _called_path(code, module, node, function, steps)
    return _named_path(code, module, node, function, steps)


def folder_of_path(
    code: Code, module: Module, node: ast.AST | None, function: str = "", steps: int = MAX_STEPS
) -> FilePath | None:
    """Return the folder that is written down at the head of a path whose end is not."""
    if node is None or steps == 0:
        return None
    if isinstance(node, ast.Name):
        binding = module.bound(node.id, function)
        inner = binding.scope.function if binding else ""
        return folder_of_path(code, module, binding.value, inner, steps - 1) if binding else None
    if isinstance(node, ast.JoinedStr) and node.values:
        head, *rest = node.values
        first = head.value if isinstance(head, ast.FormattedValue) else None
        if first is not None:
            after = constant(rest[0]) if rest else None
            return path_of(code, module, first, function, steps - 1) if after and after[0] == "/" else None
        folder = (constant(head) or "").rpartition("/")[0]
        return _literal_path(folder) if folder else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Add)):
        found = path_of(code, module, node.left, function, steps - 1)
        if isinstance(node.op, ast.Add) and not (constant(node.left) or "").endswith("/"):
            return None
        return found or folder_of_path(code, module, node.left, function, steps - 1)
    if isinstance(node, ast.Call) and node.args:
        name = module.dotted(node.func)
        if name in PATH_CLASSES or name in {"os.path.join", "path.join", "str"}:
            heads = (
                [path_of(code, module, node.args[0], function, steps - 1)] if len(node.args) > 1 else [None]
            )
            return heads[0] or folder_of_path(code, module, node.args[0], function, steps - 1)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "joinpath":
            return path_of(code, module, node.func.value, function, steps - 1)
    return None


def _called_path(code: Code, module: Module, call: ast.Call, function: str, steps: int) -> FilePath | None:
    name = module.dotted(call.func)
    tail = name.rpartition(".")[2] or (call.func.attr if isinstance(call.func, ast.Attribute) else "")
    rest = [_tail(code, module, a, function) for a in call.args[1:]]
    first = call.args[0] if call.args else None
    if (name in PATH_CLASSES and first is None) or name in {"os.getcwd", "pathlib.Path.cwd", "Path.cwd"}:
        return FilePath(".", False)
    if name in PATH_CLASSES or name in {"os.path.join", "path.join"}:
        return _joined(path_of(code, module, first, function, steps - 1), *rest)
    if tail in {"str", "abspath", "realpath", "fspath", "normpath"}:
        return path_of(code, module, first, function, steps - 1)
    if tail == "dirname":
        inner = path_of(code, module, first, function, steps - 1)
        return inner and inner._replace(path=_above(inner.path))
    if name in LOOKUPS:
        return path_of(code, module, argument(call, 1, "default"), function, steps - 1)
    if isinstance(call.func, ast.Attribute):
        if tail in {"resolve", "absolute", "as_posix", "expanduser"}:
            return path_of(code, module, call.func.value, function, steps - 1)
        if tail == "joinpath":
            heads = [_tail(code, module, a, function) for a in call.args]
            return _joined(path_of(code, module, call.func.value, function, steps - 1), *heads)
    text = text_of(code, module, call, function, steps - 1)
    return _literal_path(text) if text is not None else None


def _named_path(code: Code, module: Module, node: ast.AST, function: str, steps: int) -> FilePath | None:
    name = module.dotted(node)
    found = code.symbol(module, name) if name else None
    if name and "." not in name:
        binding = module.bound(name, function)
        if binding is None:
            return _handed_path(code, module, name, function, steps)
        return path_of(code, module, binding.value, binding.scope.function, steps - 1)
    if found and found.name and "." not in found.name:
        binding = found.module.bound(found.name)
        return path_of(code, found.module, binding.value, "", steps - 1) if binding else None
    owner, _, attribute = found.name.rpartition(".") if found else ("", "", "")
    if found and owner and (field := _field(code, found.module, owner, attribute)):
        return path_of(code, field.module, field.value, "", steps - 1)
    text = text_of(code, module, node, function, steps - 1)
    return _literal_path(text) if text is not None else None


def _handed_path(code: Code, module: Module, name: str, function: str, steps: int) -> FilePath | None:
    """Return the path that the first caller of a function hands to it as a parameter."""
    definition = module.functions.get(function)
    names = [a.arg for a in (*definition.args.posonlyargs, *definition.args.args)] if definition else []
    if name not in names:
        return None
    own = Symbol(module, function)
    for caller in code.parsed():
        for site in caller.calls:
            if site.name.rpartition(".")[2] == function and code.symbol(caller, site.name) == own:
                value = argument(site.node, names.index(name), name)
                return path_of(code, caller, value, site.scope.function, steps - 1)
    return None


def _parents(code: Code, module: Module, node: ast.Subscript, function: str, steps: int) -> FilePath | None:
    index = node.slice.value if isinstance(node.slice, ast.Constant) else None
    if (
        not isinstance(node.value, ast.Attribute)
        or node.value.attr != "parents"
        or not isinstance(index, int)
    ):
        return None
    inner = path_of(code, module, node.value.value, function, steps - 1)
    if inner is None or not 0 <= index < MAX_STEPS:
        return None
    folder = inner.path
    for _ in range(index + 1):
        folder = _above(folder)
    return inner._replace(path=folder)


def _above(path: str) -> str:
    return posixpath.dirname(path) or "."


def _literal_path(text: str) -> FilePath | None:
    if not text or not text.isprintable() or len(text) > 400 or text.startswith("~") or "://" in text:
        return None
    return FilePath(join(text), False)


def _tail(code: Code, module: Module, node: ast.AST, function: str) -> str | None:
    return text_of(code, module, node, function, 4)


def _joined(base: FilePath | None, *tails: str | None) -> FilePath | None:
    if base is None or any(t is None or not t.isprintable() or len(t) > 400 for t in tails):
        return None
    path = str(PurePosixPath(base.path, *(t for t in tails if t is not None)))
    return FilePath(join(path), False) if path.startswith("/") else base._replace(path=join(path))
