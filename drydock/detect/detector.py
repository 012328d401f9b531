"""Combine the single detectors: one folder in, findings out."""

from __future__ import annotations

import gc
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

from drydock.detect import (
    beside,
    blockers,
    dockerfiles,
    hosting,
    migrations,
    python,
    routes,
    runners,
    settings,
    system,
)
from drydock.detect import dependencies as deps
from drydock.detect.apps import SIDE, find_apps
from drydock.detect.code import MAX_MODULES, Code, Startup, module_name
from drydock.detect.commands import Command, number
from drydock.detect.entry import Entry, decide
from drydock.detect.files import file_uses, logged, told_databases, undecided
from drydock.detect.ignore import ignore
from drydock.detect.installation import installation, scripts
from drydock.detect.launches import CONFIGURED, DEVELOPMENT, HOSTED, LAUNCHER, Evidence, collect
from drydock.detect.layout import Layout, layout, source_root
from drydock.detect.model import (
    PLACE,
    Blocker,
    Conflict,
    Findings,
    Found,
    Installation,
    Migration,
    Package,
    PackageOrigin,
    Server,
    Worker,
    Written,
    WrittenKind,
    distinct,
)
from drydock.detect.sources import declared, declared_names, local_folders
from drydock.detect.tools import TOOLS
from drydock.detect.tree import Tree, ancestors, common, folder_of, join

DEFAULT_PORT = 8000
# The first port that needs no privilege anywhere, and what is added to lower ones: 80 becomes 8080.
UNPRIVILEGED, HIGHER = 1024, 8000
NOTHING: Mapping[str, str] = MappingProxyType({})
WRITTEN: Mapping[str, WrittenKind] = {"make": "folder", "write": "file", "database": "database"}
WHY_WRITTEN: Mapping[WrittenKind, str] = {
    "folder": "a folder",
    "file": "",
    "database": "SQLite",
    "unknown": "SQLite, at a path that is worked out at run time",
}
SCHEDULERS = re.compile(
    r"(apscheduler|rocketry|fastapi_utils\.tasks|fastapi_restful\.tasks|schedule|aiocron|fastapi_crons)(\.|$)"
)


def detect(root: Path, overrides: Mapping[str, str] = NOTHING) -> Findings:
    """Find out how to build and start the project in a folder, each value with its place.

    Detection neither imports nor runs the project's code, and raises nothing for a bad project: it returns
    contradictions as conflicts, and faults as blockers.

    `overrides` are options of `[tool.drydock]` in kebab-case; they win over any evidence.
    """
    base = next((above for tool in TOOLS if (above := tool.above(root))), Path(root))
    requested = join(os.path.relpath(os.path.realpath(root), os.path.realpath(base)))
    with _without_collector(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # drydock does not report invalid escapes in a project's strings
        return _Detection(Tree(base), requested, overrides).findings()


@contextmanager
def _without_collector() -> Iterator[None]:
    """Pause the garbage collector: its repeated walks over the live syntax trees cost a fifth of the time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


class _Detection:
    """One run of the detector over one tree; without an entry point there is no startup."""

    def __init__(self, tree: Tree, requested: str, overrides: Mapping[str, str]) -> None:
        self.tree = tree
        self.requested = requested
        self.overrides = overrides
        self.code = Code(tree, declared_names(tree), local_folders(tree))
        self.conflicts: list[Conflict] = []
        self.blockers: list[Blocker] = []
        self.notes: list[Found[str]] = []
        self.asked: dict[str, dict[str, str]] = {}
        self.services = services = dockerfiles.compose_services(tree)
        every = dockerfiles.dockerfiles(tree, services)
        self.apps = find_apps(self.code)
        self.hosted = hosting.hosted(tree)
        deployed = [command for one in self.hosted for command in one.named("web")]
        commands = dockerfiles.commands(tree, every, services, deployed)
        own = [command for command in commands if not SIDE.search(command.where)]
        self.commands = list(dockerfiles.with_scripts(tree, own))
        self.evidence = collect(self.code, self.apps, [*self.commands, *runners.tasks(tree)])
        self.entry = entry = self._decide()
        self.files = _relevant(every, entry)
        self.chosen = self._choose()
        self.project = self._project_folder()
        self.startup = Startup(self.code, entry.path, entry.name if entry.factory else "") if entry else None
        self.uses = file_uses(self.startup) if self.startup else []
        self.layout = self._layout()
        self.options = self._options()

    def findings(self) -> Findings:
        """Run the remaining detectors in order; each gets the findings of the earlier ones."""
        chosen, entry, startup, project = self.chosen, self.entry, self.startup, self.project
        self._note_beside()
        server, extras, groups = self._server()
        limits = python.bounds(self.tree, chosen, project)
        image = python.base(self.files, project)
        choice = python.choose(limits, chosen, image, [*extras, *groups], self.overrides)
        self.conflicts += choice.conflicts
        self.notes += choice.notes
        version = choice.version.value if choice.version else ""
        release = python.release(limits, version)
        if release:
            fact = f"any release of Python {version} is taken for {release.value}"
            self.notes.append(Found(fact, release.where, "the base image decides which release it is"))
        newest = version or python.NEWEST_DEFAULT
        names = deps.installed(chosen, newest, [*extras, *groups]) if chosen else set()
        complete = server and "[" in server.value.requirement
        if self.options and chosen and chosen.source.lock and not complete:
            self.options, notes = beside.installed(self.options, names)
            self.notes += notes
        build, run = system.packages(startup, chosen, names, version, self.files, dockerfiles.kept(self.tree))
        run = self._packages_by_hand("system-packages") or run
        self.notes += system.libraries(chosen, names, run)
        self.notes += deps.undeclared(names, self.files)
        self.notes += beside.models(startup, names) if startup else ()
        installed = self._installation()
        plan = deps.plan(chosen, extras, groups, installed.value.needed) if chosen else None
        self._block(names)
        migrate = self._migration(names) if entry else None
        files = (*(plan.files if plan else ()), *(migrate.value.files if migrate else ()))
        context = self._context()
        host = beside.host(startup) if startup else None
        live, ready, docs = self._probes(host)
        port = self._port()
        read = settings.import_settings(startup) if startup else ()
        self.notes += beside.own_variables(read, port.value)
        server = self._sockets(names, server)
        required = {one.value.name.upper() for one in read if one.value.required}
        writable, data = self._writable(required), self._data_files()
        self.notes += beside.volumes(self.files, [one.value for one in writable])
        self.notes += beside.surprises(startup, host) if startup else ()
        if startup and "volumes" not in self.overrides and (places := undecided(startup)):
            fact = "it writes where only a run knows: name the folder in volumes, unless it is below /tmp"
            self.notes.append(Found(fact, ", ".join(places[:3])))
        return Findings(
            root=self.tree.root,
            requested=self.requested,
            source=Found(project, chosen.source.where if chosen else "") if entry or chosen else None,
            context=context,
            workdir=self.layout.workdir,
            python_path=self.layout.roots,
            entry_point=self._entry_point(),
            factory=self._factory(),
            dependencies=Found(plan, chosen.source.where, chosen.why) if plan and chosen else None,
            server=server,
            python=choice.version,
            python_supported=self._readable(choice.supported),
            python_release=release,
            port=port,
            liveness=live,
            readiness=ready,
            docs=docs,
            host=host if host and host.value else None,
            options=self.options,
            system_build=self._packages_by_hand("build-packages") or build,
            system_run=run,
            migrate=migrate,
            workers=self._workers() if entry else (),
            scripts=scripts(self.tree, project, self.layout.roots.value),
            resources=self._importer("pkg_resources"),
            settings=read,
            data_files=data,
            writable=writable,
            replicas_safe=self._replicas(writable),
            installation=installed,
            ignore=ignore(self.tree, context.value, self._needed(files, installed.value)),
            notes=tuple(self.notes),
            conflicts=tuple(replace(one, place=self._place()) for one in self.conflicts),
            blockers=tuple(
                replace(one, remedy=one.remedy.replace(PLACE, self._place())) for one in self.blockers
            ),
        )

    def _place(self) -> str:
        """Return the name of the project's configuration, which is of its own where there is no manifest."""
        own, manifest = (join(self.requested, name) for name in ("drydock.toml", "pyproject.toml"))
        shared = self.tree.exists(manifest) and not self.tree.exists(own)
        return "[tool.drydock]" if shared else "drydock.toml"

    def _by_hand(self, option: str) -> str:
        return self.overrides.get(option, "").strip()

    def _folder_by_hand(self, option: str) -> str:
        """Return a configured folder; one that the tree lacks is a conflict."""
        wanted = self._by_hand(option)
        if wanted and not self.tree.is_folder(join(wanted)):
            fact = f"{option} is {wanted}, which is not a folder of this project"
            self.conflicts.append(Conflict(option, fact, (), option))
            return ""
        return join(wanted) if wanted else ""

    def _decide(self) -> Entry | None:
        self.inside = self._folder_by_hand("source") or (self.requested if self.requested != "." else "")
        wanted = self._by_hand("entry-point")
        entry, conflicts, reasons = decide(self.code, self.apps, self.evidence, wanted, self.inside)
        self.conflicts += conflicts
        self.blockers += reasons
        return entry

    @property
    def path(self) -> str:
        """The file that starts, or one in its likely folder."""
        return self.entry.path if self.entry else join(self.inside or ".", "main.py")

    def _choose(self) -> deps.Chosen | None:
        chosen, conflicts, reasons = deps.choose(self.tree, self.path, self.files, self.overrides)
        if self.entry:  # without an entry point, the right dependencies are unknown
            self.conflicts += conflicts
            self.blockers += reasons
        if chosen and (where := deps.passed_over(chosen.source, self.files, python.NEWEST_DEFAULT)):
            fact = f"{chosen.source.label} is stale and is not installed there: the image does without it"
            self.notes.append(Found(fact, where))
            chosen = replace(chosen, source=declared(self.tree, chosen.source.folder) or chosen.source)
        return chosen

    def _project_folder(self) -> str:
        """Return the project's folder: the nearest one above the entry point with a manifest."""
        source = self.chosen.source if self.chosen else None
        own = source.folder if source and not source.package else ""
        manifests = ("pyproject.toml", "setup.py", "setup.cfg")
        for folder in ancestors(self.path):
            if folder == own or any(self.tree.exists(join(folder, name)) for name in manifests):
                return folder
        return "."

    def _layout(self) -> Layout:
        if self.entry is None or self.startup is None:
            return Layout(Found((self.project,), "default"), Found(self.project, "default"))
        root = source_root(self.entry, self.startup)
        found = layout(root, self.entry, self.startup, self.uses, self.project)
        workdir = self._folder_by_hand("workdir")
        return replace(found, workdir=Found(workdir, "set by hand: workdir")) if workdir else found

    def _note_beside(self) -> None:
        if self.entry is None or self.startup is None:
            return
        for item in self.evidence:
            if item.missing and "$" not in item.missing and item.rank < DEVELOPMENT:
                self.notes.append(Found(f"{item.missing} is started, but no file defines it", item.where))
        told, known = self.entry.evidence, {*self.apps.known, self.entry.app.key}
        for item in self.evidence:
            if told and item.rank == told.rank and item.app and item.app.key not in known:
                fact = f"{item.module}:{item.name} is started too, and is not an application of FastAPI"
                self.notes.append(Found(fact, item.where))
        for item in (one for one in self.own if one.wrapper):
            fact = f"{item.wrapper}(…) is made where the server starts: the image starts without it"
            self.notes.append(Found(f"{fact}, unless a module binds it", item.where))
        for item in (
            one for one in self.own if one.steps and told and one.rank == told.rank and not one.reloads
        ):
            fact = f"before the server the program runs {', '.join(item.steps[:5])}: the image starts without"
            self.notes.append(Found(f"{fact}; move that into the lifespan or the module", item.where))
        releases = [command for one in self.hosted for command in one.named("release")]
        starts = {e.where for e in self.own if told and e.rank <= told.rank}
        if not any(CONFIGURED <= e.rank <= HOSTED for e in self.own):
            self.notes += beside.unread(self.commands, self.files)
        self.notes += beside.before([*releases, *self.commands], starts)
        self.notes += beside.starters(self.commands, starts)
        self.notes += beside.steps(self.files)
        self.notes += beside.code(self.startup)
        self.notes += beside.wrapper(self.startup, self.entry)

    def _server(self) -> tuple[Found[Server] | None, list[str], list[str]]:
        """Return the source of the server, and the extras and groups to install."""
        if self.chosen is None:
            return None, [], []
        source = self.chosen.source
        for option, places in zip(("extras", "groups"), deps.asked(source, self.files), strict=True):
            if places and option not in self.overrides:
                self.asked[option] = places
        wanted = {**self.overrides, **{option: ",".join(places) for option, places in self.asked.items()}}
        found = deps.server(self.chosen, deps.installed(self.chosen, python.NEWEST_DEFAULT, []), wanted)
        extras, groups = deps.selection(source, found.value, wanted)
        fact = "{} {} is installed, as there: set {}s before that file goes"
        for option, places in self.asked.items():
            kind = option.removesuffix("s")
            found_there = [item for item in places.items() if item[0] != found.value.selector]
            self.notes += [Found(fact.format(kind, name, kind), where) for name, where in found_there]
        installed = [*extras, *groups]
        for kind, name, needed in deps.imported(self.chosen, self.startup, python.NEWEST_DEFAULT, installed):
            if f"{kind}s" not in self.overrides:
                (extras if kind == "extra" else groups).append(name)
                fact = f"{kind} {name} is installed: it alone has {needed.value}, which the program imports"
                self.notes.append(Found(fact, needed.where))
        known: Mapping[str, tuple[list[str], Iterable[str]]]
        known = {"extras": (extras, source.extras), "groups": (groups, source.groups)}
        for option, (asked, offered) in known.items():
            if unknown := [a for a in asked if a not in offered]:
                candidates = tuple(Found(k, source.where) for k in offered)
                rest = "; declared are" if offered else ", as no other is"
                fact = f"{option} names {unknown[0]}, which is not declared{rest}"
                self.conflicts.append(Conflict(option, fact, candidates, option))
        return found, extras, groups

    def _sockets(self, names: set[str], needed: Found[Server] | None) -> Found[Server] | None:
        """Return the server that the extras bring, with a library for WebSockets if routes need it."""
        if self.chosen is None or needed is None:
            return needed
        brought = next((s for s in deps.SERVERS if s in names), None)
        if brought and needed.value.place == "missing":
            needed = Found(Server(brought, "default"), self.chosen.source.where)
        where = routes.socket(self.startup) if self.startup else ""
        if not where or deps.has_sockets(self.chosen, names, needed.value):
            return needed
        if needed.value.place == "missing":
            added = replace(needed.value, requirement="uvicorn[standard]")
            why = f"none is declared, and the WebSocket route at {where} needs it"
            return Found(added, needed.where, why)
        fact = "a WebSocket route, and no library for it is declared: add websockets or uvicorn[standard]"
        self.notes.append(Found(fact, where))
        return needed

    def _migration(self, names: set[str]) -> Found[Migration] | None:
        if by_hand := self._by_hand("migrate"):
            return Found(Migration(by_hand, "", ()), "set by hand: migrate")
        found, notes, conflicts = migrations.find(self.tree, self.project, names, self.commands)
        self.notes += notes
        self.conflicts += conflicts
        return found

    def _workers(self) -> tuple[Worker, ...]:
        """Return the commands beside the server, and note each."""
        others = [c for one in self.hosted for c in one.commands if c.name != "web"]
        beside_web = dockerfiles.with_scripts(self.tree, others)
        own = [one for one in (*self.commands, *beside_web) if self._is_own(one)]
        started = {one.where for one in self.evidence}
        found = distinct(beside.workers(own, started))
        fact = "{} runs beside the server: it is a command of the same image"
        self.notes += [Found(fact.format(beside.short(one.value)), one.where) for one in found]
        return found

    def _importer(self, name: str) -> str:
        """Return a module of the application that imports a library; empty if none does."""
        paths = self.startup.reached() if self.startup else []
        modules = filter(None, map(self.code.module, paths))
        named = (m.path for m in modules for i in m.imports if i.module.partition(".")[0] == name)
        return next(named, "")

    def _is_own(self, command: Command) -> bool:
        """Tell whether a command is the project's, not that of another member of its workspace."""
        above = ancestors((command.line or command.where).rpartition(":")[0])
        member = next((folder for folder in above if self.tree.exists(join(folder, "pyproject.toml"))), ".")
        own = ancestors(f"{self.project}/.")
        near = [f for f in (member, *command.folders) if f in own or self.project in ancestors(f"{f}/.")]
        return member in near and len(near) > 1

    def _installation(self) -> Found[Installation]:
        if self.startup is None:
            return Found(Installation(False, False, (), ()), "default", "no entry point is known")
        return installation(self.startup, self.chosen, self.project, self.layout.roots.value)

    def _block(self, names: set[str]) -> None:
        """Add the blockers, and a note about unread modules."""
        source = self.chosen.source if self.chosen else None
        if source and (missing := deps.stale(source)):
            fact = f"{source.label} is older than pyproject.toml: it lacks {', '.join(missing[:5])}"
            self.blockers.append(Blocker("lock", fact, source.label, "run `drydock lock`"))
        if source:
            self.blockers += deps.unreachable(self.tree, source, names)
        if self.startup:
            workdir = self.layout.workdir.value
            self.blockers += blockers.of_code(self.startup, self.uses, workdir)
            self.notes += blockers.withheld(self.tree, self.uses, workdir)
        # Extras may choose the CPU builds; then the user's decision is known.
        if not self._by_hand("image") and not self._by_hand("extras") and "extras" not in self.asked:
            self.blockers += blockers.graphics(self.chosen, names, self.files[:1])
        if unread := self.code.unread:
            fact = f"{unread} modules were not read: the entry point imports more than {MAX_MODULES}"
            self.notes.append(Found(fact, "default"))

    def _context(self) -> Found[str]:
        """Return the smallest folder with the declarations, the source roots and the data files."""
        source = self.chosen.source if self.chosen else None
        files = [*(source.files if source else ()), *(f.value for f in self._data_files())]
        parts = [self.project, *map(folder_of, files), *([source.folder] if source else [])]
        parts += [*self.layout.roots.value, self.layout.workdir.value] if self.entry else []
        where = source.where if source else ""
        return Found(common(parts), where, "holds the lock file, the source and the data files")

    def _entry_point(self) -> Found[str] | None:
        entry = self.entry
        if entry is None:
            return None
        root, told = self.layout.roots.value[0], entry.evidence
        dotted = told.module if told and told.root == root else ""
        return Found(f"{dotted or module_name(root, entry.path)}:{entry.name}", entry.where, entry.why)

    def _factory(self) -> Found[bool]:
        if by_hand := self._by_hand("factory"):
            return Found(by_hand.lower() in {"true", "1", "yes"}, "set by hand: factory")
        return Found(self.entry.factory, self.entry.where) if self.entry else Found(False, "default")

    @property
    def own(self) -> list[Evidence]:
        """The evidence for the chosen application."""
        key = self.entry.app.key if self.entry else None
        return [e for e in self.evidence if e.app and e.app.key == key]

    def _port(self) -> Found[int]:
        by_hand = self._by_hand("port")
        if (port := number(by_hand)) is not None:
            return Found(port, "set by hand: port")
        if by_hand:
            fact = f"port is {by_hand}, which is not a number from 1 to 65535"
            self.conflicts.append(Conflict("port", fact, (), "port"))
        told = [Found(e.port, e.where) for e in self.own if e.port and e.rank < LAUNCHER]
        launched = [Found(e.port, e.where) for e in self.own if e.port and e.rank >= LAUNCHER]
        exposed = [Found(port, f"{file.path}:{line}") for file in self.files for port, line in file.ports]
        hosted = [one.port for one in self.hosted if one.port and self._is_hosted(one)]
        default = Found(DEFAULT_PORT, "default", "nothing names a port")
        found = [*told, *hosted, *exposed, *launched, default][0]
        if found.value >= UNPRIVILEGED:
            return found
        high = replace(found, value=HIGHER + found.value, why=f"{found.value} needs a privilege")
        fact = f"port {found.value} needs a privilege that the image's user lacks: it listens on {high.value}"
        self.notes.append(Found(fact, found.where))
        return high

    def _is_hosted(self, service: hosting.Hosted) -> bool:
        """Tell whether a platform's service is this project, not another member of its repository."""
        started = {one.where for one in self.own}
        return service.folder == self.project or any(c.where in started for c in service.named("web"))

    def _options(self) -> Found[tuple[str, ...]] | None:
        started = [e for e in self.own if CONFIGURED < e.rank < DEVELOPMENT and not e.reloads]
        told = next((e for e in started if e.options and e.rank == started[0].rank), None)
        found, notes = beside.options(told) if told else (None, [])
        self.notes += notes
        return found

    def _readable(self, supported: tuple[str, ...]) -> tuple[str, ...]:
        """Drop Pythons other than the first that cannot read the application's modules."""
        if any(not SIDE.search(path) for path in self.code.unreadable()):
            return supported[:1]  # this interpreter cannot tell which others do
        least = max((m.minor for m in self.code.parsed() if not SIDE.search(m.path)), default=0)
        return tuple(one for one in supported if one == supported[0] or int(one.split(".")[1]) >= least)

    def _probes(
        self, host: Found[str] | None
    ) -> tuple[Found[str] | None, Found[str] | None, Found[str] | None]:
        by_hand = self._by_hand("health-path"), self._by_hand("ready-path")
        live, ready = (Found(p, "set by hand") if p else None for p in by_hand)
        if self.entry is None or self.startup is None:
            return live, ready, None
        path, where = routes.docs_path(self.entry, self.startup)
        checks = list(dockerfiles.checks(self.files, self.services))
        hosted = [one.check for one in self.hosted if one.check]
        told = {check.value: check.where for check in (*hosted, *checks)}
        asked = routes.Routes(self.entry, self.startup).health(told)
        refused = (host is not None and not host.value) or beside.answers_elsewhere(self.startup)
        probes = routes.probes([] if refused else asked, told)
        found = [Found(r.path, r.where, _why_asked(r, told)) if r else None for r in probes]
        if not refused and not any(found) and checks:
            found = [checks[0], checks[0]]
        return live or found[0], ready or found[1], Found(path, where) if path else None

    def _packages_by_hand(self, option: str) -> tuple[Package, ...]:
        """Return an option's packages; a Debian release may lack one written as `NAME?`."""
        found: list[Package] = []
        for name in self._by_hand(option).replace(",", " ").split():
            origin: PackageOrigin = "dockerfile" if name.endswith("?") else "person"
            found.append(Package(name.rstrip("?"), f"set by hand: {option}", origin=origin))
        return tuple(found)

    def _data_files(self) -> tuple[Found[str], ...]:
        """Return the tree's files and folders that the program and its server read, without .env files."""
        used = (u for u in self.uses if u.kind in {"folder", "read"})
        workdir = self.layout.workdir.value
        found = [Found(u.place(workdir), u.where) for u in used]
        for name, value in pairwise(self.options.value if self.options else ()):
            if name == "--log-config" and self.options:
                found.append(Found(join(workdir, value), self.options.where))
        real = (f for f in found if self.tree.has(f.value))
        return distinct(f for f in real if not f.value.rpartition("/")[2].startswith(".env"))

    def _writable(self, required: set[str]) -> tuple[Written, ...]:
        """Return the places that the program writes; `required` are names of variables."""
        if "volumes" in self.overrides:
            named = (path.strip() for path in self._by_hand("volumes").split(","))
            return tuple(Written(path, "set by hand: volumes", kind="folder") for path in named if path)
        found = []
        logs = (use for data in self._data_files() for use in logged(self.tree, data.value))
        for use in (*self.uses, *logs, *told_databases(self.tree, required)):
            path, kind = use.place(self.layout.workdir.value), WRITTEN.get(use.kind)
            if kind and not path.startswith(".."):
                kind = "unknown" if kind == "database" and use.path == "." else kind
                found.append(Written(path, use.where, WHY_WRITTEN[kind], kind))
        return distinct(found)

    def _replicas(self, writable: tuple[Written, ...]) -> Found[bool]:
        for first in writable:
            return Found(False, first.where, f"it writes {first.value}, which replicas would not share")
        for module in self.startup.modules if self.startup else []:
            named = (i.module for i in module.imports if SCHEDULERS.match(i.module) and not i.scope.typing)
            if any(self.code.locate(module.path, name) is None for name in named):
                return Found(False, module.path, "its scheduler would run every job once in each replica")
        return Found(True, "default", "it writes no files of its own")

    def _needed(self, files: tuple[str, ...], installed: Installation) -> list[str]:
        """Return the files that the build and the program read."""
        build = installed.build_files if installed.needed else ()
        modules = self.startup.reached() if self.startup else []
        read = (*modules, *(f.value for f in self._data_files()))
        return [*files, *(join(self.project, f) for f in build), *read]


def _why_asked(route: routes.Route, told: Mapping[str, str]) -> str:
    if route.path in told:
        return f"asked by {told[route.path]}"
    return "asks the database" if route.asks_database else ""


def _relevant(files: list[dockerfiles.Dockerfile], entry: Entry | None) -> list[dockerfiles.Dockerfile]:
    """Return the Dockerfiles for this entry point, the one that starts it first."""
    if entry is None:
        return []
    named = [f for f in files if entry.evidence and entry.evidence.where.startswith(f"{f.path}:")]
    return named or [f for f in files if _is_about(f, entry)]


def _is_about(file: dockerfiles.Dockerfile, entry: Entry) -> bool:
    """Tell whether a Dockerfile is for Python in production, with the entry point in its context."""
    if dockerfiles.NOT_PRODUCTION.search(file.path) or SIDE.search(file.path):
        return False
    inside = file.context == "." or entry.path.startswith(f"{file.context}/")
    return inside and any("python" in base or "uv" in base for base in file.bases)
