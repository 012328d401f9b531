"""Everything that the files of a project differ in, decided from what was found and what was set by hand."""

from __future__ import annotations

import posixpath
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drydock.detect import Dependencies, Findings, Setting, extras, tools
from drydock.detect.ignore import SECRET
from drydock.detect.requirements import read_requirements
from drydock.detect.tree import Tree, folder_of, join
from drydock.project.lock import resolved_from
from drydock.recipe import contents

APP = "/app"
# For what has no folder of its own to be written in: a file beside the code becomes a link to here.
DATA = "/data"
# Where pytest and its kin are locked, for lock files that do not know of them.
TEST_LOCK = "requirements-test.lock"
# Where the tools of the project's own build are locked: setuptools, hatchling and their kin.
BUILD_LOCK = "requirements-build.lock"
# Python versions that still get security fixes; no older one is offered in place of the first choice.
MAINTAINED = ("3.15", "3.14", "3.13", "3.12", "3.11", "3.10")


@dataclass(frozen=True)
class Storage:
    """What the application writes beside its code, and how the image lets it.

    Args:
        folders: Folders of the image that become volumes.
        links: Files of the image that become links into a volume: link by its target.
        opened: Folders that hold code and are written to all the same: the path is worked out at run time.
    """

    folders: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    opened: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.folders or self.opened)


@dataclass(frozen=True)
class Blueprint:
    """One project's variable parts; paths of the project are relative to its root, the image's absolute.

    Args:
        base: The folder that becomes /app.
        python_release: The patch release that metadata pin, which a lock file was made for; empty for any.
        python_also: Versions that would do as well, where there is no base image for the first.
        import_path: Folders of the image that modules are imported from.
        workdir: The folder of the image that relative paths start at.
        health_path, ready_path: What the probes ask; empty for an open port.
        host: The name that they ask with; empty for any.
        options: Options of uvicorn's that the project's own start command has.
        declared: What a lock file was resolved from, to prove that it is not older, and what that includes;
            empty where the lock's own tool does that.
        test_lock: What else the tests need, locked; empty where the lock file itself knows.
        server: A requirement that has to be installed besides: the missing server; empty for none.
        entries: Files and folders that are shipped.
        needed: Those that the application is known to import or open, even where git ignores them.
        tests: Folders and files that the test target takes besides.
        installed: Why the project itself is installed; empty when it is not.
        build_locked: Whether the tools of its build are locked in BUILD_LOCK.
        version_variables: Variables that give its build a version where there is no .git.
        system_doubtful: Those among them that only an earlier Dockerfile names, for its own Debian release.
        extra_files: What the final image takes of the latter, since it is opened by name.
        settings: What it reads from the environment when it is imported.
        origins: Where each value was found, by the name of its option.
        resolved: Locks that lie outside of the project; the build takes them from the context of that name.
    """

    root: Path
    source: str
    base: str
    image: str
    maintainer: str
    entry_point: str
    factory: bool
    python: str
    python_release: str
    python_also: tuple[str, ...]
    import_path: tuple[str, ...]
    workdir: str
    port: int
    health_path: str
    ready_path: str
    host: str
    options: tuple[str, ...]
    dependencies: Dependencies
    declared: tuple[str, ...]
    test_lock: str
    server: str
    entries: tuple[str, ...]
    needed: tuple[str, ...]
    tests: tuple[str, ...]
    installed: str
    build_files: tuple[str, ...]
    build_locked: bool
    version_variables: tuple[str, ...]
    system_build: tuple[str, ...]
    system_run: tuple[str, ...]
    system_doubtful: frozenset[str]
    extra_files: tuple[str, ...]
    storage: Storage
    settings: tuple[Setting, ...]
    replicas: int
    settings_check: str
    migrate: str
    logging: bool
    secrets: tuple[str, ...]
    origins: Mapping[str, str]
    resolved: frozenset[str] = frozenset()

    @property
    def lock(self) -> str:
        """The file that decides what is installed, relative to the root."""
        return self.dependencies.label


def draw(findings: Findings, table: Mapping[str, Any], image: str, maintainer: str) -> Blueprint:
    """Return the blueprint of a project whose findings hold neither conflicts nor blockers."""
    f = findings
    assert f.entry_point is not None  # noqa: S101 - without one there is a blocker
    assert f.python is not None  # noqa: S101 - without one there is a conflict
    source = f.source.value if f.source else "."
    needed = tuple(join(f.context.value, path) for path in f.ignore.keep)
    base = _base(source, f, needed)
    assert f.dependencies is not None  # noqa: S101 - without any there is a blocker
    dependencies = f.dependencies.value
    declared = _declared(f.root, dependencies)
    only_built = {*dependencies.files, *declared, *_build_files(f, source)}
    only_built -= {found.value for found in f.data_files}
    only_built -= {*(f.migrate.value.files if f.migrate else ())}
    entries = contents.entries(f.root, source, set(needed) - only_built)
    newest = MAINTAINED.index(f.python.value) if f.python.value in MAINTAINED else len(MAINTAINED)
    run = [package.value for package in f.system_run]
    also = [v for v in MAINTAINED[newest + 1 :] if v in f.python_supported]
    return Blueprint(
        root=f.root,
        source=source,
        base=base,
        image=str(table.get("image", image)),
        maintainer=maintainer,
        entry_point=f.entry_point.value,
        factory=f.factory.value,
        python=f.python.value,
        python_release=f.python_release.value if f.python_release else "",
        python_also=tuple(table.get("python-also", also)),
        import_path=tuple(inside(base, path) for path in f.python_path.value),
        workdir=inside(base, f.workdir.value),
        port=f.port.value,
        health_path=f.liveness.value if f.liveness else "",
        ready_path=f.readiness.value if f.readiness else "",
        host=f.host.value if f.host else "",
        options=f.options.value if f.options else (),
        dependencies=dependencies,
        declared=declared,
        test_lock=_existing(f.root, join(dependencies.folder, TEST_LOCK)),
        server=missing_server(f),
        entries=entries,
        needed=tuple(sorted(path for path in set(needed) - only_built if (f.root / path).exists())),
        tests=contents.tests(f.root, source, entries),
        installed=f.installation.why if f.installation.value.needed else "",
        build_files=_build_files(f, source),
        build_locked=(f.root / BUILD_LOCK).is_file(),
        version_variables=f.installation.value.build_environment,
        system_build=tuple(package.value for package in f.system_build),
        system_run=extras.with_beside(run),
        system_doubtful=frozenset(
            package.value for package in (*f.system_build, *f.system_run) if package.origin == "dockerfile"
        ),
        extra_files=tuple(table.get("extra-files", extras.files(run))),
        storage=_storage(f, base, table),
        settings=tuple(setting.value for setting in f.settings),
        replicas=2 if f.replicas_safe.value else 1,
        settings_check=str(table.get("settings-check", "")),
        migrate=_migrate(f, base),
        logging=bool(table.get("logging", False)),
        secrets=tuple(join(f.context.value, path) for path in f.ignore.secrets),
        origins=_origins(f),
    )


def _migrate(findings: Findings, base: str) -> str:
    """Return the migration's command as the image runs it, from the folder that it needs."""
    if findings.migrate is None:
        return ""
    found = findings.migrate.value
    folder = inside(base, found.folder) if found.folder else ""
    if folder in ("", inside(base, findings.workdir.value)):
        return found.command
    return f"cd {folder} && {found.command}"


def inside(base: str, path: str) -> str:
    """Return where a path of the project stands in the image, when `base` becomes /app; others stay."""
    if path.startswith("/"):
        return path
    relative = posixpath.relpath(path, base)
    return APP if relative == "." else posixpath.join(APP, relative)


def _base(source: str, findings: Findings, needed: tuple[str, ...]) -> str:
    """Return the deepest folder that holds all that is shipped, so that relative paths stay as they are."""
    modules = [path for path in needed if path.endswith(".py")]
    folders = [*findings.python_path.value, findings.workdir.value, *(folder_of(path) for path in modules)]
    folders += [folder_of(found.value) for found in findings.data_files]
    if all(contents.is_below(folder, source) for folder in folders):
        return source
    common = posixpath.commonpath([f"/{path}" if path != "." else "/" for path in [source, *folders]])
    return common.lstrip("/") or "."


def _build_files(findings: Findings, source: str) -> tuple[str, ...]:
    return tuple(join(source, path) for path in findings.installation.value.build_files)


def _existing(root: Path, path: str) -> str:
    return path if (root / path).is_file() else ""


def _declared(root: Path, dependencies: Dependencies) -> tuple[str, ...]:
    """Return the file that a requirements.lock was resolved from, and those that it includes."""
    if not tools.of(dependencies).can_pin or not dependencies.files[0].endswith(".lock"):
        return ()
    said = resolved_from((root / dependencies.files[0]).read_text(encoding="utf-8"))
    names = ("requirements.txt", "pyproject.toml") if said is None else said
    candidates = (join(dependencies.folder, name) for name in names)
    found = next((path for path in candidates if (root / path).is_file()), "")
    if found.endswith(".txt"):
        return read_requirements(Tree(root), found).files
    return (found,) if found and not _is_by_text(root / found) else ()


def _is_by_text(manifest: Path) -> bool:
    """Tell whether a pyproject.toml declares in Poetry's own table alone, which uv does not read."""
    content = tomllib.loads(manifest.read_text(encoding="utf-8"))
    return any(tool.declares_alone(content) for tool in tools.TOOLS)


def missing_server(findings: Findings) -> str:
    """Return what to install so that uvicorn is there, which the start script serves with."""
    server = findings.server.value if findings.server else None
    if server is None:
        return "uvicorn"
    if server.requirement:
        return server.requirement
    return "" if server.name == "uvicorn" else "uvicorn"


def _storage(findings: Findings, base: str, table: Mapping[str, Any]) -> Storage:
    """Sort what is written beside the code into volumes, links into a volume, and folders that hold code."""
    if "volumes" in table:
        named = (posixpath.join(findings.workdir.value, path) for path in table["volumes"])
        return Storage(tuple(inside(base, posixpath.normpath(path)) for path in named))
    folders: list[str] = []
    links: dict[str, str] = {}
    opened: list[str] = []
    code = {*findings.python_path.value, findings.workdir.value, base, "."}
    code |= {folder_of(path) for path in findings.ignore.keep if path.endswith(".py")}
    for found in findings.writable:
        path = found.value
        if found.kind == "unknown" or path in code:
            opened.append(inside(base, path))
        elif found.kind == "folder":
            folders.append(inside(base, path))
        elif (folder := posixpath.dirname(path) or ".") not in code:
            folders.append(inside(base, folder))
        elif not SECRET.search(path):  # what a person keeps out of version control, no container writes
            links[inside(base, path)] = posixpath.join(DATA, posixpath.basename(path))
    folders += [DATA] if links else []
    volumes = tuple(
        one for one in dict.fromkeys(folders) if not any(one.startswith(f"{o}/") for o in folders)
    )
    return Storage(volumes, links, tuple(dict.fromkeys(opened)))


def _origins(findings: Findings) -> dict[str, str]:
    found = findings.by_option()
    return {key: "; ".join(filter(None, (value.where, value.why))) for key, value in found.items()}
