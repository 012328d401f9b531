"""Extract the detectors' facts from a source file's syntax tree, without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from drydock.detect.tree import Tree

Function = ast.FunctionDef | ast.AsyncFunctionDef
SCOPED = {
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef),
    *(ast.If, ast.IfExp, ast.Try, ast.TryStar, ast.With),
}
MAX_NODES = 200_000
MAX_NAME = 60  # characters
# No source, and nothing that programs write themselves.
FILE_NAME = re.compile(r"(?:\.?[\w-][\w. -]*/)*[\w-][\w. -]*\.(?!(?:py|db|log|pid|sock)$)[a-z][a-z0-9]{1,4}")
LEAVES: frozenset[type] = frozenset(
    {
        *(ast.Name, ast.Load, ast.Store, ast.Del, ast.alias, ast.arg, ast.Pass, ast.Global),
        *(ast.Nonlocal, ast.operator, *ast.operator.__subclasses__()),
        *(*ast.unaryop.__subclasses__(), *ast.cmpop.__subclasses__(), *ast.boolop.__subclasses__()),
        *(str, int, float, complex, bytes, bool, type(None), type(Ellipsis)),
    }
)


class Scope(NamedTuple):
    """A node's surroundings: the enclosing function (`""` at module level) and its guards."""

    function: str = ""
    owner: str = ""
    main: bool = False
    typing: bool = False
    tried: bool = False
    tested: bool = False
    prefix: str = ""  # of `with env.prefixed("…")`


class Site(NamedTuple):
    """A call, the name that it calls (imports expanded), and its place."""

    node: ast.Call
    name: str
    scope: Scope
    module: Module

    @property
    def tail(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def where(self) -> str:
        return self.module.at(self.node)

    def keyword(self, name: str) -> ast.expr | None:
        return keyword(self.node, name)

    def argument(self, position: int, name: str) -> ast.expr | None:
        return argument(self.node, position, name)


class Binding(NamedTuple):
    """An assignment to a plain name."""

    name: str
    value: ast.expr
    annotation: ast.expr | None
    scope: Scope
    line: int


class Import(NamedTuple):
    module: str  # with leading dots if relative
    names: tuple[str, ...]
    scope: Scope


class Symbol(NamedTuple):
    """A name in the module that defines it."""

    module: Module
    name: str

    @property
    def function(self) -> Function | None:
        return self.module.functions.get(self.name)

    @property
    def node(self) -> ast.ClassDef | None:
        return self.module.classes.get(self.name)


class Project(Protocol):
    """The modules that one module can import."""

    tree: Tree

    def symbol(self, module: Module, dotted: str) -> Symbol | None:
        """Return the definition of a name in `module`."""

    def parsed(self) -> list[Module]:
        """Return the modules parsed so far."""


@dataclass
class Module:
    """The facts of one source file."""

    path: str
    code: Project | None = None
    body: list[ast.stmt] = field(default_factory=list)  # its statements
    aliases: dict[str, str] = field(default_factory=dict)
    imports: list[Import] = field(default_factory=list)
    calls: list[Site] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    lookups: list[tuple[ast.Subscript, Scope]] = field(default_factory=list)
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    returns: dict[str, list[ast.expr]] = field(default_factory=dict)
    loops: dict[tuple[str, str], ast.expr] = field(default_factory=dict)  # iterables, by (function, variable)
    names: set[str] = field(default_factory=set)  # defined at its top level
    targets: set[str] = field(default_factory=set)  # full names of its imports
    databases: list[tuple[str, int]] = field(default_factory=list)  # SQLite URLs and their lines
    # SQLite URLs with expressions, and their functions.
    worked_out: list[tuple[ast.JoinedStr, str]] = field(default_factory=list)
    mentioned: list[tuple[str, int]] = field(default_factory=list)  # names of files, and their lines
    grown: list[tuple[ast.AugAssign, Scope]] = field(default_factory=list)
    demanded: list[ast.expr] = field(default_factory=list)  # tests at its top that end the program
    minor: int = 0  # of the oldest Python 3 that can run its statements, as far as they tell

    def needs(self, minor: int) -> None:
        self.minor = max(self.minor, minor)

    def dotted(self, node: ast.AST | None) -> str:
        """Return a name or attribute chain with its import expanded (`fastapi.FastAPI`), `""` for others."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        head = self.aliases.get(node.id, node.id)
        rest = ".".join(reversed(parts))
        return head + rest if head.endswith(".") or not rest else f"{head}.{rest}"

    def is_imported(self, dotted: str) -> bool:
        """Tell whether an expanded name comes from an import, not from an object named like a package."""
        parts = dotted.split(".")
        heads = (".".join(parts[:n]) for n in range(1, len(parts) + 1))
        return parts[0] in self.aliases or any(head in self.targets for head in heads)

    def at(self, node: ast.AST) -> str:
        """Return `path:line` of a node."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"

    def bound(self, name: str, function: str = "") -> Binding | None:
        """Return the last assignment to `name` in a function, or at module level."""
        for binding in reversed(self.bindings):
            if binding.name == name and binding.scope.function == function:
                return binding
        return self.bound(name) if function else None

    def symbol(self, name: str | ast.AST | None) -> Symbol | None:
        """Return the definition of a name, or of the name that an expression spells."""
        dotted = name if isinstance(name, str) else self.dotted(name)
        return self.code.symbol(self, dotted) if self.code and dotted else None


def parse(path: str, data: bytes, code: Project | None = None) -> Module | None:
    """Return a source file's facts, None if this interpreter cannot parse it."""
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    module = Module(path, code, tree.body)
    _collect(module, tree)
    return module


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == name), None)


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    """Return a call's argument by position or by keyword."""
    if position < len(call.args) and not any(isinstance(a, ast.Starred) for a in call.args[: position + 1]):
        return call.args[position]
    return keyword(call, name)


def constant(node: ast.AST | None) -> str | None:
    """Return a string literal's value."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def is_true(node: ast.AST | None, value: object = True) -> bool:
    """Tell whether an expression is the literal `value`."""
    return isinstance(node, ast.Constant) and node.value is value


def each_of(site: Site, node: ast.expr) -> list[ast.expr]:
    """Return the elements of `for one in several`, else the expression itself."""
    over = site.module.loops.get((site.scope.function, node.id)) if isinstance(node, ast.Name) else None
    if isinstance(over, ast.Name):
        binding = site.module.bound(over.id, site.scope.function)
        over = binding.value if binding else None
    return list(over.elts) if isinstance(over, (ast.Tuple, ast.List)) else [node]


def words(node: ast.AST | None) -> str:
    """Return the names and attributes of an expression, in one text."""
    found = ast.walk(node) if node is not None else ()
    named = (n for n in found if isinstance(n, (ast.Name, ast.Attribute)))
    return " ".join(n.id if isinstance(n, ast.Name) else n.attr for n in named)


def parameters(function: Function | None, *, keywords: bool = True) -> list[ast.arg]:
    spec = function.args if function else None
    return [*spec.posonlyargs, *spec.args, *(spec.kwonlyargs if keywords else ())] if spec else []


def by_keys(node: ast.AST | None) -> dict[str | None, ast.expr]:
    """Return a dictionary's values by its literal keys, {} for another expression."""
    pairs = zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ()
    return {constant(key): value for key, value in pairs}


def default_of(function: Function, name: str) -> ast.expr | None:
    """Return a parameter's default value."""
    spec = function.args
    late = parameters(function, keywords=False)[-len(spec.defaults) :] if spec.defaults else []
    pairs = [*zip(late, spec.defaults, strict=True), *zip(spec.kwonlyargs, spec.kw_defaults, strict=True)]
    return next((value for parameter, value in pairs if parameter.arg == name), None)


def required_arguments(function: Function, method: bool = False) -> list[str]:
    """Return a function's parameters without a default."""
    spec = function.args
    positional = parameters(function, keywords=False)[1 if method else 0 :]
    count = len(positional) - min(len(positional), len(spec.defaults))
    named = [a for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=False) if d is None]
    return [a.arg for a in [*positional[:count], *named]]


def _collect(module: Module, tree: ast.Module) -> None:
    """Visit every node that can hold a fact, without recursion: a deep file must not exhaust the stack."""
    pending: list[tuple[ast.AST, Scope]] = [(node, Scope()) for node in reversed(tree.body)]
    visited = 0
    while pending and visited < MAX_NODES:
        node, scope = pending.pop()
        visited += 1
        if note := NOTES.get(node.__class__):
            note(module, node, scope)
        pending.extend(reversed(_children(node, scope)))
    # Names are expanded last: an import may follow a function that uses it.
    module.targets = set(module.aliases.values())
    module.calls = [site._replace(name=module.dotted(site.node.func)) for site in module.calls]


def _note_import(module: Module, node: ast.Import, scope: Scope) -> None:
    for name in node.names:
        module.imports.append(Import(name.name, (), scope))
        head = name.name.partition(".")[0]
        module.aliases[name.asname or head] = name.name if name.asname else head


def _note_import_from(module: Module, node: ast.ImportFrom, scope: Scope) -> None:
    base = "." * node.level + (node.module or "")
    module.imports.append(Import(base, tuple(n.name for n in node.names), scope))
    stem = base if base.endswith(".") or not base else base + "."
    for name in node.names:
        module.aliases[name.asname or name.name] = stem + name.name


def _note_text(module: Module, node: ast.Constant, _: Scope) -> None:
    text = node.value
    if isinstance(text, str) and text.startswith("sqlite"):
        module.databases.append((text[:500], node.lineno))
    elif isinstance(text, str) and len(text) < MAX_NAME and FILE_NAME.fullmatch(text):
        module.mentioned.append((text, node.lineno))


def _note_pattern(module: Module, node: ast.JoinedStr, scope: Scope) -> None:
    head = (constant(node.values[0]) if node.values else None) or ""
    if head.startswith("sqlite"):
        module.worked_out.append((node, scope.function))


def _note_operator(module: Module, node: ast.BinOp, scope: Scope) -> None:
    """Note a union of types; `"sqlite:///" + path` and `"sqlite:///%s" % path` as the equal f-string."""
    _note_union(module, node, scope)
    head = constant(node.left) or ""
    if head.startswith("sqlite") and isinstance(node.op, (ast.Add, ast.Mod)):
        parts = [ast.Constant(head.partition("%")[0]), ast.FormattedValue(node.right, -1)]
        text = ast.copy_location(ast.JoinedStr(parts), node)
        module.worked_out.append((text, scope.function))


def _note_function(module: Module, node: Function, scope: Scope) -> None:
    module.functions.setdefault(_qualified(scope, node.name), node)
    _note_name(module, node.name, scope)
    for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
        if isinstance(each.annotation, ast.BinOp):
            _note_union(module, each.annotation, scope)


def _note_class(module: Module, node: ast.ClassDef, scope: Scope) -> None:
    module.classes.setdefault(node.name, node)
    _note_name(module, node.name, scope)


def _note_union(module: Module, node: ast.BinOp, scope: Scope) -> None:
    none = any(isinstance(side, ast.Constant) and side.value is None for side in (node.left, node.right))
    if isinstance(node.op, ast.BitOr) and none and not scope.typing:
        module.needs(10)


def _note_return(module: Module, node: ast.Return, scope: Scope) -> None:
    if node.value is not None:
        module.returns.setdefault(scope.function, []).append(node.value)


def _note_loop(module: Module, node: ast.For, scope: Scope) -> None:
    if isinstance(node.target, ast.Name):
        module.loops[(scope.function, node.target.id)] = node.iter


def _note_demand(module: Module, node: ast.If | ast.Assert, scope: Scope) -> None:
    """Note `if not name: raise …` and `assert name`, if they run with every import."""
    if scope.function or scope.main or scope.tried or scope.tested:
        return
    asserted = isinstance(node, ast.Assert)
    raises = not isinstance(node, ast.Assert) and any(isinstance(one, ast.Raise) for one in node.body)
    either = isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.And if asserted else ast.Or)
    for test in node.test.values if isinstance(node.test, ast.BoolOp) and either else [node.test]:
        compared = isinstance(test, ast.Compare) and not is_true(test.comparators[0], None)
        negated = isinstance(test, (ast.UnaryOp, ast.Compare))
        ends = asserted or (negated and raises)
        if ends and not compared and not isinstance(test, ast.BoolOp):
            module.demanded.append(test)


def _note_lookup(module: Module, node: ast.Subscript, scope: Scope) -> None:
    if isinstance(node.ctx, ast.Load):
        module.lookups.append((node, scope))


def _note_binding(module: Module, node: ast.Assign | ast.AnnAssign | ast.NamedExpr, scope: Scope) -> None:
    annotation = getattr(node, "annotation", None)
    for target, value in _assigned(node):
        if isinstance(target, ast.Name):
            module.bindings.append(Binding(target.id, value, annotation, scope, target.lineno))
            _note_name(module, target.id, scope)
        elif isinstance(target, ast.Attribute) and module.dotted(target.value) == "self":
            module.bindings.append(Binding(f"self.{target.attr}", value, annotation, scope, target.lineno))


def _assigned(node: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield each target with its value, also those of `a, b = 1, 2`."""
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=False)
        elif node.value is not None:
            yield target, node.value


def _note_with(module: Module, node: ast.With, scope: Scope) -> None:
    for item in node.items:
        if isinstance(item.optional_vars, ast.Name):
            name = item.optional_vars
            module.bindings.append(Binding(name.id, item.context_expr, None, scope, name.lineno))


def _note_name(module: Module, name: str, scope: Scope) -> None:
    if not scope.function and not scope.owner:
        module.names.add(name)


def _children(node: ast.AST, scope: Scope) -> list[tuple[ast.AST, Scope]]:
    if node.__class__ not in SCOPED:
        return [(child, scope) for child in _inner_nodes(node)]
    if isinstance(node, Function):
        # Decorators and default values run where the function is defined, its body does not.
        outside: list[ast.AST] = [*node.decorator_list, *node.args.defaults]
        outside += [d for d in node.args.kw_defaults if d is not None]
        inner = scope._replace(function=_qualified(scope, node.name), owner="", tried=False, tested=False)
        return [(n, scope) for n in outside] + [(n, inner) for n in node.body]
    if isinstance(node, ast.Lambda):
        return [(node.body, scope._replace(function=_qualified(scope, "<lambda>")))]
    if isinstance(node, ast.ClassDef):
        heads: list[ast.AST] = [*node.decorator_list, *node.bases, *(k.value for k in node.keywords)]
        inner = scope._replace(owner=f"{scope.owner}.{node.name}".lstrip("."))
        return [(n, scope) for n in heads] + [(n, inner) for n in node.body]
    if isinstance(node, ast.If):
        body, rest = _guarded(node.test, scope), scope._replace(tested=True)
        return [(node.test, scope), *((n, body) for n in node.body), *((n, rest) for n in node.orelse)]
    if isinstance(node, ast.With):
        calls = [one.context_expr for one in node.items if isinstance(one.context_expr, ast.Call)]
        texts = [constant(c.args[0]) for c in calls if getattr(c.func, "attr", "") == "prefixed" and c.args]
        inner = scope._replace(prefix=scope.prefix + "".join(text or "" for text in texts))
        return [*((one, scope) for one in node.items), *((one, inner) for one in node.body)]
    if isinstance(node, ast.IfExp):
        either = scope._replace(tested=True)
        return [(node.test, scope), (node.body, either), (node.orelse, either)]
    if isinstance(node, (ast.Try, ast.TryStar)):
        safe = scope._replace(tried=True) if node.handlers else scope
        parts = [(n, safe) for n in node.body]
        return parts + [(n, scope) for n in [*node.handlers, *node.orelse, *node.finalbody]]
    return [(child, scope) for child in _inner_nodes(node)]


def _inner_nodes(node: ast.AST) -> list[ast.AST]:
    """Return the child nodes that can hold facts: not the names and operators, which are most nodes."""
    found: list[ast.AST] = []
    for name in node._fields:
        value: Any = getattr(node, name, None)
        if value.__class__ is list:
            found += [item for item in value if item.__class__ not in LEAVES]
        elif value.__class__ not in LEAVES:
            found.append(value)
    return found


def _guarded(test: ast.expr, scope: Scope) -> Scope:
    small = getattr(test, "end_lineno", 0) - getattr(test, "lineno", 0) < 20
    names = set(words(test).split()) if small else set()
    if "__name__" in names:
        return scope._replace(main=True)
    return scope._replace(typing=True) if "TYPE_CHECKING" in names else scope._replace(tested=True)


def _qualified(scope: Scope, name: str) -> str:
    return ".".join(part for part in (scope.function, scope.owner, name) if part)


NOTES: dict[type, Callable[[Module, Any, Scope], None]] = {
    ast.Call: lambda module, node, scope: module.calls.append(Site(node, "", scope, module)),
    ast.Import: _note_import,
    ast.ImportFrom: _note_import_from,
    ast.Constant: _note_text,
    ast.JoinedStr: _note_pattern,
    ast.If: _note_demand,
    ast.With: _note_with,
    ast.Assert: _note_demand,
    ast.FunctionDef: _note_function,
    ast.AsyncFunctionDef: _note_function,
    ast.ClassDef: _note_class,
    ast.Return: _note_return,
    ast.For: _note_loop,
    ast.Subscript: _note_lookup,
    ast.Assign: _note_binding,
    ast.AnnAssign: _note_binding,
    ast.NamedExpr: _note_binding,
    ast.AugAssign: lambda module, node, scope: module.grown.append((node, scope)),
    ast.BinOp: _note_operator,
    ast.Match: lambda module, _, __: module.needs(10),
    ast.TryStar: lambda module, _, __: module.needs(11),
}
