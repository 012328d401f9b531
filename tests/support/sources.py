"""The source of a test, for documents that name it."""

from __future__ import annotations

import ast
from pathlib import Path


def function(path: Path, name: str) -> str:
    """Return a function's source with its decorators; empty if the file or function does not exist."""
    if not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    return ""
