"""List the files that a .dockerignore must keep and exclude, and the faults of an existing one."""

from __future__ import annotations

import re

from drydock.detect.model import Ignore
from drydock.detect.tree import Tree, join
from drydock.project import ignore as dockerignore

SECRET = re.compile(
    r"(^|/)(\.env(\.(?!example|sample|template|dist|defaults?|tpl)[\w.-]+)?|[^/]*\.(pem|key|p12|pfx|jks|keystore|kdbx)|"
    r"(?!(example|sample|template|dist|defaults?)\.)[^/]+\.env|id_(rsa|dsa|ecdsa|ed25519)|"
    r"\.netrc|\.pypirc|\.npmrc|\.htpasswd|credentials(\.json)?|service[-_]?account[^/]*\.json|client_secret[^/]*\.json|"
    r"secrets?\.(ya?ml|json|toml|env))$"
)
MAX_LISTED = 50


def ignore(tree: Tree, context: str, needed: list[str]) -> Ignore:
    """Check a context's .dockerignore: it must keep the `needed` files and exclude secrets."""
    inside = frozenset(_inner(f, context) for f in tree.under(context))
    own = (n for n in needed if context == "." or n == context or n.startswith(context + "/"))
    wanted = sorted({_inner(n, context) for n in own})
    named = sorted(f for f in inside if SECRET.search(f))
    public = [f for f in named if is_public(f, tree.data(join(context, f)) or b"")]
    secrets = [f for f in named if f not in public][:MAX_LISTED]
    patterns = dockerignore.patterns(tree.text(join(context, ".dockerignore")) or "")
    excluded = dockerignore.excluded(patterns, inside)
    removed = [w for w in wanted if _gone(w, inside, excluded)][:MAX_LISTED]
    exposed = [s for s in secrets if s not in excluded]
    return Ignore(tuple(wanted), tuple(removed), tuple(secrets), tuple(exposed), tuple(public))


def is_public(path: str, data: bytes) -> bool:
    """Tell whether a PEM file holds certificates or public keys alone."""
    return path.endswith(".pem") and b"-----BEGIN " in data and b"PRIVATE KEY-----" not in data


def _gone(path: str, inside: frozenset[str], excluded: frozenset[str]) -> bool:
    """Tell whether the context lacks a file, or every file of a folder."""
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
