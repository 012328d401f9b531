"""Decide whether the project itself has to be installed, and what its build needs."""

from __future__ import annotations

import ast
import re

from packaging.utils import canonicalize_name

from drydock.detect import tools
from drydock.detect.code import Code, Startup
from drydock.detect.dependencies import Chosen
from drydock.detect.model import Found, Installation
from drydock.detect.requirements import LOCKED_FROM
from drydock.detect.sources import project_table
from drydock.detect.syntax import argument, constant
from drydock.detect.tools import SETUP, About
from drydock.detect.tree import join, strings, table

VERSIONS = frozenset(
    {
        "importlib.metadata.version",
        "importlib.metadata.metadata",
        "importlib_metadata.version",
        "importlib.metadata.distribution",
        "pkg_resources.get_distribution",
    }
)
PLUGINS = frozenset(
    {"importlib.metadata.entry_points", "importlib_metadata.entry_points", "pkg_resources.iter_entry_points"}
)
GIT_VERSIONS = (
    *("hatch-vcs", "setuptools-scm", "setuptools_scm", "poetry-dynamic-versioning", "versioningit"),
    *("uv-dynamic-versioning", "pdm-scm"),
)
FILE_KEYS = ("readme", "license")


def installation(
    code: Code, startup: Startup, chosen: Chosen | None, project: str, roots: tuple[str, ...]
) -> Found[Installation]:
    """Return whether the project is installed and why, and the files and variables its build asks for."""
    data = project_table(code.tree, project)
    path = join(project, "pyproject.toml")
    about = tools.about(data)
    name = _name(data, about)
    git = about.version_from_git or _version_from_git(data)
    files = _build_files(code, project, data, about)
    environment = _pretend(name) if git else ()
    if chosen and _declared_by_setup(code, chosen):
        return Found(
            Installation(True, git, (SETUP,), environment),
            chosen.source.where,
            f"{SETUP} alone declares the dependencies",
        )
    if chosen and chosen.source.itself:
        return Found(
            Installation(True, git, files, environment),
            chosen.source.where,
            "the requirements install the project",
        )
    has_build = bool(table(data, "build-system")) or code.tree.exists(join(project, SETUP))
    reason = _reason(code, startup, data, about, name, project)
    if reason and has_build:
        return Found(Installation(True, git, files, environment), *reason)
    if reason:
        why = f"{reason[1]}, but {path} has no [build-system]"
        return Found(Installation(False, False, (), ()), reason[0], why)
    why = "its modules are imported from the source root"
    return Found(Installation(False, git, (), ()), path if data else roots[0], why)


def _declared_by_setup(code: Code, chosen: Chosen) -> bool:
    """Tell whether setup.py declares the dependencies, locked by `drydock init` or not."""
    source = chosen.source
    head = f"{LOCKED_FROM}{SETUP}:"
    return any(
        path == join(source.folder, SETUP) or (code.tree.text(path) or "").startswith(head)
        for path in source.files
    )


def _name(data: dict[str, object], about: About) -> str:
    name = table(data, "project").get("name") or about.name
    return str(canonicalize_name(name)) if isinstance(name, str) else ""


def _version_from_git(data: dict[str, object]) -> bool:
    required = " ".join(strings(table(data, "build-system").get("requires")))
    dynamic = "version" in strings(table(data, "project").get("dynamic")) or "dynamic-versioning" in required
    return dynamic and any(g in required for g in GIT_VERSIONS)


def _pretend(name: str) -> tuple[str, ...]:
    """Return the variables that give setuptools-scm and its relatives a version where there is no .git."""
    suffix = re.sub(r"[-.]+", "_", name).upper()
    return (f"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_{suffix}", "SETUPTOOLS_SCM_PRETEND_VERSION")


def _reason(
    code: Code, startup: Startup, data: dict[str, object], about: About, name: str, project: str
) -> tuple[str, str] | None:
    for module in startup.modules:
        for site in module.calls:
            called = site.name
            if site.scope.tried or site.scope.typing:
                continue
            if called in VERSIONS and _own(argument(site.node, 0, "distribution_name"), name):
                return module.at(site.node), f"{called}() asks for the installed project"
            if called in PLUGINS and (about.plugins or table(data, "project", "entry-points")):
                return module.at(site.node), "its entry-point plug-ins exist only once it is installed"
    hook = table(data, "tool", "hatch", "build", "hooks", "vcs").get("version-file")
    generated = hook if isinstance(hook, str) else about.generated
    for module in startup.modules:
        for statement in module.imports:
            for item in (statement.module, *(f"{statement.module.rstrip('.')}.{n}" for n in statement.names)):
                missing = item.replace(".", "/").rpartition("/")[2] + ".py"
                made = generated.endswith("/" + missing) and not code.tree.exists(join(project, generated))
                if made and not statement.scope.tried:
                    return module.path, f"its build generates {generated}"
    return None


def _own(node: ast.expr | None, name: str) -> bool:
    text = constant(node)
    if text is not None:
        return str(canonicalize_name(text)) == name
    return isinstance(node, ast.Name) and node.id in {"__package__", "__name__"}


def _build_files(code: Code, project: str, data: dict[str, object], about: About) -> tuple[str, ...]:
    """Return the files beside the package that its build reads: readme, licence, hooks, setup.py."""
    found = []
    metadata = table(data, "project")
    for key in FILE_KEYS:
        value = metadata.get(key)
        value = value.get("file") if isinstance(value, dict) else value
        found += [value] if isinstance(value, str) else strings(value)
    found += strings(metadata.get("license-files"))
    hook = table(data, "tool", "hatch", "build", "hooks", "custom")
    if hook or "custom" in table(data, "tool", "hatch", "build", "hooks"):
        found.append(str(hook.get("path", "hatch_build.py")))
    found += list(table(data, "tool", "hatch", "build", "targets", "wheel", "force-include"))
    found += about.files
    found += ["setup.py", "setup.cfg", "MANIFEST.in"]
    return tuple(dict.fromkeys(f for f in found if f and code.tree.exists(join(project, f))))
