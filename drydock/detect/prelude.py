"""Find the steps of a Python program before it starts a server: an image serves without them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from drydock.detect.syntax import Module, Site, constant

# Steps about the command line, the import path, a developer's settings or output.
PLAIN = re.compile(
    r"^(print|sys\.path\.\w+|(\w+\.)*(load_dotenv|freeze_support|sleep|parse_args|add_argument|add_subparsers)|"
    r"(uvicorn|typer|click|fire|webbrowser|colorama|warnings)\.\w+|rich\.print|"
    r"(\w+\.)*(log|logger|logging|console)\.(debug|info|warning|warn|error|exception|critical|success|log|print))$"
)
MAIN = "__name__ == '__main__'"


def steps(module: Module, site: Site, served: str) -> tuple[str, ...]:
    """Return the calls and changes of other objects before the call that starts a server.

    Those that an import of `served`, the application's file, makes too are left out.
    """
    body, line = module.body, site.node.lineno
    found = [one for one in _before(body, line) if module.path != served or one not in body]
    if not any(_holds(one, line) for one in body if _is_guard(one)):
        # The last step of the program's own block leads to the function that starts the server.
        found += [
            one for guard in body if isinstance(guard, ast.If) and _is_guard(guard) for one in guard.body[:-1]
        ]
    return tuple(dict.fromkeys(text for one in found if (text := _told(module, one))))


def _before(body: list[ast.stmt], line: int) -> Iterator[ast.stmt]:
    """Yield the statements before a line, in the blocks around it."""
    for one in body:
        if _holds(one, line):
            for name in ("body", "orelse", "finalbody", "handlers"):
                yield from _before(getattr(one, name, None) or [], line)
            return
        if one.lineno < line:
            yield one


def _holds(one: ast.stmt, line: int) -> bool:
    return one.lineno <= line <= (one.end_lineno or one.lineno)


def _is_guard(one: ast.stmt) -> bool:
    return isinstance(one, ast.If) and ast.unparse(one.test) == MAIN


def _told(module: Module, one: ast.stmt) -> str:
    """Name a statement's call or its target; empty for one that changes nothing outside."""
    node = one.value if isinstance(one, ast.Expr) else None
    node = node.value if isinstance(node, ast.Await) else node
    if isinstance(node, ast.Call):
        name = module.dotted(node.func) or ast.unparse(node.func)
        first = constant(node.args[0]) if node.args else None
        return "" if PLAIN.match(name) else f"{ast.unparse(node.func)}({repr(first) if first else ''})"
    targets = one.targets if isinstance(one, ast.Assign) else ()
    changed = [ast.unparse(each) for each in targets if isinstance(each, (ast.Attribute, ast.Subscript))]
    return f"{changed[0]} = …" if changed else ""
