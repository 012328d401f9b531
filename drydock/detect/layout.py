"""Find the source root, other folders for sys.path, and the working directory."""

from __future__ import annotations

from dataclasses import dataclass

from drydock.detect.code import Code, Startup, find
from drydock.detect.entry import Entry
from drydock.detect.files import FileUse
from drydock.detect.launches import LAUNCHER
from drydock.detect.model import Found
from drydock.detect.syntax import Module
from drydock.detect.tree import ancestors, folder_of, join


@dataclass(frozen=True)
class Layout:
    """The tree's folders for `sys.path` (the entry point's root first) and the working directory."""

    roots: Found[tuple[str, ...]]
    workdir: Found[str]


def source_root(entry: Entry, startup: Startup) -> Found[str]:
    """Return the folder on `sys.path` that the entry point's imports need."""
    code = startup.code
    told = entry.evidence.root if entry.evidence else ""
    if entry.evidence and told and entry.evidence.rank != LAUNCHER:
        return Found(told, entry.evidence.where, "the command loads the module from there")
    above = ancestors(entry.path)
    deepest = _below_relative_imports(above, startup)
    above = above[above.index(deepest) :]
    plain = [a for a in above if not code.tree.exists(join(a, "__init__.py"))] or above[-1:]
    # A launcher's string is weaker evidence than its imports: it is resolved in the script's folder.
    ordered = list(dict.fromkeys([*([told] if told in above else []), *plain, *above]))
    scores = {root: _score(code, root, above, startup.modules) for root in ordered}
    best = max(ordered, key=lambda root: (scores[root][0], -ordered.index(root)))
    if scores[best][0]:
        return Found(best, scores[best][1], "absolute imports resolve there")
    if entry.evidence and best == told:
        return Found(best, entry.evidence.where, "the command loads the module from there")
    return Found(best, entry.where, "the nearest folder that is not a package")


def _below_relative_imports(above: list[str], startup: Startup) -> str:
    """Return the deepest folder that keeps every relative import inside a package."""
    limit = 0
    for module, statement in ((m, i) for m in startup.modules for i in m.imports if i.module[:1] == "."):
        level = len(statement.module) - len(statement.module.lstrip("."))
        folder = module.path
        for _ in range(1 if statement.scope.typing else level + 1):
            folder = folder_of(folder)
        limit = max(limit, above.index(folder) if folder in above else 0)
    return above[limit]


def _score(code: Code, root: str, above: list[str], modules: list[Module]) -> tuple[int, str]:
    """Count the local absolute imports that resolve below a root, minus those that resolve only elsewhere."""
    count, where = 0, ""
    for module in modules:
        for name in (i.module for i in module.imports if not i.module.startswith(".") and not i.scope.typing):
            if code.locate(module.path, name) is not None:
                hits = [folder for folder in above if _resolves(code, folder, module.path, name)]
                count += 1 if root in hits else -1 if hits else 0
                where = where or (module.path if root in hits else "")
    return count, where


def _resolves(code: Code, root: str, importer: str, name: str) -> bool:
    parts = tuple(name.split("."))
    hit, folder = find(code.tree, root, parts), join(root, *parts)
    known = code.locate(importer, name)
    # A module outranks a folder of its name, which may be the one around another project.
    if hit is not None or (known and not known[1]):
        return hit is not None and not hit[1]
    return code.tree.is_folder(folder) and any(f.endswith(".py") for f in code.tree.under(folder))


def layout(root: Found[str], entry: Entry, startup: Startup, uses: list[FileUse], project: str) -> Layout:
    """Return the folders for `sys.path` and the working directory."""
    code, roots = startup.code, [root.value]
    for module in startup.modules:
        for name in (i.module for i in module.imports if not i.module.startswith(".") and not i.scope.tried):
            local = code.locate(module.path, name) is not None
            if local and not any(_resolves(code, r, module.path, name) for r in roots):
                # A package is not a root: `import redis` beside a redis.py means the library.
                plain = (r for r in code.roots(module.path) if not code.tree.exists(join(r, "__init__.py")))
                extra = next((r for r in plain if _resolves(code, r, module.path, name)), None)
                roots += [extra] if extra and extra not in roots else []
    return Layout(Found(tuple(roots), root.where, root.why), _workdir(code, root, entry, uses, project))


def _workdir(code: Code, root: Found[str], entry: Entry, uses: list[FileUse], project: str) -> Found[str]:
    """Return the folder in which most relative paths exist, by default the command's."""
    evidence = entry.evidence
    told = evidence.workdir if evidence and (evidence.rank != LAUNCHER or evidence.root == root.value) else ""
    below_src = root.value.rpartition("/")[2] == "src" and project != root.value
    default = told or (folder_of(root.value) if below_src else root.value)
    folders = list(dict.fromkeys([default, root.value, project, *ancestors(entry.path)]))
    relative = [u for u in uses if not u.beside_code and u.path != "."]
    present = {f: [u for u in relative if code.tree.has(join(f, u.path))] for f in folders}
    best = max(folders, key=lambda f: (len(present[f]), -folders.index(f)))
    if best == default and told and evidence:
        return Found(told, evidence.where, "the command runs there")
    proof = next((u for u in present[best] if best == default or u not in present[default]), None)
    if proof is None:
        return Found(default, root.where, root.why)
    return Found(best, proof.where, f"{proof.path} is relative to it")
