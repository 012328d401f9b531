"""Decide every difference between projects' files, from findings and configured values."""

import posixpath
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.version import Version

from drydock.detect import Dependencies, Findings, Setting, system, tools
from drydock.detect.ignore import SECRET
from drydock.detect.python import ASKED_FOR
from drydock.detect.requirements import ARCHIVES
from drydock.detect.sources import declared
from drydock.detect.tree import Tree, common, folder_of, join
from drydock.project.lock import resolved_from
from drydock.recipe import contents

APP = "/app"
# The volume for written files without a folder of their own: a file beside the code becomes a link into it.
DATA = "/data"
# The lock of pytest and other test tools, for lock files without them.
TEST_LOCK = "requirements-test.lock"
# The lock of the project's build tools, such as setuptools or hatchling. A new lock of the tests holds them
# instead, below the line that follows.
BUILD_LOCK = "requirements-build.lock"
BUILD_HEAD = "# What builds the project, locked by uv. After a change of [build-system] requires:\n"
# Python versions that still get security fixes.
MAINTAINED = ("3.15", "3.14", "3.13", "3.12", "3.11", "3.10")
# The last one before them that Debian has.
LAST = "3.9"


@dataclass(frozen=True)
class Storage:
    """The paths that the application writes beside its code."""

    folders: tuple[str, ...] = ()  # of the image; they become volumes
    links: Mapping[str, str] = field(default_factory=dict)  # targets in a volume, by the image's file
    opened: tuple[str, ...] = ()  # writable folders with code: the file's path is known only at run time

    def __bool__(self) -> bool:
        return bool(self.folders or self.opened)


@dataclass(frozen=True)
class Blueprint:
    """One project's variable parts; paths of the project are relative to its root, the image's absolute."""

    root: Path
    source: str
    base: str  # the folder that becomes /app
    image: str
    maintainer: str
    entry_point: str
    factory: bool
    python: str
    python_release: str  # the patch release that metadata pin, for a lock's markers; empty for any
    python_also: tuple[str, ...]  # other supported versions, if the first has no base image
    python_last: str  # the version to try if the others would have to compile a pin; empty for none
    import_path: tuple[str, ...]  # the image's folders for imports
    workdir: str  # in the image
    port: int
    health_path: str  # for the probe; empty for an open port
    ready_path: str  # for the probe; empty for an open port
    host: str  # the probes' Host header; empty for any
    options: tuple[str, ...]  # of uvicorn, from the project's start command
    dependencies: Dependencies
    declared: tuple[str, ...]  # a lock's source and its includes, to check its age; empty if its tool does so
    test_lock: str  # the tests' other requirements; empty if the lock file itself has them
    server: str  # the requirement of a missing server; empty for none
    entries: tuple[str, ...]  # files and folders to ship
    needed: tuple[str, ...]  # those that the application imports or opens, even if git ignores them
    tests: tuple[str, ...]  # files and folders for the test target only
    installed: str  # the reason for installing the project itself; empty if it is not
    build_files: tuple[str, ...]
    build_lock: str  # the lock of the tools of its build: BUILD_LOCK or `test_lock`; empty for none
    version_variables: tuple[str, ...]  # give its build a version without .git
    system_build: tuple[str, ...]
    system_run: tuple[str, ...]
    system_doubtful: frozenset[str]  # packages that only an earlier Dockerfile names, for its Debian release
    extra_files: tuple[str, ...]  # of `system_run`, for the final image: programs open them by name
    storage: Storage
    settings: tuple[Setting, ...]  # read from the environment
    replicas: int
    settings_check: str
    migrate: str
    workers: Mapping[str, str]  # commands beside the server in the same image, by name
    scripts: Mapping[str, str]  # the project's console scripts: a function by name
    resources: str  # a module that imports setuptools' pkg_resources; empty if none does
    logging: bool
    secrets: tuple[str, ...]
    public: tuple[str, ...]
    resolved: frozenset[str] = frozenset()  # locks outside of the project, in the build context of this name

    @property
    def lock(self) -> str:
        """The file that decides the installed versions, relative to the root."""
        return self.dependencies.label


def draw(findings: Findings, table: Mapping[str, Any], image: str, maintainer: str) -> Blueprint:
    """Return the blueprint of a project without conflicts and blockers."""
    f = findings
    assert f.entry_point is not None  # noqa: S101 - without one there is a blocker
    assert f.python is not None  # noqa: S101 - without one there is a conflict
    source = f.source.value if f.source else "."
    needed = tuple(join(f.context.value, path) for path in f.ignore.keep)
    base = _base(source, f, needed)
    assert f.dependencies is not None  # noqa: S101 - without any there is a blocker
    dependencies = f.dependencies.value
    declared = _declared(f.root, dependencies)
    test_lock = _existing(f.root, join(dependencies.folder, TEST_LOCK))
    only_built = {*dependencies.files, *declared, *_build_files(f, source)}
    only_built -= {found.value for found in f.data_files}
    only_built -= {*(f.migrate.value.files if f.migrate else ())}
    entries = contents.entries(f.root, source, set(needed) - only_built)
    run = [package.value for package in f.system_run]
    holds_build = test_lock and BUILD_HEAD in (f.root / test_lock).read_text(encoding="utf-8")
    doubtful = {one.value for one in (*f.system_build, *f.system_run) if one.origin == "dockerfile"}
    also = _also(f.python.value, f.python_supported, hashed=dependencies.hashed)
    last = LAST if LAST in f.python_supported and LAST not in (f.python.value, *also) else ""
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
        python_last="" if "python-also" in table else last,
        import_path=tuple(inside(base, path) for path in f.python_path.value),
        workdir=inside(base, f.workdir.value),
        port=f.port.value,
        health_path=f.liveness.value if f.liveness else "",
        ready_path=f.readiness.value if f.readiness else "",
        host=f.host.value if f.host else "",
        options=f.options.value if f.options else (),
        dependencies=dependencies,
        declared=declared,
        test_lock=test_lock,
        server=missing_server(f),
        entries=entries,
        needed=tuple(sorted(path for path in set(needed) - only_built if (f.root / path).exists())),
        tests=contents.tests(f.root, source, entries),
        installed=f.installation.why if f.installation.value.needed else "",
        build_files=_build_files(f, source),
        build_lock=_existing(f.root, BUILD_LOCK) or (test_lock if holds_build else ""),
        version_variables=f.installation.value.build_environment,
        system_build=tuple(package.value for package in f.system_build),
        system_run=system.with_beside(run),
        system_doubtful=frozenset(doubtful),
        extra_files=tuple(table.get("extra-files", system.opened_files(run))),
        storage=_storage(f, base, table),
        settings=tuple(setting.value for setting in f.settings),
        replicas=2 if f.replicas_safe.value else 1,
        settings_check=str(table.get("settings-check", "")),
        migrate=_migrate(f, base),
        workers=_workers(f),
        scripts=f.scripts,
        resources=f.resources,
        logging=bool(table.get("logging", False)),
        secrets=tuple(join(f.context.value, path) for path in f.ignore.secrets),
        public=tuple(join(f.context.value, path) for path in f.ignore.public),
    )


def _also(python: str, supported: Collection[str], *, hashed: bool) -> list[str]:
    """Return the Pythons that may replace the first choice, best first: older ones, then newer ones.

    A declaration that has to be resolved is not resolved for `LAST`: it would get old packages.
    """
    old = [LAST] if hashed or Version(python) < Version(LAST) else []
    known = [v for v in (*MAINTAINED, *old) if v in supported and v not in (python, ASKED_FOR)]
    newer = [v for v in reversed(known) if Version(v) > Version(python)]
    return [*(v for v in known if v not in newer), *newer]


def _workers(findings: Findings) -> dict[str, str]:
    """Return the commands beside the server, by names that the start script does not use itself."""
    taken = {"serve", "check", "migrate", "migration", "api", "postgres", "mariadb", "redis"}
    found: dict[str, str] = {}
    for one in findings.workers:
        name = re.sub(r"[^a-z0-9]+", "-", one.name.lower()).strip("-") or "worker"
        number = 2
        unique = name
        while unique in taken or unique in found:
            unique = f"{name}-{number}"
            number += 1
        if one.value not in found.values():
            found[unique] = one.value
    return found


def _migrate(findings: Findings, base: str) -> str:
    """Return the migration's command for the image, with its folder."""
    if findings.migrate is None:
        return ""
    found = findings.migrate.value
    folder = inside(base, found.folder) if found.folder else ""
    if folder in ("", inside(base, findings.workdir.value)):
        return found.command
    return f"cd {folder} && {found.command}"


def inside(base: str, path: str) -> str:
    """Return a project path's place in the image, with `base` as /app; absolute paths stay."""
    if path.startswith("/"):
        return path
    relative = posixpath.relpath(path, base)
    return APP if relative == "." else posixpath.join(APP, relative)


def _base(source: str, findings: Findings, needed: tuple[str, ...]) -> str:
    """Return the deepest folder with all shipped files, so that relative paths stay valid."""
    modules = [path for path in needed if path.endswith(".py")]
    folders = [*findings.python_path.value, findings.workdir.value, *(folder_of(path) for path in modules)]
    folders += [folder_of(found.value) for found in findings.data_files]
    if all(contents.is_below(folder, source) for folder in folders):
        return source
    return common([source, *folders])


def _build_files(findings: Findings, source: str) -> tuple[str, ...]:
    return tuple(join(source, path) for path in findings.installation.value.build_files)


def _existing(root: Path, path: str) -> str:
    return path if (root / path).is_file() else ""


def _declared(root: Path, dependencies: Dependencies) -> tuple[str, ...]:
    """Return the source file of a requirements.lock, and the files that it includes."""
    if not tools.of(dependencies).can_pin or not dependencies.files[0].endswith(".lock"):
        return ()
    said = resolved_from((root / dependencies.files[0]).read_text(encoding="utf-8"))
    names = ("requirements.txt", "pyproject.toml") if said is None else said
    candidates = (join(dependencies.folder, name) for name in names)
    found = next((path for path in candidates if (root / path).is_file()), "")
    if not found:
        return ()
    tree, folder = Tree(root), folder_of(found)
    plain = found.endswith(".txt")
    source = tools.LOCKED_BY_UV.read_file(tree, folder, found) if plain else declared(tree, folder)
    if source is None:
        return (found,)
    return compared(source.files) if source.is_comparable else ()


def compared(files: Iterable[str]) -> tuple[str, ...]:
    """Return the files of a declaration that the build compares with the installed packages."""
    return tuple(file for file in files if not file.endswith(ARCHIVES))


def missing_server(findings: Findings) -> str:
    """Return the requirement that installs uvicorn, which the start script needs; empty if it is there."""
    server = findings.server.value if findings.server else None
    if server is None:
        return "uvicorn"
    if server.requirement:
        return server.requirement
    return "" if server.name == "uvicorn" else "uvicorn"


def _storage(findings: Findings, base: str, table: Mapping[str, Any]) -> Storage:
    """Sort written paths into volumes, links into a volume, and folders that hold code."""
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
        elif not SECRET.search(path):  # no container writes a file that a person keeps out of version control
            links[inside(base, path)] = posixpath.join(DATA, posixpath.basename(path))
    folders += [DATA] if links else []
    top = [one for one in dict.fromkeys(folders) if not any(one.startswith(f"{o}/") for o in folders)]
    return Storage(tuple(top), links, tuple(dict.fromkeys(opened)))
