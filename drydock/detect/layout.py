"""Work out the source root, further folders for sys.path, and the working directory."""

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
    """Folders of the tree: those for `sys.path` (the entry point's root first) and the working directory."""

    roots: Found[tuple[str, ...]]
    workdir: Found[str]


def source_root(code: Code, entry: Entry, startup: Startup) -> Found[str]:
    """Return the folder that has to stand on `sys.path` for the entry point's imports to work."""
    told = entry.evidence.root if entry.evidence else ""
    if entry.evidence and told and entry.evidence.rank != LAUNCHER:
        return Found(told, entry.evidence.where, "the command loads the module from there")
    above = ancestors(entry.path)
    deepest = _below_relative_imports(above, startup)
    above = above[above.index(deepest) :]
    plain = [a for a in above if not code.tree.exists(join(a, "__init__.py"))] or above[-1:]
    # A launcher's own string says less than its imports: it is resolved in the script's folder.
    ordered = list(dict.fromkeys([*([told] if told in above else []), *plain, *above]))
    scores = {root: _score(code, root, above, startup.modules) for root in ordered}
    best = max(ordered, key=lambda root: (scores[root][0], -ordered.index(root)))
    if scores[best][0]:
        return Found(best, scores[best][1], "absolute imports resolve there")
    if entry.evidence and best == told:
        return Found(best, entry.evidence.where, "the command loads the module from there")
    return Found(best, entry.where, "the nearest folder that is no package")


def _below_relative_imports(above: list[str], startup: Startup) -> str:
    """Return the deepest folder that leaves every relative import inside a package."""
    limit = 0
    for module in startup.modules:
        folder = folder_of(module.path)
        for statement in module.imports:
            level = len(statement.module) - len(statement.module.lstrip("."))
            for _ in range(level if not statement.scope.typing else 0):
                folder = folder_of(folder)
            if level and folder in above:
                limit = max(limit, above.index(folder))
            folder = folder_of(module.path)
    return above[limit]


def _score(code: Code, root: str, above: list[str], modules: list[Module]) -> tuple[int, str]:
    """Return how many local absolute imports resolve below a root, less those that only others resolve."""
    count, where = 0, ""
    for module in modules:
        for statement in module.imports:
            name = statement.module
            if name.startswith(".") or statement.scope.typing or code.locate(module.path, name) is None:
                continue
            parts = tuple(name.split("."))
            hits = [a for a in above if _resolves(code, a, parts)]
            if root in hits:
                count += 1
                where = where or f"{module.path}"
            elif hits:
                count -= 1
    return count, where


def _resolves(code: Code, root: str, parts: tuple[str, ...]) -> bool:
    hit = find(code.tree, root, parts)
    if hit is not None:
        return len(hit[1]) == 0
    return code.tree.is_folder(join(root, *parts)) and any(
        f.endswith(".py") for f in code.tree.under(join(root, *parts))
    )


def layout(
    code: Code, root: Found[str], entry: Entry, startup: Startup, uses: list[FileUse], project: str
) -> Layout:
    """Return the folders for `sys.path` and the working directory."""
    roots = [root.value]
    for module in startup.modules:
        for statement in module.imports:
            name = statement.module
            hit = None if name.startswith(".") or statement.scope.tried else code.locate(module.path, name)
            parts = tuple(name.split("."))
            if hit and not any(_resolves(code, r, parts) for r in roots):
                # A package is no root: `import redis` beside a redis.py means the library.
                plain = (r for r in code.roots(module.path) if not code.tree.exists(join(r, "__init__.py")))
                extra = next((r for r in plain if _resolves(code, r, parts)), None)
                roots += [extra] if extra and extra not in roots else []
    return Layout(Found(tuple(roots), root.where, root.why), _workdir(code, root, entry, uses, project))


def _workdir(code: Code, root: Found[str], entry: Entry, uses: list[FileUse], project: str) -> Found[str]:
    evidence = entry.evidence
    told = evidence.workdir if evidence and (evidence.rank != LAUNCHER or evidence.root == root.value) else ""
    default = told or (
        folder_of(root.value)
        if root.value.rpartition("/")[2] == "src" and project != root.value
        else root.value
    )
    relative = [u for u in uses if not u.beside_code and u.path != "."]
    folders = list(dict.fromkeys([default, root.value, project, *ancestors(entry.path)]))

    def present(folder: str) -> int:
        return sum(_there(code, join(folder, u.path)) for u in relative)

    best = max(folders, key=lambda f: (present(f), -folders.index(f)))
    if present(best) > present(default):
        use = next(
            u
            for u in relative
            if _there(code, join(best, u.path)) and not _there(code, join(default, u.path))
        )
        return Found(best, use.where, f"{use.path} is relative to it")
    if told and entry.evidence:
        return Found(told, entry.evidence.where, "the command runs there")
    proof = next((u for u in relative if _there(code, join(default, u.path))), None)
    return (
        Found(default, proof.where, f"{proof.path} is relative to it")
        if proof
        else Found(default, root.where, root.why)
    )


def _there(code: Code, path: str) -> bool:
    return path != "." and not path.startswith("..") and (code.tree.exists(path) or code.tree.is_folder(path))
