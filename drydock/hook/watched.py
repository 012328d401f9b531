"""The hook's gates with the paths that each judges: a gate runs when one of them changed in what is pushed.

Source changes run the application's tests and weigh the image. The gates that judge how the image is made and
what is installed in it run when that changes; `invoke push` and `invoke release` demand them in any case, for
exactly the content that leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from drydock.gates.gate import SOURCE, Gate, registry

# What decides the image beside the application's own code.
RECIPE = (
    "Dockerfile",
    ".dockerignore",
    "image/*",
    "drydock/container/*",
    f"{SOURCE}/image/*",
    "pyproject.toml",
    "drydock.toml",
    f"{SOURCE}/pyproject.toml",
    f"{SOURCE}/*.lock",
)
CODE = ("*.py", "pyproject.toml", "requirements.lock")
# What may decide a session of another project.
OTHERS = ("*.py", "*.toml", "*.cfg", "*.ini", "*.lock", "*.txt")


@dataclass(frozen=True)
class Watched:
    """A gate of the hook."""

    name: str
    # Patterns of the paths that it judges, from the root of the repository; ``{source}`` stands for the
    # application's folder, and ``*`` matches a slash as well.
    inputs: tuple[str, ...]
    # The arguments with which the hook runs the Nox session, for a gate that judges no image.
    session: tuple[str, ...] | None = None

    def patterns(self, source: str) -> tuple[str, ...]:
        """Return the inputs of a project whose application lies in a folder; empty for the root."""
        return tuple(text.replace(f"{SOURCE}/", f"{source}/" if source else "") for text in self.inputs)


# This repository's own sessions. Those that need an engine take minutes, and run in CI.
FIRST = (Watched("lint", (*CODE, "Dockerfile"), session=()),)
LAST = (
    Watched(
        "tests",
        (
            "drydock/*",
            "tasks.py",
            "tests/*",
            f"{SOURCE}/image/*",
            "noxfile.py",
            "run",
            "Dockerfile",
            *CODE[1:],
        ),
        session=("-n", "auto", "-m", "not live and not acceptance"),
    ),
)


def of(gate: Gate) -> Watched:
    """Return a gate of the registry with the paths that it judges."""
    also = {"source": (*RECIPE, f"{SOURCE}/*"), "recipe": RECIPE, "inputs": ()}.get(gate.facts.changes, ())
    own = (f"{path}*" if path.endswith("/") else path for path in gate.facts.inputs)
    others = (path for path in own if not any(fnmatchcase(path, pattern) for pattern in also))
    return Watched(gate.name, tuple(dict.fromkeys((*also, *others))))


def watched(root: Path | None = None) -> tuple[Watched, ...]:
    """Return every gate of a project's hook in its order; this repository's own where no folder is named.

    Another project's sessions `lint` and `tests` run as its noxfile defines them.
    """
    first: tuple[Watched, ...] = FIRST
    last: tuple[Watched, ...] = LAST
    if root and not (root / "drydock/hook/watched.py").is_file():
        noxfile = root / "noxfile.py"
        own = noxfile.read_text(encoding="utf-8") if noxfile.is_file() else ""
        first, last = (
            tuple(Watched(one.name, OTHERS, session=()) for one in some if f"def {one.name}(" in own)
            for some in (FIRST, LAST)
        )
    gates = (of(gate) for gate in registry().values() if gate.facts.changes != "none")
    return (*first, *gates, *last)
