"""Complete the values of options, and names of gates; Invoke itself completes tasks and options."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path


def _targets() -> list[str]:
    from drydock.build.plan import OFFERED

    return list(OFFERED)


def _overlays() -> list[str]:
    return sorted(path.parent.name for path in Path().glob("deploy/kubernetes/overlays/*/kustomization.yaml"))


def _gates() -> list[str]:
    from drydock.gates.gate import registry

    return list(registry())


def _extras() -> list[str]:
    from drydock.recipe import EXTRAS

    return list(EXTRAS)


def _services() -> list[str]:
    from drydock.services import BY_NAME

    return list(BY_NAME)


# By the word before the value, with its task where several have it.
VALUES: dict[str, Callable[[], Sequence[str]]] = {
    "--target": _targets,
    "--overlay": _overlays,
    "gate": _gates,
    "init --with": _extras,
    "run --with": _services,
}


def values(line: str) -> Sequence[str]:
    """Return the values that may follow the option or task before the cursor, where the command line ends."""
    try:
        words = [word for word in shlex.split(line) if word != "="]  # bash splits `--target=slim` at the sign
    except ValueError:
        return ()  # within quotes there is nothing to complete
    task = words[1] if len(words) > 1 else ""
    # An option that is begun has no value yet.
    before = words[-1:] if words and words[-1].startswith("-") else words[:-3:-1]
    known = (VALUES.get(word) or VALUES.get(f"{task} {word}") for word in before)
    found = next(filter(None, known), None)
    return found() if found else ()
