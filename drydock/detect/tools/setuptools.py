"""setuptools: a setup.py that alone declares the dependencies, and pyproject.toml's tables for it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from drydock.detect.model import Dependencies, Found
from drydock.detect.requirements import read_requirements, wanted
from drydock.detect.syntax import constant, keyword, parse
from drydock.detect.tools.base import UV_INSTALL, About, Names, Parts, Rows, Source, Step, Tool
from drydock.detect.tree import Tree, folder_of, join, line_of, strings, table

SETUP = "setup.py"


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
        return []

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

    def about(self, data: Rows) -> About:
        scm = table(data, "tool", "setuptools_scm")
        written = scm.get("version_file") or scm.get("write_to")
        return About(generated=written if isinstance(written, str) else "")

    def install(self, source: Source, extras: Names, groups: Names, itself: bool) -> list[str]:
        """Return the command that installs the project with its dependencies."""
        return [*UV_INSTALL, "."]

    def steps(self, found: Dependencies, step: Step) -> list[str]:
        """Install setup.py's dependencies, without the project itself."""
        install = f"uv pip install {step.into} --requirement={SETUP}"
        return [step.make, f"cd {step.at}", f"{step.download} {install}"]
