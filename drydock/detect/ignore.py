"""Say what a .dockerignore must keep and what it must shut out, and where an existing one fails."""

from __future__ import annotations

import re

from drydock.detect.model import Ignore
from drydock.detect.tree import Tree, join
from drydock.project import ignore as dockerignore

SECRET = re.compile(
    r"(^|/)(\.env(\.(?!example|sample|template|dist|defaults?|tpl)[\w.-]+)?|[^/]*\.(pem|key|p12|pfx|jks|keystore|kdbx)|id_(rsa|dsa|ecdsa|ed25519)|"
    r"\.netrc|\.pypirc|\.npmrc|\.htpasswd|credentials(\.json)?|service[-_]?account[^/]*\.json|client_secret[^/]*\.json|"
    r"secrets?\.(ya?ml|json|toml|env))$"
)
MAX_LISTED = 50


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
    patterns = dockerignore.patterns(text)
    excluded = dockerignore.excluded(patterns, inside)
    allow_list = bool(patterns) and patterns[0] in {"*", "**", "**/*", "/*", "./*"}
    removed = [w for w in wanted if _gone(w, inside, excluded)]
    exposed = tuple(s for s in secrets if s not in excluded)
    return Ignore(path, allow_list, tuple(wanted), tuple(removed[:MAX_LISTED]), tuple(secrets), exposed)


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
