"""Which repositories of a registry got a layer from here, so that another one can have it without sending.

As the engine's own push remembers it. A hint and no more: the registry is asked, and may say no.
"""

from __future__ import annotations

import hashlib
import json

from drydock import state
from drydock.image.store import Store

MOST_REPOSITORIES = 3


def of(registry: str, digest: str) -> list[str]:
    """Return the repositories that got a blob, the latest first."""
    try:
        found = json.loads(_store().read(_name(registry, digest)) or b"[]")
    except ValueError:
        return []
    return [str(repository) for repository in found]


def add(registry: str, digest: str, repository: str) -> None:
    """Note that a repository has a blob."""
    known = of(registry, digest)
    if repository not in known[:1]:
        others = [other for other in known if other != repository]
        kept = [repository, *others][:MOST_REPOSITORIES]
        _store().write(_name(registry, digest), json.dumps(kept).encode())


def _store() -> Store:
    return Store(state.cache("blob-locations"), state.TABLE["blob locations"].largest)


def _name(registry: str, digest: str) -> str:
    return hashlib.sha256(f"{registry} {digest}".encode()).hexdigest()
