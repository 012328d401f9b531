"""Put the single detectors together: one folder in, findings out."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from drydock.detect import beside, blockers, dockerfiles, migrations, python, routes, settings, system
from drydock.detect import dependencies as deps
from drydock.detect.apps import SIDE, Apps, find_apps
from drydock.detect.code import MAX_MODULES, Code, Startup, module_name
from drydock.detect.commands import number
from drydock.detect.entry import Entry, decide
from drydock.detect.envfiles import environment_files
from drydock.detect.files import FileUse, file_uses
from drydock.detect.ignore import ignore
from drydock.detect.installation import installation
from drydock.detect.launches import PRODUCTION, Evidence, collect
from drydock.detect.layout import Layout, layout, source_root
from drydock.detect.model import (
    Blocker,
    Conflict,
    Findings,
    Found,
    Ignore,
    Installation,
    Migration,
    Package,
    Server,
    Written,
    WrittenKind,
)
from drydock.detect.sources import declared_names, local_folders
from drydock.detect.tools import TOOLS
from drydock.detect.tree import Tree, folder_of, join

DEFAULT_PORT = 8000
NOTHING: Mapping[str, str] = MappingProxyType({})
WRITTEN: Mapping[str, WrittenKind] = {"make": "folder", "write": "file", "database": "database"}
WHY_WRITTEN: Mapping[WrittenKind, str] = {
    "folder": "a folder",
    "file": "",
    "database": "SQLite",
    "unknown": "SQLite, at a path that is worked out at run time",
}
SCHEDULERS = ("apscheduler.", "rocketry.", "fastapi_utils.tasks", "fastapi_restful.tasks")


def detect(root: Path, overrides: Mapping[str, str] = NOTHING) -> Findings:
    """Read a folder and return what is to be run and how, each value with the place that says so.

    The project's code is neither imported nor run, and nothing is raised for a bad project: what contradicts
    itself or cannot work is returned as conflicts and blockers.

    Args:
        root: the project's folder.
        overrides: options of `[tool.drydock]` in kebab-case; a value set by hand wins over any evidence.
    """
    base = next((above for tool in TOOLS if (above := tool.above(root))), Path(root))
    requested = join(os.path.relpath(os.path.realpath(root), os.path.realpath(base)))
    with _without_collector(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in a project's strings are its own business
        return _Detection(Tree(base), requested, overrides).findings()


@contextmanager
def _without_collector() -> Iterator[None]:
    """Pause the cyclic garbage collector: walking the live syntax trees again and again costs a fifth."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


@dataclass(frozen=True)
class _Start:
    """What is known of the program once its entry point is."""

    entry: Entry
    startup: Startup
    uses: list[FileUse]
    layout: Layout


class _Detection:
    """One run of the detector over one tree."""

    def __init__(self, tree: Tree, requested: str, overrides: Mapping[str, str]) -> None:
        self.tree = tree
        self.requested = requested
        self.overrides = overrides
        self.code = Code(tree, declared_names(tree), local_folders(tree))
        self.conflicts: list[Conflict] = []
        self.blockers: list[Blocker] = []
        self.notes: list[Found[str]] = []

    def findings(self) -> Findings:
        """Run the detectors in order; each gets what the earlier ones found."""
        files = dockerfiles.dockerfiles(self.tree)
        apps = find_apps(self.code)
        commands = [c for c in dockerfiles.commands(self.tree, files) if not SIDE.search(c.where)]
        evidence = collect(self.code, apps, commands)
        inside = self._folder_by_hand("source") or (self.requested if self.requested != "." else "")
        entry, conflicts, reasons = decide(self.code, apps, evidence, self._by_hand("entry-point"), inside)
        self.conflicts += conflicts
        self.blockers += reasons
        self._note_missing(evidence, entry)
        relevant = _relevant(files, entry)
        path = entry.path if entry else join(inside or ".", "main.py")
        chosen, conflicts, reasons = deps.choose(self.code, path, relevant, self.overrides)
        if entry:  # without an entry point it is not known whose dependencies they would be
            self.conflicts += conflicts
            self.blockers += reasons
        project = self._project_folder(chosen, path)
        start = self._start(entry, project)
        self._note_beside(start, commands, relevant)
        return self._assemble(apps, evidence, commands, relevant, chosen, project, start)

    def _by_hand(self, option: str) -> str:
        return self.overrides.get(option, "").strip()

    def _folder_by_hand(self, option: str) -> str:
        """Return a folder set by hand; one that the tree does not have is a conflict."""
        wanted = self._by_hand(option)
        if wanted and not self.tree.is_folder(join(wanted)):
            fact = f"{option} is {wanted}, which is no folder of this project"
            self.conflicts.append(Conflict(option, fact, (), option))
            return ""
        return join(wanted) if wanted else ""

    def _note_missing(self, evidence: list[Evidence], entry: Entry | None) -> None:
        for item in evidence:
            if item.missing and entry and "$" not in item.missing:
                self.notes.append(Found(f"{item.missing} is started, but no file defines it", item.where))

    def _note_beside(
        self, start: _Start | None, commands: list[dockerfiles.Command], files: list[dockerfiles.Dockerfile]
    ) -> None:
        if start is None:
            return
        told = start.entry.evidence.where if start.entry.evidence else ""
        command = next((one for one in commands if one.where == told), None)
        self.notes += beside.before(command)
        self.notes += beside.steps(files)
        self.notes += beside.workers(self.tree, commands)
        self.notes += beside.code(start.startup)
        self.notes += beside.wrapper(start.startup, start.entry)

    def _project_folder(self, chosen: deps.Chosen | None, path: str) -> str:
        """Return the project's folder: the nearest one above the entry point that has a pyproject.toml."""
        folder = folder_of(path)
        while folder != ".":
            if self.tree.exists(join(folder, "pyproject.toml")) or self.tree.exists(join(folder, "setup.py")):
                return folder
            if chosen and not chosen.source.package and folder == chosen.source.folder:
                return folder
            folder = folder_of(folder)
        return "."

    def _start(self, entry: Entry | None, project: str) -> _Start | None:
        if entry is None:
            return None
        startup = Startup(self.code, entry.path, entry.name if entry.factory else "")
        uses = file_uses(self.code, startup)
        root = source_root(self.code, entry, startup)
        found = layout(self.code, root, entry, startup, uses, project)
        workdir = self._folder_by_hand("workdir")
        if workdir:
            found = replace(found, workdir=Found(workdir, "set by hand: workdir"))
        return _Start(entry, startup, uses, found)

    def _note_unread(self) -> None:
        if self.code.unread:
            fact = (
                f"{self.code.unread} modules were not read: the entry point imports more than {MAX_MODULES}"
            )
            self.notes.append(Found(fact, "default"))

    def _assemble(
        self,
        apps: Apps,
        evidence: list[Evidence],
        commands: list[dockerfiles.Command],
        files: list[dockerfiles.Dockerfile],
        chosen: deps.Chosen | None,
        project: str,
        start: _Start | None,
    ) -> Findings:
        needed, extras, groups = self._server(chosen)
        version, supported, conflicts, notes = python.choose(
            self.code, chosen, project, files, [*extras, *groups], self.overrides
        )
        self.conflicts += conflicts
        self.notes += notes
        release = (
            python.release(python.bounds(self.code, chosen, project), version.value) if version else None
        )
        if release:
            series = f"any release of Python {release.value.rpartition('.')[0]} is taken for {release.value}"
            self.notes.append(Found(series, release.where, "which release there is, the base image decides"))
        names = (
            deps.installed(chosen, version.value if version else python.NEWEST_DEFAULT, [*extras, *groups])
            if chosen
            else set()
        )
        needed = self._server_again(chosen, names, needed)
        build, run = system.packages(
            start.startup if start else None,
            chosen,
            names,
            version.value if version else "",
            files,
        )
        installed = self._installation(chosen, start, project)
        plan = deps.plan(chosen, extras, groups, installed.value.needed) if chosen else None
        if chosen and deps.stale(chosen.source):
            self._stale(chosen)
        if chosen:
            self.blockers += deps.unreachable(self.tree, chosen.source, names)
        migrate = self._migration(project, names, commands) if start else None
        self._block(start, chosen, names, files)
        self._note_unread()
        workdir = start.layout.workdir if start else Found(project, "default")
        context = self._context(chosen, project, start)
        roots = start.layout.roots if start else Found((project,), "default")
        live, ready, docs = self._probes(start)
        port = self._port(start, evidence, files)
        options = self._options(start, evidence)
        host = beside.host(start.startup) if start else None
        read = settings.import_settings(self.code, start.startup) if start else ()
        self.notes += beside.port(read, port.value)
        needed = self._sockets(start, chosen, names, needed)
        writable = self._writable(start)
        return Findings(
            root=self.tree.root,
            requested=self.requested,
            source=Found(project, chosen.source.where if chosen else "") if start or chosen else None,
            context=context,
            workdir=workdir,
            python_path=roots,
            entry_point=self._entry_point(start),
            factory=self._factory(start),
            sub_applications=tuple(Found(f"{k.path}:{k.name}", where) for k, where in apps.mounted.items()),
            dependencies=Found(plan, chosen.source.where, chosen.why) if plan and chosen else None,
            server=needed,
            python=version,
            python_supported=supported,
            python_release=release,
            port=port,
            liveness=live,
            readiness=ready,
            docs=docs,
            host=host,
            options=options,
            system_build=self._packages_by_hand("build-packages") or build,
            system_run=self._packages_by_hand("system-packages") or run,
            migrate=migrate,
            settings=read,
            env_files=self._environment_files(start, workdir.value),
            data_files=self._data_files(start),
            writable=writable,
            replicas_safe=self._replicas(start, writable),
            installation=installed,
            ignore=self._ignore(
                context.value,
                (*(plan.files if plan else ()), *(migrate.value.files if migrate else ())),
                start,
                installed.value,
                project,
            ),
            image=Found(self._by_hand("image"), "set by hand: image") if self._by_hand("image") else None,
            notes=(*self.notes, *(beside.surprises(start.startup, host) if start else [])),
            conflicts=tuple(self.conflicts),
            blockers=tuple(self.blockers),
        )

    def _migration(
        self, project: str, names: set[str], commands: list[dockerfiles.Command]
    ) -> Found[Migration] | None:
        if by_hand := self._by_hand("migrate"):
            return Found(Migration(by_hand, "", ()), "set by hand: migrate")
        found, notes, conflicts = migrations.find(self.tree, project, names, commands)
        self.notes += notes
        self.conflicts += conflicts
        return found

    def _server(self, chosen: deps.Chosen | None) -> tuple[Found[Server] | None, list[str], list[str]]:
        if chosen is None:
            return None, [], []
        names = deps.installed(chosen, python.NEWEST_DEFAULT, [])
        found = deps.server(chosen, names, self.overrides)
        extras, groups = deps.selection(chosen.source, found.value, self.overrides)
        for option, asked, known in (
            ("extras", extras, chosen.source.extras),
            ("groups", groups, chosen.source.groups),
        ):
            unknown = [a for a in asked if a not in known]
            if unknown:
                candidates = tuple(Found(k, chosen.source.where) for k in known)
                fact = f"{option} names {unknown[0]}, which is not declared; declared are"
                self.conflicts.append(Conflict(option, fact, candidates, option))
        return found, extras, groups

    def _server_again(
        self, chosen: deps.Chosen | None, names: set[str], needed: Found[Server] | None
    ) -> Found[Server] | None:
        """Look once more for a missing server among what the chosen extras and groups bring."""
        if chosen is None or needed is None or needed.value.place != "missing":
            return needed
        name = next((s for s in deps.SERVERS if s in names), None)
        return Found(Server(name, "default"), chosen.source.where) if name else needed

    def _sockets(
        self, start: _Start | None, chosen: deps.Chosen | None, names: set[str], needed: Found[Server] | None
    ) -> Found[Server] | None:
        """Return the server with a library for WebSockets where there are routes for them."""
        where = routes.socket(start.startup) if start else ""
        if not where or chosen is None or needed is None or deps.has_sockets(chosen, names, needed.value):
            return needed
        if needed.value.place == "missing":
            added = replace(needed.value, requirement="uvicorn[standard]")
            return Found(
                added, needed.where, f"none is declared, and the WebSocket route at {where} needs it"
            )
        fact = "a WebSocket route, and no library for it is declared: add websockets or uvicorn[standard]"
        self.notes.append(Found(fact, where))
        return needed

    def _installation(
        self, chosen: deps.Chosen | None, start: _Start | None, project: str
    ) -> Found[Installation]:
        if start is None:
            return Found(Installation(False, False, (), ()), "default", "no entry point is known")
        return installation(self.code, start.startup, chosen, project, start.layout.roots.value)

    def _stale(self, chosen: deps.Chosen) -> None:
        missing = ", ".join(deps.stale(chosen.source)[:5])
        self.blockers.append(
            Blocker(
                "lock",
                f"{chosen.source.label} is older than pyproject.toml: it lacks {missing}",
                chosen.source.label,
                "run `drydock lock`",
            )
        )

    def _block(
        self,
        start: _Start | None,
        chosen: deps.Chosen | None,
        names: set[str],
        files: list[dockerfiles.Dockerfile],
    ) -> None:
        if start:
            self.blockers += blockers.of_code(
                self.code, start.startup, start.uses, start.layout.workdir.value
            )
        # Extras set by hand may choose the CPU builds; then it is known what is wanted.
        if not self._by_hand("image") and not self._by_hand("extras"):
            self.blockers += blockers.graphics(chosen, names, files[:1])

    def _context(self, chosen: deps.Chosen | None, project: str, start: _Start | None) -> Found[str]:
        """Return the smallest folder that holds the declarations, the source roots and the data files."""
        parts = [
            project,
            *(start.layout.roots.value if start else ()),
            *([start.layout.workdir.value] if start else []),
        ]
        if chosen:
            parts += [chosen.source.folder, *(folder_of(f) for f in chosen.source.files)]
        parts += [folder_of(f.value) for f in self._data_files(start)]
        common = os.path.commonpath([f"/{p}" if p != "." else "/" for p in parts]).lstrip("/") or "."
        return Found(
            common,
            chosen.source.where if chosen else "",
            "holds the lock file, the source and the data files",
        )

    def _entry_point(self, start: _Start | None) -> Found[str] | None:
        if start is None:
            return None
        entry, root = start.entry, start.layout.roots.value[0]
        dotted = entry.evidence.module if entry.evidence and entry.evidence.root == root else ""
        name = dotted or module_name(root, entry.path)
        return Found(f"{name}:{entry.name}", entry.where, entry.why)

    def _factory(self, start: _Start | None) -> Found[bool]:
        if self._by_hand("factory"):
            return Found(self._by_hand("factory").lower() in {"true", "1", "yes"}, "set by hand: factory")
        return Found(start.entry.factory, start.entry.where) if start else Found(False, "default")

    def _port(
        self, start: _Start | None, evidence: list[Evidence], files: list[dockerfiles.Dockerfile]
    ) -> Found[int]:
        by_hand = self._by_hand("port")
        if (port := number(by_hand)) is not None:
            return Found(port, "set by hand: port")
        if by_hand:
            fact = f"port is {by_hand}, which is no number from 1 to 65535"
            self.conflicts.append(Conflict("port", fact, (), "port"))
        own = [e for e in evidence if start and e.app and e.app.key == start.entry.app.key]
        told = next((e for e in own if e.port), None)
        if told and told.port:
            return Found(told.port, told.where)
        exposed = next(((p, f"{f.path}:{line}") for f in files for p, line in f.ports), None)
        return Found(*exposed) if exposed else Found(DEFAULT_PORT, "default", "nothing names a port")

    def _options(self, start: _Start | None, evidence: list[Evidence]) -> Found[tuple[str, ...]] | None:
        own = [e for e in evidence if start and e.app and e.app.key == start.entry.app.key]
        told = next((e for e in own if e.options and e.rank <= PRODUCTION), None)
        if told is None:
            return None
        found, notes = beside.options(told)
        self.notes += notes
        return found

    def _probes(self, start: _Start | None) -> tuple[Found[str] | None, Found[str] | None, Found[str] | None]:
        by_hand = self._by_hand("health-path"), self._by_hand("ready-path")
        hand = tuple(Found(p, "set by hand") if p else None for p in by_hand)
        if start is None:
            return hand[0], hand[1], None
        live, ready = routes.probes(routes.health_routes(self.code, start.entry, start.startup))
        path, where = routes.docs_path(self.code, start.entry, start.startup)
        found = [
            Found(r.path, r.where, "asks the database" if r.asks_database else "") if r else None
            for r in (live, ready)
        ]
        return hand[0] or found[0], hand[1] or found[1], Found(path, where) if path else None

    def _packages_by_hand(self, option: str) -> tuple[Package, ...]:
        """Return the packages that an option names; `NAME?` is one that a Debian release may lack."""
        return tuple(
            Package(
                name.removesuffix("?"),
                f"set by hand: {option}",
                origin="dockerfile" if name.endswith("?") else "person",
            )
            for name in self._by_hand(option).replace(",", " ").split()
        )

    def _environment_files(self, start: _Start | None, workdir: str) -> tuple[Found[str], ...]:
        return environment_files(self.code, start.startup, workdir) if start else ()

    def _place(self, start: _Start, use: FileUse) -> str:
        return use.path if use.beside_code else join(start.layout.workdir.value, use.path)

    def _data_files(self, start: _Start | None) -> tuple[Found[str], ...]:
        found: dict[str, Found[str]] = {}
        for use in start.uses if start else []:
            path = self._place(start, use) if start else ""
            real = self.tree.exists(path) or self.tree.is_folder(path)
            # A folder that is the whole project or holds the code needs no mention.
            if (
                use.kind in {"folder", "read"}
                and real
                and path != "."
                and not path.rpartition("/")[2].startswith(".env")
            ):
                found.setdefault(path, Found(path, use.where))
        return tuple(found.values())

    def _writable(self, start: _Start | None) -> tuple[Written, ...]:
        found: dict[str, Written] = {}
        for use in start.uses if start else []:
            path = self._place(start, use) if start else ""
            kind = WRITTEN.get(use.kind)
            if kind and not path.startswith(".."):
                kind = "unknown" if kind == "database" and use.path == "." else kind
                found.setdefault(path, Written(path, use.where, WHY_WRITTEN[kind], kind))
        return tuple(found.values())

    def _replicas(self, start: _Start | None, writable: tuple[Written, ...]) -> Found[bool]:
        if writable:
            first = writable[0]
            return Found(False, first.where, f"it writes {first.value}, which replicas would not share")
        for module in start.startup.modules if start else []:
            for statement in module.imports:
                if statement.module.startswith(SCHEDULERS) and not statement.scope.typing:
                    return Found(False, module.path, "its scheduler would run every job once in each replica")
        return Found(True, "default", "it writes no files of its own")

    def _ignore(
        self,
        context: str,
        files: tuple[str, ...],
        start: _Start | None,
        installed: Installation,
        project: str,
    ) -> Ignore:
        needed = [*files, *(join(project, f) for f in installed.build_files if installed.needed)]
        if start:
            needed += [m.path for m in start.startup.modules]
            needed += [f.value for f in self._data_files(start)]
        return ignore(self.tree, context, needed)


def _relevant(files: list[dockerfiles.Dockerfile], entry: Entry | None) -> list[dockerfiles.Dockerfile]:
    """Return the Dockerfiles that can be about this entry point, the one that starts it first."""
    if entry is None:
        return []
    named = [f for f in files if entry.evidence and entry.evidence.where.startswith(f"{f.path}:")]
    return named or [f for f in files if _is_about(f, entry)]


def _is_about(file: dockerfiles.Dockerfile, entry: Entry) -> bool:
    """Tell whether a Dockerfile is a Python one for production that has the entry point in its context."""
    if dockerfiles.NOT_PRODUCTION.search(file.path) or SIDE.search(file.path):
        return False
    inside = file.context == "." or entry.path.startswith(f"{file.context}/")
    return inside and any("python" in base or "uv" in base for base in file.bases)
