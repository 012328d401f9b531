"""The hook's gates with their input paths: a gate runs when a push changes one of them.

Source changes run the application's tests and weigh the image. The gates on the image's making and packages
run when its recipe changes. `invoke push` and `invoke release` demand them in any case, for exactly the
published content.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from drydock.gates.gate import SOURCE, Gate, registry
from drydock.project.model import DOCKERFILES

# Paths that decide the image beside the application's own code.
RECIPE = (
    *(*DOCKERFILES, "*.dockerignore", "image/*", "drydock/container/*", "pyproject.toml", "drydock.toml"),
    "uv.lock",  # of a workspace, above its application
    *(f"{SOURCE}/{name}" for name in ("image/*", "pyproject.toml", "*.lock", "*requirements*.txt")),
    *(f"{SOURCE}/{name}" for name in ("pylock.toml", "setup.py")),
)
CODE = ("*.py", "pyproject.toml", "requirements.lock")
# Possible inputs of another project's sessions.
OTHERS = ("*.py", "*.toml", "*.cfg", "*.ini", "*.lock", "*.txt")


@dataclass(frozen=True)
class Watched:
    name: str
    # Patterns of its input paths, from the repository's root; ``{source}`` is the application's folder, and
    # ``*`` matches a slash as well
    inputs: tuple[str, ...]
    session: tuple[str, ...] | None = None  # arguments of its Nox session, if it judges no image

    def patterns(self, source: str) -> tuple[str, ...]:
        """Return the inputs of a project with its application in a folder; empty for the root."""
        return tuple(text.replace(f"{SOURCE}/", f"{source}/" if source else "") for text in self.inputs)


# This repository's own sessions. Those that need an engine take minutes, and run in CI.
FIRST = (Watched("lint", (*CODE, "Dockerfile"), session=()),)
TESTED = ("drydock/*", "tasks.py", "tests/*", f"{SOURCE}/image/*", "noxfile.py", "run", "Dockerfile")
LAST = (Watched("tests", (*TESTED, *CODE[1:]), session=("-n", "auto", "-m", "not live and not acceptance")),)


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
