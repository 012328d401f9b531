"""Say what a .dockerignore must keep and what it must shut out, and where an existing one fails."""

from __future__ import annotations

import re
from collections.abc import Iterable

from drydock.detect.model import Ignore
from drydock.detect.tree import Tree, join

SECRET = re.compile(
    r"(^|/)(\.env(\.(?!example|sample|template|dist|defaults?|tpl)[\w.-]+)?|[^/]*\.(pem|key|p12|pfx|jks|keystore|kdbx)|id_(rsa|dsa|ecdsa|ed25519)|"
    r"\.netrc|\.pypirc|\.npmrc|\.htpasswd|credentials(\.json)?|service[-_]?account[^/]*\.json|client_secret[^/]*\.json|"
    r"secrets?\.(ya?ml|json|toml|env))$"
)
MAX_LISTED = 50
MAX_STARS = 3  # wildcards in one pattern: each more multiplies the time that a hostile one can take


def ignore(tree: Tree, context: str, needed: list[str]) -> Ignore:
    """Return what the build context of a project has to keep and to shut out.

    Args:
        context: the build context, a folder of the tree.
        needed: files and folders of the tree that the image needs.
    """
    path = join(context, ".dockerignore")
    text = tree.text(path)
    inside = frozenset(_inner(f, context) for f in tree.under(context))
    wanted = sorted(
        {_inner(n, context) for n in needed if context == "." or n == context or n.startswith(context + "/")}
    )
    secrets = sorted(f for f in inside if SECRET.search(f))[:MAX_LISTED]
    if text is None:
        return Ignore("", False, tuple(wanted), (), tuple(secrets), tuple(secrets))
    lines = [line.strip() for line in text.split("\n")]
    patterns = [p for p in lines if p and not p.startswith("#") and p.isprintable() and len(p) < 300][:200]
    excluded = _excluded(patterns, inside)
    allow_list = bool(patterns) and patterns[0] in {"*", "**", "**/*", "/*", "./*"}
    removed = [w for w in wanted if _gone(w, inside, excluded)]
    exposed = tuple(s for s in secrets if s not in excluded)
    return Ignore(path, allow_list, tuple(wanted), tuple(removed[:MAX_LISTED]), tuple(secrets), exposed)


def _excluded(patterns: list[str], files: Iterable[str]) -> frozenset[str]:
    """Return the files that the patterns exclude, by Docker's rule: the last pattern that matches decides."""
    runs: list[tuple[bool, list[str]]] = []
    for pattern in patterns:
        body = translate(pattern.removeprefix("!"))
        negated = pattern.startswith("!")
        if body and runs and runs[-1][0] == negated:
            runs[-1][1].append(body)
        elif body:
            runs.append((negated, [body]))
    excluded: set[str] = set()
    everything = list(files)
    for negated, bodies in runs:
        try:
            matches = re.compile("|".join(f"(?:{body})" for body in bodies)).fullmatch
        except (re.error, OverflowError, RecursionError):
            continue
        hits = {f for f in everything if matches(f)}
        excluded = excluded - hits if negated else excluded | hits
    return frozenset(excluded)


def translate(pattern: str) -> str:
    """Return a pattern of a .dockerignore as a regular expression, `""` when it is too wild to be tried.

    Unlike git's, such a pattern starts at the context's root; one that matches a folder matches all below it.
    """
    pattern = pattern.strip().strip("/").removeprefix("./")
    pieces = re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]/]+\]|.", pattern)
    if not pieces or sum(piece[0] == "*" for piece in pieces) > MAX_STARS:
        return ""
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    body = "".join(known.get(p) or (p if len(p) > 1 else re.escape(p)) for p in pieces)
    return f"{body}(?:/.*)?"


def _gone(path: str, inside: frozenset[str], excluded: frozenset[str]) -> bool:
    """Tell whether a file, or every file of a folder, is left out of the context."""
    if path == "." or path in excluded:
        return path != "."
    if path in inside:
        return False
    below = [f for f in inside if f == path or f.startswith(path + "/")]
    return bool(below) and all(f in excluded for f in below)


def _inner(path: str, context: str) -> str:
    if context == ".":
        return path
    return path[len(context) + 1 :] or "."
