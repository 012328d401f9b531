"""Render a project's Dockerfile from drydock's own: its ARGs, its marked parts, and little else."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from drydock.recipe import packaged, recipes
from drydock.recipe.blueprint import Blueprint

# In drydock's own Dockerfile these parts serve two kinds of lock file at once, or its own measurements.
VARYING = ("locks", "profile", "dependencies", "test-dependencies")
OPENING = """\
# `invoke init` writes this file for another project: it sets the ARGs, and rewrites what stands between
# `# <name>` and `# </name>`; the rest stays as it is.
"""
OPENING_ELSEWHERE = """\
# Written by `invoke init` of drydock, and in need of nothing but Docker. Change it as you like: `invoke init`
# shows the difference, and overwrites nothing without --force.
"""
OPENING_RENDERED = """\
# Rendered by drydock at each build, from what it finds in the project; `drydock init` writes it down there.
"""
LOCKS = "# The lock files alone:"
STAGE = (
    f"# The versions that drydock resolved: the project locks none.\nFROM scratch AS {recipes.RESOLVED}\n\n"
)
PORT = "EXPOSE ${PORT}\n"
SLIM = "FROM ${PYTHON_IMAGE} AS slim\n"
SCRIPTS = "COPY drydock/container/ /\n"


def render(template: str, blueprint: Blueprint, *, outside: bool = False) -> str:
    """Return the Dockerfile of a project.

    Args:
        template: drydock's own Dockerfile.
        blueprint: What differs.
        outside: Whether the file stays outside of the project: then named contexts bring the scripts and the
            locks that the project lacks.
    """
    opening = OPENING_RENDERED if outside else OPENING_ELSEWHERE
    text = template.replace(OPENING, opening).replace(
        SCRIPTS, "" if outside else f"COPY {packaged.PLACE}/ /\n"
    )
    if blueprint.resolved:
        text = text.replace(LOCKS, f"{STAGE}{LOCKS}", 1)
    for name, value in arguments(blueprint).items():
        text = _set(text, name, value)
    text = fill(text, parts(blueprint))
    if declared := recipes.volumes(blueprint):
        text = text.replace(PORT, f"{PORT}{declared}\n")
    if packages := recipes.runtime_packages(blueprint):
        text = text.replace(SLIM, f"{SLIM}{packages}\n")
    return text.rstrip("\n") + "\n"


def arguments(blueprint: Blueprint) -> dict[str, str]:
    """Return the value of every ARG that differs between projects."""
    return {
        "PYTHON_IMAGE": f"python:{blueprint.python}-slim",
        "APP_DIR": blueprint.source,
        "APP_ENTRY_POINT": blueprint.entry_point,
        "APP_FACTORY": "1" if blueprint.factory else "0",
        "APP_OPTIONS": f'"{_quoted(shlex.join(blueprint.options))}"',
        "APP_PATH": ":".join(blueprint.import_path),
        "APP_WORKDIR": blueprint.workdir,
        "APP_LOGGING": "1" if blueprint.logging else "0",
        "APP_SETTINGS_CHECK": blueprint.settings_check,
        "APP_MIGRATE": f'"{_quoted(blueprint.migrate)}"' if " " in blueprint.migrate else blueprint.migrate,
        "EXTRA_FILES": f'"{" ".join(blueprint.extra_files)}"',
        "PORT": str(blueprint.port),
        "HEALTH_PATH": blueprint.health_path,
        "HEALTH_HOST": f'"{_quoted(blueprint.host)}"',
        "MAINTAINER": f'"{_quoted(blueprint.maintainer)}"',
    }


def parts(blueprint: Blueprint) -> dict[str, str]:
    """Return the text of every marked part, by its name."""
    return {
        "locks": recipes.locks(blueprint),
        "dependencies": recipes.dependencies(blueprint),
        "application": recipes.application(blueprint),
        "test-dependencies": recipes.test_dependencies(blueprint),
        "tests": recipes.tests(blueprint),
        "profile": "",
    }


def fill(text: str, wanted: Mapping[str, str]) -> str:
    """Put texts in the place of marked parts, marks included."""
    for name, part in wanted.items():
        text = _replaced(text, name, f"{part}\n" if part else "")
    return text


def _set(text: str, name: str, value: str) -> str:
    """Give an ARG its value; one instruction may declare several."""
    pattern = rf'(^ARG (?:[^\n]* )?{name}=)("[^"\n]*"|\S*)'
    return re.sub(pattern, lambda found: found[1] + value, text, count=1, flags=re.M)


def _replaced(text: str, name: str, inner: str) -> str:
    found = _part(name).search(text)
    return text[: found.start()] + inner + text[found.end() :] if found else text


def _part(name: str) -> re.Pattern[str]:
    return re.compile(rf"^# <{name}>\n.*?^# </{name}>\n", re.M | re.S)


def _quoted(text: str) -> str:
    """Return a text that stands in double quotes in a Dockerfile."""
    return re.sub(r'([\\"$])', r"\\\1", " ".join(text.split()))
