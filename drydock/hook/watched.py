"""What each gate of the hook judges: a gate runs when something that it judges is pushed and has changed.

Source changes run the application's tests and weigh the image. The gates that judge how the image is made and
what is installed in it run when that changes; `invoke push` and `invoke release` demand them in any case, for
exactly the content that leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "{source}"
# What decides the image beside the application's own code.
RECIPE = (
    "Dockerfile",
    ".dockerignore",
    "image/*",
    "drydock/container/*",
    f"{SOURCE}image/*",
    "pyproject.toml",
    "drydock.toml",
    f"{SOURCE}pyproject.toml",
    f"{SOURCE}*.lock",
)
CODE = ("*.py", "pyproject.toml", "requirements.lock")


@dataclass(frozen=True)
class Watched:
    """A gate of the hook.

    Args:
        name: The gate's name, which is also its Nox session's.
        inputs: Patterns of the paths that it judges, from the root of the repository; ``{source}`` stands for
            the application's folder, and ``*`` matches a slash as well.
        session: The arguments with which the hook runs the Nox session, for a gate that judges no image.
    """

    name: str
    inputs: tuple[str, ...]
    session: tuple[str, ...] | None = None

    def patterns(self, source: str) -> tuple[str, ...]:
        """Return the inputs of a project whose application lies in a folder; empty for the root."""
        return tuple(text.replace(SOURCE, f"{source}/" if source else "") for text in self.inputs)


WATCHED = (
    Watched("lint", (*CODE, "Dockerfile"), session=()),
    Watched("container_tests", (*RECIPE, f"{SOURCE}*")),
    Watched("size_budget", (*RECIPE, f"{SOURCE}*")),
    Watched("smoke", RECIPE),
    Watched("security", RECIPE),
    Watched("licences", RECIPE),
    Watched("kubernetes", ("deploy/kubernetes/*",)),
    # Those that need an engine take minutes, and run in CI.
    Watched(
        "tests",
        (
            "drydock/*",
            "tasks.py",
            "tests/*",
            f"{SOURCE}image/*",
            "noxfile.py",
            "run",
            "Dockerfile",
            *CODE[1:],
        ),
        session=("-m", "not live"),
    ),
)
