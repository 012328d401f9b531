"""Compare the markers of two locks: uv's commands write one condition in several ways."""

import ast
import re
from itertools import product

_ENTRY = re.compile(
    r"^(?P<pin>[A-Za-z0-9][\w.-]*(?:\[[^]]*\])?==[^\s;\\]+) ; (?P<marker>[^\\\n]+?)(?= \\$|$)", re.M
)
# Longer conditions are compared as text: their normal form may not fit into memory.
MAX_LENGTH = 1000


def kept(old: str, new: str) -> str:
    """Return a lock's new text, with old markers that are equivalent for the same version."""
    before = {found["pin"]: found["marker"] for found in _ENTRY.finditer(old)}

    def as_before(found: re.Match[str]) -> str:
        marker = before.get(found["pin"], "")
        same = marker and marker != found["marker"] and are_equal(marker, found["marker"])
        return f"{found['pin']} ; {marker if same else found['marker']}"

    return _ENTRY.sub(as_before, new)


def are_equal(one: str, other: str) -> bool:
    """Tell whether two markers have equal alternatives of equal comparisons."""
    if one == other:
        return True
    first, second = _alternatives(one), _alternatives(other)
    return first is not None and first == second


def _alternatives(marker: str) -> frozenset[frozenset[str]] | None:
    """Return a marker's disjunctive normal form, None if it is not in Python's syntax."""
    if len(marker) > MAX_LENGTH:
        return None
    try:
        return _normal(ast.parse(marker, mode="eval").body)
    except SyntaxError:  # `~=` and `===` are not operators of Python
        return None


def _normal(node: ast.expr) -> frozenset[frozenset[str]]:
    if not isinstance(node, ast.BoolOp):
        return frozenset({frozenset({ast.unparse(node)})})
    parts = [_normal(value) for value in node.values]
    if isinstance(node.op, ast.Or):
        return frozenset().union(*parts)
    return frozenset(frozenset().union(*choice) for choice in product(*parts))
