"""setuptools: setup.py or setup.cfg that alone declares the dependencies, and pyproject.toml's tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from drydock.detect.model import Dependencies, Found
from drydock.detect.requirements import Wanted, read_requirements, wanted
from drydock.detect.syntax import constant, keyword, parse
from drydock.detect.tools.base import UV_INSTALL, About, Names, Parts, Rows, Source, Step, Tool
from drydock.detect.tree import Tree, folder_of, join, line_of, section, strings
from drydock.toml import table

DECLARATIONS = SETUP, CONFIGURATION = ("setup.py", "setup.cfg")


class Setuptools(Tool):
    """setup.py is a program: detection reads its text, and only the build runs it."""

    kind = "setup"
    name = "setuptools"
    mention = r"pip3?\s+install\s+[^&;]*\.(\s|$)|setup\.py"

    def sources(self, tree: Tree, folder: str, manifest: Source | None) -> list[Source]:
        """Return setup()'s literal install_requires."""
        path = join(folder, SETUP)
        module = None if manifest else parse(path, tree.data(path) or b"")
        for site in module.calls if module else ():
            node = keyword(site.node, "install_requires")
            if module is None or node is None or site.name.rpartition(".")[2] != "setup":
                continue
            binding = module.bound(getattr(node, "id", ""))
            listed = getattr(binding.value if binding else node, "elts", [])
            own = [wanted(text, f"{path}:{e.lineno}") for e in listed if (text := constant(e))]
            items = tuple(item for item in own if item)
            return [Source(self, folder, (path,), module.at(node), items, itself=True, by_text=True)]
        return [] if manifest else self._configured(tree, folder)

    def _configured(self, tree: Tree, folder: str) -> list[Source]:
        """Return the requirements in setup.cfg."""
        path = join(folder, CONFIGURATION)
        options = section(tree.text(path) or "", "options")
        if "install_requires" not in options:
            return []
        items = _requirements(tree, path, options["install_requires"])
        named = section(tree.text(path) or "", "options.extras_require")
        extras = {name: _requirements(tree, path, text) for name, text in named.items()}
        files = tuple(file for file in (path, join(folder, SETUP)) if tree.exists(file))
        where = f"{path} [options] install_requires"
        return [Source(self, folder, files, where, items, extras, itself=True, by_text=True)]

    def parts(self, tree: Tree, path: str, data: Rows) -> Parts:
        """Return the requirements files of dynamic dependencies."""
        named = table(data, "tool", "setuptools", "dynamic", "dependencies").get("file")
        if "dependencies" not in strings(table(data, "project").get("dynamic")):
            return Parts()
        names = [named] if isinstance(named, str) else strings(named)
        read = [read_requirements(tree, join(folder_of(path), name)) for name in names]
        files = tuple(file for one in read for file in one.files)
        return Parts(tuple(item for one in read for item in one.wanted), files=files)

    def pythons(self, tree: Tree, folder: str) -> Iterator[Found[str]]:
        path = join(folder, SETUP)
        text = tree.text(path) or ""
        if match := re.search(r"python_requires\s*=\s*[\"']([^\"']+)[\"']", text):
            yield Found(match.group(1), f"{path}:{line_of(text, 'python_requires')}")
        path = join(folder, CONFIGURATION)
        if wanted_python := section(tree.text(path) or "", "options").get("python_requires"):
            yield Found(wanted_python, f"{path} [options] python_requires")

    def about(self, data: Rows) -> About:
        scm = table(data, "tool", "setuptools_scm")
        written = scm.get("version_file") or scm.get("write_to")
        return About(generated=written if isinstance(written, str) else "")

    def install(self, source: Source, extras: Names, groups: Names, itself: bool) -> list[str]:
        """Return the command that installs the project with its dependencies."""
        return [*UV_INSTALL, "."]

    def steps(self, found: Dependencies, step: Step) -> list[str]:
        """Install the declared dependencies, without the project itself."""
        install = f"uv pip install {step.into} --requirement={step.file.rpartition('/')[2]}"
        return [step.make, f"cd {step.at}", f"{step.download} {install}"]


def _requirements(tree: Tree, path: str, text: str) -> tuple[Wanted, ...]:
    """Return the requirements of a setting, which can be lines or `file:` with the names of files."""
    first, _, names = text.partition("file:")
    if names and not first.strip():
        named = (join(folder_of(path), name.strip()) for name in names.replace("\n", ",").split(","))
        return tuple(item for file in named for item in read_requirements(tree, file).wanted)
    lines = (line.strip() for line in text.splitlines())
    own = (wanted(line, f"{path}:{line_of(tree.text(path) or '', line)}") for line in lines if line)
    return tuple(item for item in own if item)
