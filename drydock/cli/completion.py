"""Complete the values of options; Invoke itself completes the names of tasks and options."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path


def _targets() -> list[str]:
    from drydock.build.plan import OFFERED

    return list(OFFERED)


def _overlays() -> list[str]:
    return sorted(path.parent.name for path in Path().glob("deploy/kubernetes/overlays/*/kustomization.yaml"))


VALUES: dict[str, Callable[[], Sequence[str]]] = {"--target": _targets, "--overlay": _overlays}


def values(line: str) -> Sequence[str]:
    """Return the values of the option before the cursor, where the command line ends."""
    try:
        words = [word for word in shlex.split(line) if word != "="]  # bash splits `--target=slim` at the sign
    except ValueError:
        return ()  # within quotes there is nothing to complete
    option = next((word for word in reversed(words[-2:]) if word in VALUES), None)
    return VALUES[option]() if option else ()
