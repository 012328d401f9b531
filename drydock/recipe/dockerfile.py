"""Render a project's Dockerfile: set the template's ARGs, and replace its marked lines by instructions."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from drydock.recipe import recipes
from drydock.recipe.blueprint import Blueprint

TEMPLATE = Path(__file__).parent / "template.Dockerfile"
RENDERED = "# Rendered by drydock at each build, from the project's files; `drydock init` writes it down.\n"
# The folder of the build's scripts in a project that keeps them.
VENDORED = "image"
SCRIPTS = """\
# The scripts of the build: `drydock build` brings them, or --build-context drydock="$(drydock scripts)".
FROM scratch AS drydock"""
KEPT_SCRIPTS = f"""\
# The scripts of the build and of the image.
FROM scratch AS drydock
COPY {VENDORED}/ /"""
RESOLVED = (
    f"# The versions that drydock resolved: the project locks none.\nFROM scratch AS {recipes.RESOLVED}"
)
_COMMENTS = re.compile(r"^#.*\n", re.MULTILINE)
WIDTH = recipes.WIDTH
# A word of a shell: blanks inside of quotes belong to it.
_WORD = re.compile(r"""(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+|\S+""")


def render(blueprint: Blueprint, *, outside: bool = False, vendor: bool = False) -> str:
    """Return a project's Dockerfile.

    Args:
        outside: The file stays outside of the project, and names each file to ship.
        vendor: The project keeps the scripts of the build itself.
    """
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in arguments(blueprint).items():
        # One instruction can declare several.
        pattern = rf'(^ARG (?:[^\n]* )?{name}=)("[^"\n]*"|\S*)'
        text = re.sub(pattern, lambda found, value=value: found[1] + value, text, count=1, flags=re.M)  # type: ignore[misc]
    for name, part in parts(blueprint, outside=outside, vendor=vendor).items():
        text = text.replace(f"# <{name}>\n", f"{part}\n" if part else "", 1)
    if declared := recipes.volumes(blueprint):
        text = text.replace("EXPOSE ${PORT}\n", f"EXPOSE ${{PORT}}\n{declared}\n")
    if not blueprint.maintainer:
        text = re.sub(r' MAINTAINER(=""|$)|^LABEL .*\n', "", text, flags=re.MULTILINE)
    settings = re.search(r"^ARG APP_WORKDIR PORT UID GID( MAINTAINER)?\n.*?\n\n", text, re.M | re.S)
    assert settings is not None  # noqa: S101 - the template has them
    text = text.replace("# <settings>\n\n", _COMMENTS.sub("", settings[0]), 1)
    return (RENDERED if outside else "") + "\n".join(map(_narrow, text.split("\n")))


def _narrow(line: str) -> str:
    """Continue an instruction's wide line on the next one, between two words."""
    if len(line) <= WIDTH or line.startswith("#"):
        return line
    text = line.removesuffix(" \\")
    indent = " " * (len(text) - len(text.lstrip()))
    rows = [indent]
    for word in _WORD.findall(text):
        if len(f"{rows[-1]} {word} \\") > WIDTH and rows[-1].strip():
            rows.append(f"{indent}    ")
        rows[-1] += f" {word}" if rows[-1].strip() else word
    return " \\\n".join(rows) + line[len(text) :]


def arguments(blueprint: Blueprint) -> dict[str, str]:
    """Return the values of the ARGs that differ between projects."""
    return {
        "PYTHON_IMAGE": f"python:{blueprint.python}-slim",
        "APP_ENTRY_POINT": blueprint.entry_point,
        "APP_FACTORY": "1" if blueprint.factory else "0",
        "APP_OPTIONS": _quoted(shlex.join(blueprint.options)),
        "APP_PATH": ":".join(blueprint.import_path),
        "APP_WORKDIR": blueprint.workdir,
        "APP_LOGGING": "1" if blueprint.logging else "0",
        "APP_SETTINGS_CHECK": _quoted(blueprint.settings_check),
        "APP_MIGRATE": _quoted(blueprint.migrate),
        "APP_COMMANDS": _quoted(json.dumps(blueprint.workers) if blueprint.workers else ""),
        "APP_SCRIPTS": _quoted(json.dumps(blueprint.scripts) if blueprint.scripts else ""),
        "EXTRA_FILES": _quoted(" ".join(blueprint.extra_files)),
        "PORT": str(blueprint.port),
        "HEALTH_PATH": _quoted(blueprint.health_path),
        "HEALTH_HOST": _quoted(blueprint.host),
        "MAINTAINER": _quoted(blueprint.maintainer),
    }


def parts(blueprint: Blueprint, *, outside: bool = False, vendor: bool = False) -> dict[str, str]:
    """Return the instructions for every marked line, by name."""
    return {
        "scripts": (KEPT_SCRIPTS if vendor else SCRIPTS) + (f"\n{RESOLVED}" if blueprint.resolved else ""),
        "locks": recipes.locks(blueprint),
        "dependencies": recipes.dependencies(blueprint),
        "application": recipes.application(blueprint, outside=outside),
        "packages": recipes.apt(blueprint, blueprint.system_run) if blueprint.system_run else "",
        "test-dependencies": recipes.test_dependencies(blueprint),
        "tests": recipes.tests(blueprint),
    }


def _quoted(text: str) -> str:
    if re.fullmatch(r"[\w./:-]+", text):
        return text
    escaped = re.sub(r'([\\"$])', r"\\\1", " ".join(text.split()))
    return f'"{escaped}"'
