"""List the files that a .dockerignore must keep and exclude, and the faults of an existing one."""

from __future__ import annotations

import re
from pathlib import Path

from drydock.detect.model import Ignore
from drydock.detect.tree import MAX_TEXT, Tree, join, read_bounded
from drydock.project import ignore as dockerignore

# Names of secrets, as patterns of .dockerignore.
SECRET_NAMES = (
    *("*.env", ".env.*", "*.pem", "*.key", "*.p8", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx"),
    *("*.ppk", "*.tfstate*", "id_[rd]sa", "id_ecdsa", "id_ed25519", ".netrc", ".pypirc", ".npmrc"),
    *(".htpasswd", ".pgpass", ".git-credentials", "credentials*.json", "service?account*.json"),
    *("service[aA]ccount*.json", "client_secret*.json", "secret.json", "secrets*.json", "secret.toml"),
    *("secrets*.toml", "secret.y*ml", "secrets*.y*ml"),
)
# Rarer ones, and those that a folder can have: only files that exist are excluded by them.
_OTHERS = (
    r"\.envrc|_netrc|\.my\.cnf|[^/]*(?<!\bexample)\.tfvars|\.vault[-_](pass[^/]*|token)|token\.(json|pickle)|"
    r"\.dockercfg|\.docker/config\.json|\.kube/config|kubeconfig|credentials|\.?secrets/[^/.]+(\.txt)?"
)
_EXAMPLE = r"(example|sample|template|dist|defaults?|tpl)"
_NAMED = "|".join(dockerignore.translate(name).removesuffix("(?:/.*)?") for name in SECRET_NAMES)
SECRET = re.compile(rf"(?i)(^|/)(?!\.env\.{_EXAMPLE}|{_EXAMPLE}\.([^/]*\.)?env$)({_NAMED}|{_OTHERS})$")
# Files of other names are secrets if they hold one of these.
PLAIN = re.compile(r"(^|/)[^/.]+$|\.(json|txt|crt|cer|asc|conf|cfg|ini)$", re.I)
HELD = re.compile(
    rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s|\"type\":\s*\"service_account\"|"
    rb"^\s*(?:extra-)?index-url\s*=\s*https?://[^\s/@${]+:[^\s/@${]+@",
    re.M,
)
MAX_READ = 32_000  # bytes; a larger file is data
MAX_LISTED = 50


def ignore(tree: Tree, context: str, needed: list[str]) -> Ignore:
    """Check a context's .dockerignore: it must keep the `needed` files and exclude secrets."""
    inside = frozenset(_inner(f, context) for f in tree.under(context))
    own = (n for n in needed if context == "." or n == context or n.startswith(context + "/"))
    secrets = [f for f in sorted(inside) if is_secret(f, tree.root / context / f)]
    wanted = sorted({_inner(n, context) for n in own}.difference(secrets))
    public = [f for f in sorted(inside.difference(secrets)) if SECRET.search(f)]
    patterns = dockerignore.patterns(tree.text(join(context, ".dockerignore")) or "")
    excluded = dockerignore.excluded(patterns, inside)
    removed = [w for w in wanted if _gone(w, inside, excluded)][:MAX_LISTED]
    exposed = [s for s in secrets if s not in excluded][:MAX_LISTED]
    return Ignore(tuple(wanted), tuple(removed), tuple(secrets), tuple(exposed), tuple(public))


def is_secret(path: str, file: Path) -> bool:
    """Tell whether a file is a secret by its name, or by the key that it holds."""
    if SECRET.search(path):
        return not is_public(path, read_bounded(file, MAX_TEXT) or b"")
    return bool(PLAIN.search(path)) and bool(HELD.search(read_bounded(file, MAX_READ) or b""))


def is_public(path: str, data: bytes) -> bool:
    """Tell whether a PEM file holds certificates or public keys alone."""
    return path.endswith((".pem", ".key")) and b"-----BEGIN " in data and b"PRIVATE KEY-----" not in data


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
