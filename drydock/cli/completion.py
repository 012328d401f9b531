"""Complete the values of options, and names of gates; Invoke itself completes tasks and options."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path


def values(line: str) -> list[str]:
    """Return the values that may follow the option or task before the cursor, where the command line ends."""
    try:
        words = [word for word in shlex.split(line) if word != "="]  # bash splits `--target=slim` at the sign
    except ValueError:
        return []  # within quotes there is nothing to complete
    task = words[1] if len(words) > 1 else ""
    # An option that is begun has no value yet.
    before = words[-1:] if words and words[-1].startswith("-") else words[:-3:-1]
    found = ([*_known(word, task)] for word in before)
    return next(filter(None, found), [])


def _known(word: str, task: str) -> Iterable[str]:
    """Return the values after a word of a task; each source is imported for itself alone."""
    match word, task:
        case "--target", _:
            from drydock.build.plan import OFFERED

            return OFFERED
        case "--overlay", _:
            overlays = Path("deploy/kubernetes/overlays").glob("*/kustomization.yaml")
            return sorted(path.parent.name for path in overlays)
        case "gate", _:
            from drydock.gates.gate import registry

            return registry()
        case "--with", "init":
            from drydock.recipe import EXTRAS

            return EXTRAS
        case "--with", "run":
            from drydock.services import BY_NAME

            return BY_NAME
    return ()
