"""PDM: `pdm.lock` beside a pyproject.toml."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from types import MappingProxyType

from drydock.detect.locks import Locked
from drydock.detect.model import Dependencies
from drydock.detect.requirements import ARCHIVES, wanted
from drydock.detect.tools.base import (
    UV_TOOL,
    About,
    Exporting,
    Names,
    Parts,
    Rows,
    RowsReader,
    Source,
    Step,
    Upgrade,
    asked,
    files_of,
    name_of,
    read_list,
    version_of,
)
from drydock.detect.tree import Tree, join, strings
from drydock.toml import table

UNHASHED = "--no-hashes"
# A folder of the project, as PDM declares it: "lib @ file:///${PROJECT_ROOT}/lib".
INSIDE = re.compile(r"file:///\$\{PROJECT_ROOT\}/([^#;\s]+)")


class Pdm(RowsReader, Exporting):
    """PDM prints its lock as requirements."""

    kind = "pdm"
    name = "pdm"
    lock = "pdm.lock"
    made_for = ("metadata", "requires_python")
    mention = r"\bpdm\s+(install|sync|export)\b"
    has_manifest = True
    settings = MappingProxyType(
        {"PDM_USE_VENV": "0", "PDM_IGNORE_SAVED_PYTHON": "1", "PDM_CHECK_UPDATE": "0"}
    )
    backend = frozenset({"version", "build"})
    litter = ".pdm-python"
    place = "--project=/locks"
    everything = "--dev"

    def locking(self, tree: Tree, upgrade: Upgrade) -> list[list[str]]:
        """Return `pdm lock`, which takes new versions unless an option says otherwise."""
        words = ["pdm", "lock", *([] if upgrade.all else ["--update-reuse"])]
        named = ["pdm", "update", "--no-sync", "--update-reuse", *upgrade.names]
        return [words, named] if upgrade.names else [words]

    def package(self, row: Rows, old_files: Rows) -> Locked:
        items = [wanted(text, "") for text in strings(row.get("dependencies"))]
        depends = tuple((item.name, item.marker) for item in items if item)
        old = next((v for k, v in old_files.items() if k.split(" ")[0] == row["name"]), None)
        files = files_of(row.get("files") or old, "file", "url")
        wheels = tuple(f for f in files if f.endswith(".whl"))
        more, path = len(wheels) < len(files), str(row.get("path", ""))
        file, local = (path, "") if path.endswith(ARCHIVES) else ("", path)
        return Locked(name_of(row), version_of(row), depends, wheels, more, local, "git" in row, file)

    def parts(self, tree: Tree, path: str, data: Rows) -> Parts:
        rows = table(data, "tool", "pdm", "dev-dependencies")
        return Parts(groups={name: read_list(tree, path, texts) for name, texts in rows.items()})

    def about(self, data: Rows) -> About:
        """Return the files that PDM's build backend reads and writes."""
        version, build = table(data, "tool", "pdm", "version"), table(data, "tool", "pdm", "build")
        hook, written = build.get("custom-hook"), version.get("write_to")
        return About(
            files=(hook,) if isinstance(hook, str) else (),
            generated=written if isinstance(written, str) else "",
            version_from_git=version.get("source") == "scm",
        )

    def local(self, tree: Tree, folder: str, data: Rows) -> Mapping[str, str]:
        rows = table(data, "tool", "pdm", "dev-dependencies").values()
        declared = [table(data, "project").get("dependencies"), *rows]
        found = [match for texts in declared for text in strings(texts) if (match := INSIDE.search(text))]
        return {posixpath.basename(one[1]): join(folder, one[1]) for one in found}

    def export(self, source: Source, extras: Names, groups: Names) -> list[str]:
        words = [*UV_TOOL, "pdm", "export", "--format", "requirements", "--prod"]
        # PDM refuses to print a folder or a repository among hashes.
        packages = source.lock.packages.values() if source.lock else ()
        unhashed = [UNHASHED] if any(p.local or p.repository for p in packages) else []
        return [*words, *asked("--group", [*extras, *groups]), *unhashed]

    def printed(self, found: Dependencies, step: Step, *more: str) -> str:
        """Return the command that prints requirements; PDM's --dev and --prod exclude each other."""
        text = super().printed(found, step, *more)
        text = text.replace(f"{step.tool}/bin/pdm", f"{step.tool}/bin/python3 /install/export_pdm.py", 1)
        return text.replace(" --prod", "") if more else text
