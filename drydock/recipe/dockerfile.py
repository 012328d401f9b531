"""Render a project's Dockerfile from its template, with recipes for the parts that need more than a value."""

import json
import re
import shlex

from packaging.version import Version

from drydock.detect import tools
from drydock.detect.tree import join
from drydock.recipe import recipes
from drydock.recipe.blueprint import BUILD_HEAD, TEST_LOCK, Blueprint
from drydock.recipe.templates import fill

# The folder of the build's scripts in a project that keeps them.
VENDORED = "image"
WIDTH = 120  # columns
WITHOUT_SETUPTOOLS = Version("3.12")  # the first Python whose environments have none
_COMMENTS = re.compile(r"^#.*\n", re.MULTILINE)
# A word of a shell: blanks inside of quotes belong to it.
_WORD = re.compile(r"""(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+|\S+""")


def render(blueprint: Blueprint, *, outside: bool = False, vendor: bool = False) -> str:
    """Return a project's Dockerfile.

    Args:
        outside: The file stays outside of the project, and names each file to ship.
        vendor: The project keeps the scripts of the build itself.
    """
    found, words = blueprint.dependencies, recipes.words(blueprint)
    tool = tools.of(found)
    test_lock = recipes.locked(found, blueprint.test_lock or join(found.folder, TEST_LOCK))
    values = {
        "blueprint": blueprint,
        "recipes": recipes,
        "outside": outside,
        "vendored": VENDORED if vendor else "",
        # Some tools write beside their inputs; the build discards those files.
        "writes_beside": tool.exports or not found.locked,
        "words": words,
        "steps": tool.steps(found, words),
        "lacks_setuptools": Version(blueprint.python) < WITHOUT_SETUPTOOLS,
        "declared": recipes.locked(found, blueprint.declared[0]) if blueprint.declared else "",
        "build_mark": BUILD_HEAD.partition(",")[0],
        "written": recipes.written(blueprint),
        "test_lock": test_lock,
        "all_requirements": tool.test_requirements(found, words, test_lock),
        "shlex": shlex,
        "json": json,
        "quoted": _quoted,
        "uncommented": lambda text: _COMMENTS.sub("", text),
    }
    return "\n".join(map(_narrow, fill("template.Dockerfile", values).split("\n")))


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


def _quoted(text: str) -> str:
    if re.fullmatch(r"[\w./:-]+", text):
        return text
    escaped = re.sub(r'([\\"$])', r"\\\1", " ".join(text.split()))
    return f'"{escaped}"'
