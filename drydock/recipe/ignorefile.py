"""Write a .dockerignore that names what the build may see: an allow-list, and what no allowance lets in."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterable

from drydock.recipe.blueprint import BUILD_LOCK, Blueprint
from drydock.recipe.contents import is_below

HEAD = """\
# An allow-list: what is not named here never reaches the build, so neither a secret nor a large file can slip
# in, and an unrelated change never costs a cached step. A new folder of the application is named here and in
# the Dockerfile.
*
"""
# Inside the folders that are let in: what no image needs, and what nobody else may read.
NEVER = (
    *("**/__pycache__", "**/*.py[co]", "**/.git", "**/.venv", "**/node_modules", "**/.env"),
    *("**/.env.*", "**/*.pem", "**/*.key", "**/*.p12", "**/id_rsa", "**/.netrc", "**/.pypirc"),
)


def render(blueprint: Blueprint, helpers: Iterable[str]) -> str:
    """Return the .dockerignore of a project.

    Args:
        blueprint: What is shipped, and what else the build reads.
        helpers: The files that the Dockerfile needs from image/.
    """
    scripts = dict.fromkeys(
        f"{posixpath.dirname(path)}/*{posixpath.splitext(path)[1]}" for path in sorted(helpers)
    )
    found = blueprint.dependencies
    # The lock for the tests may be about to be made.
    build = [*found.files, *blueprint.declared, *filter(None, [blueprint.test_lock])]
    build += [path for path in _beside(blueprint) if (blueprint.root / path).is_file()]
    build += blueprint.build_files if blueprint.installed else ()
    build += [BUILD_LOCK] if blueprint.build_locked else []
    build = sorted(path for path in build if path not in blueprint.resolved)
    named = dict.fromkeys([*scripts, *build, *blueprint.entries, *blueprint.tests])
    lines = [f"!{path}" for path in named]
    inside = [path for path in blueprint.secrets if any(is_below(path, kept) for kept in named)]
    secrets = [path for path in inside if not _is_covered(path)]
    return "\n".join([HEAD.rstrip(), *lines, *NEVER, *secrets, ""])


def _beside(blueprint: Blueprint) -> list[str]:
    """Return what the tests and a build of the project read from its folder."""
    names = ("pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg")
    return [posixpath.normpath(posixpath.join(blueprint.source, name)) for name in names]


def _is_covered(path: str) -> bool:
    return any(fnmatch.fnmatchcase(f"/{path}", pattern.replace("**/", "*/")) for pattern in NEVER)
