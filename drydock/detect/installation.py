"""Decide whether to install the project itself, and find the files and variables of its build."""

from __future__ import annotations

import ast
import re

from packaging.utils import canonicalize_name

from drydock.detect import tools
from drydock.detect.code import Startup
from drydock.detect.dependencies import Chosen
from drydock.detect.model import Found, Installation
from drydock.detect.requirements import LOCKED_FROM
from drydock.detect.sources import project_table
from drydock.detect.syntax import constant
from drydock.detect.tools import DECLARATIONS, SETUP, About
from drydock.detect.tree import Tree, join, strings
from drydock.toml import table

VERSIONS = frozenset(
    {"importlib.metadata.version", "importlib.metadata.metadata", "importlib.metadata.distribution"}
    | {"importlib_metadata.version", "pkg_resources.get_distribution"}
)
PLUGINS = frozenset(
    {"importlib.metadata.entry_points", "importlib_metadata.entry_points", "pkg_resources.iter_entry_points"}
)
GIT_VERSIONS = (
    *("hatch-vcs", "setuptools-scm", "setuptools_scm", "poetry-dynamic-versioning", "versioningit"),
    *("uv-dynamic-versioning", "pdm-scm"),
)
SCRIPT = re.compile(r"(?P<module>[\w.]+)\s*:\s*(?P<function>[\w.]+)")
FILE_KEYS = ("readme", "license", "license-files")


def installation(
    startup: Startup, chosen: Chosen | None, project: str, roots: tuple[str, ...]
) -> Found[Installation]:
    """Decide whether to install the project, and find its build's files and variables."""
    tree, path = startup.code.tree, join(project, "pyproject.toml")
    data = project_table(tree, project)
    about = tools.about(data)
    called = table(data, "project").get("name") or about.name
    name = str(canonicalize_name(called)) if isinstance(called, str) else ""
    git = about.version_from_git or _version_from_git(data)
    files = _build_files(tree, project, data, about)
    # setuptools-scm and its relatives read the version from these if there is no .git.
    variable = "SETUPTOOLS_SCM_PRETEND_VERSION"
    environment = (f"{variable}_FOR_{re.sub('[-.]+', '_', name).upper()}", variable) if git else ()
    reason = _reason(startup, data, about, name, project)
    if chosen and _declared_by_setup(tree, chosen):
        files = tuple(name for name in DECLARATIONS if tree.exists(join(chosen.source.folder, name)))
        reason = (chosen.source.where, "only setuptools reads its declaration")
    elif chosen and chosen.source.itself:
        reason = (chosen.source.where, "the requirements install the project")
    elif reason and not (table(data, "build-system") or tree.exists(join(project, SETUP))):
        why = f"{reason[1]}, but {path} has no [build-system]"
        return Found(Installation(False, False, (), ()), reason[0], why)
    if reason:
        return Found(Installation(True, git, files, environment), *reason)
    why = "its modules are imported from the source root"
    return Found(Installation(False, git, (), ()), path if data else roots[0], why)


def scripts(tree: Tree, project: str, roots: tuple[str, ...]) -> dict[str, str]:
    """Return the project's console scripts, which an installation would make: a function by name."""
    data = project_table(tree, project)
    declared = {**table(data, "tool", "poetry", "scripts"), **table(data, "project", "scripts")}
    found: dict[str, str] = {}
    for name, value in declared.items():
        match = SCRIPT.fullmatch(value) if isinstance(value, str) else None
        module = match["module"].replace(".", "/") if match and re.fullmatch(r"[\w.-]+", name) else ""
        files = (join(root, end) for root in roots for end in (f"{module}.py", f"{module}/__init__.py"))
        if match and module and any(map(tree.has, files)):
            found[name] = f"{match['module']}:{match['function']}"
    return found


def _declared_by_setup(tree: Tree, chosen: Chosen) -> bool:
    """Tell whether setup.py or setup.cfg declares the dependencies, directly or through drydock's lock."""
    own = {join(chosen.source.folder, name) for name in DECLARATIONS}
    heads = tuple(f"{LOCKED_FROM}{name}:" for name in DECLARATIONS)
    return any(path in own or (tree.text(path) or "").startswith(heads) for path in chosen.source.files)


def _version_from_git(data: dict[str, object]) -> bool:
    required = " ".join(strings(table(data, "build-system").get("requires")))
    dynamic = "version" in strings(table(data, "project").get("dynamic")) or "dynamic-versioning" in required
    return dynamic and any(g in required for g in GIT_VERSIONS)


def _reason(
    startup: Startup, data: dict[str, object], about: About, name: str, project: str
) -> tuple[str, str] | None:
    """Return the place that needs the installed project, and the reason."""
    plugins = about.plugins or bool(table(data, "project", "entry-points"))
    for site in startup.calls:
        if site.scope.tried or site.scope.typing:
            continue
        if site.name in VERSIONS and _own(site.argument(0, "distribution_name"), name):
            return site.where, f"{site.name}() asks for the installed project"
        if site.name in PLUGINS and plugins:
            return site.where, "its entry-point plug-ins exist only once it is installed"
    hook = table(data, "tool", "hatch", "build", "hooks", "vcs").get("version-file")
    generated = hook if isinstance(hook, str) else about.generated
    if not generated or startup.code.tree.exists(join(project, generated)):
        return None
    for module in startup.modules:
        for one in (one for one in module.imports if not one.scope.tried):
            names = (one.module, *(f"{one.module.rstrip('.')}.{n}" for n in one.names))
            if any(generated.endswith(f"/{item.rpartition('.')[2]}.py") for item in names):
                return module.path, f"its build generates {generated}"
    return None


def _own(node: ast.expr | None, name: str) -> bool:
    text = constant(node)
    if text is not None:
        return canonicalize_name(text) == name
    return isinstance(node, ast.Name) and node.id in {"__package__", "__name__"}


def _build_files(tree: Tree, project: str, data: dict[str, object], about: About) -> tuple[str, ...]:
    """Return the files that the package's build reads: readme, licence, hooks, setup.py."""
    metadata, hatch = table(data, "project"), table(data, "tool", "hatch", "build")
    values = [metadata.get(key) for key in FILE_KEYS]
    values = [value.get("file") if isinstance(value, dict) else value for value in values]
    hooks = table(hatch, "hooks")
    if "custom" in hooks:
        values.append(str(table(hooks, "custom").get("path", "hatch_build.py")))
    found = [text for value in values for text in ([value] if isinstance(value, str) else strings(value))]
    found += table(hatch, "targets", "wheel", "force-include")
    found += [*about.files, "setup.py", "setup.cfg", "MANIFEST.in"]
    return tuple(dict.fromkeys(f for f in found if f and tree.exists(join(project, f))))
