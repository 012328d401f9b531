"""Turn functions into tasks, with help for options and one-line errors with exit codes."""

from __future__ import annotations

import errno
import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke import Context, Exit, Task, task

from drydock import interrupts
from drydock.errors import BadCommandLine, DrydockError, Interrupted, NoSpace
from drydock.folding import folded
from drydock.pipes import readable
from drydock.progress import Say, silent
from drydock.spelling import spelled

if TYPE_CHECKING:
    from rich.console import Console

    from drydock.workspace import Workspace

Body = Callable[..., None]

# drydock's modules are imported inside the tasks, so that `drydock --list` and `--help` answer at once.

SHARED = {
    "project": "folder of the project (default: the one around this folder)",
    "json": "print the result as JSON on standard output",
    "quiet": "print only errors and the result",
    "target": "stage of the Dockerfile: production, slim, builder or test",
}
PLATFORM = "of this platform, such as linux/arm64"
DEFAULTS: dict[str, str | bool] = {"target": "production", "platform": "", "project": ""}
DEFAULTS |= {"quiet": False, "json": False}
RESULT = ("project", "quiet", "json")
IMAGE = ("target", *RESULT)


@dataclass
class Given:
    """A task's shared options, and everything that follows from them."""

    context: Context
    target: str = "production"
    platform: str = ""
    project: str = ""
    quiet: bool = False
    json: bool = False

    @property
    def hushed(self) -> bool:
        """Whether progress is hidden."""
        return self.quiet or self.json

    @functools.cached_property
    def pipe(self) -> Workspace:
        """The project's workspace on the connected engine."""
        from drydock.detect.project import load
        from drydock.engine import connect
        from drydock.publish.builds import open_workspace

        shown = None
        if not self.hushed:
            from drydock.report.progress import Shown

            shown = Shown()
        workspace = open_workspace(connect(), load(Path(self.project)), voice(self.hushed), shown)
        workspace.meanwhile = _import_the_rest
        return workspace.on(self.platform)

    @property
    def reference(self) -> str:
        return self.pipe.project.reference(self.target)

    def wait(self, step: str) -> AbstractContextManager[object]:
        """Give signs of life during a step that is already announced and prints nothing."""
        from drydock.report.progress import waiting

        return nullcontext() if self.hushed else waiting(step, said=True)

    def answer(
        self, content: Mapping[str, object], shown: Iterable[str] | Callable[[Console], object]
    ) -> None:
        """Print the result: as JSON on request, else as lines, or as `shown` prints it on a console."""
        from drydock.report import console, print_json

        if self.json:
            print_json(content)
        elif callable(shown):
            shown(console())
        else:
            print(*(folded(line, sys.stdout) for line in shown), sep="\n")


def _import_the_rest() -> None:
    """Import the modules that measure an image and show it."""
    import drydock.report.build  # noqa: F401


def guarded(body: Body, doing: str, shared: Sequence[str]) -> Body:
    """Announce a task at once; show a DrydockError as its evidence and one line, with its exit code."""
    signature = _signature(body, shared)

    @functools.wraps(body)
    def run(*args: Any, **kwargs: Any) -> None:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        hushed = bool(given.arguments.get("quiet") or given.arguments.get("json"))
        interrupts.heed()
        try:
            _check_words(given, _name(body))
            project = given.arguments.get("project") or "the project"
            voice(hushed)(doing.format(**given.arguments | {"project": project}))
            if given.arguments.get("project") == "":
                given.arguments["project"] = _project(voice(hushed))
            _check_places(given.arguments)
            with readable():
                call(body, given.arguments)
        except DrydockError as error:
            if error.evidence:
                print(error.evidence, file=sys.stderr)
            raise Exit(folded(str(error), sys.stderr), code=error.exit_code) from error
        except OSError as error:
            from drydock import state

            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            kept = NoSpace(during=spelled(f"`drydock {_name(body)}`")) if full else state.not_kept(error)
            if kept is None:
                raise
            raise Exit(folded(str(kept), sys.stderr), code=kept.exit_code) from error
        except KeyboardInterrupt as error:
            stopped = Interrupted(during=spelled(f"`drydock {_name(body)}`"))
            raise Exit(f"\n{stopped}", code=stopped.exit_code) from error

    vars(run)["__signature__"] = signature
    return run


def _signature(body: Body, shared: Sequence[str]) -> inspect.Signature:
    """Return a task's parameters: Invoke's context, its function's own, and its shared ones."""
    _, *own = inspect.signature(body).parameters.values()
    word = inspect.Parameter.POSITIONAL_OR_KEYWORD
    required = [one for one in own if one.default is inspect.Parameter.empty]
    others = [one for one in own if one not in required]
    added = [inspect.Parameter(name, word, default=DEFAULTS[name]) for name in shared]
    return inspect.Signature([inspect.Parameter("c", word), *required, *others, *added])


def call(body: Body, arguments: Mapping[str, Any]) -> None:
    taken = inspect.signature(body).parameters
    own = {name: value for name, value in arguments.items() if name in taken}
    common = {name: value for name, value in arguments.items() if name in DEFAULTS and name not in own}
    body(Given(arguments["c"], **common), **own)


def _name(body: Callable[..., None]) -> str:
    return body.__name__.replace("_", "-")


def _check_words(given: inspect.BoundArguments, task: str) -> None:
    """Refuse an option that Invoke's own program took for a required word, and an illegal registry."""
    if place := given.arguments.get("registry"):
        from drydock.publish.reference import parse

        parse(f"{place.rstrip('/')}/image")
    for name, value in given.arguments.items():
        if given.signature.parameters[name].default is inspect.Parameter.empty and str(value).startswith("-"):
            how = f"ask with `invoke --help {task}`, or give the {name.upper()} first"
            raise BadCommandLine(problem=f"{value} is not a {name.upper()}", how=how)


def _check_places(given: Mapping[str, Any]) -> None:
    """Refuse a project that is not a folder, and a file that cannot be written, before any work."""
    if project := given.get("project"):
        from drydock.project.configuration import check_folder

        check_folder(Path(project))
    for path in filter(None, map(given.get, ("output", "sarif", "junit"))):
        from drydock.report.page import file

        file.check(Path(path))


def _project(tell: Say) -> str:
    """Return the project folder around the current folder."""
    from drydock.project.configuration import around

    where = os.path.relpath(around(Path.cwd()))
    if where != ".":
        tell(f"the project is in {where}")
    return where


def words(task: Task[Any]) -> tuple[str, ...]:
    """Return the names of a task's options that drydock's own program also takes as words."""
    return tuple(vars(task).get("words", ()))


def offer(
    doing: str,
    name: str | None = None,
    positional: Sequence[str] = (),
    shared: Sequence[str] = IMAGE,
    **options: str,
) -> Callable[[Body], Task[Any]]:
    """Turn a function into a task.

    Args:
        doing: Printed before any import; may name parameters: ``building {target}``.
        positional: Parameters that drydock's own program also takes as words; Invoke's would require them.
        shared: The options that a function gets in its parameter `given`.
        options: Help for the parameters that only this task has.
    """

    def decorate(body: Body) -> Task[Any]:
        run = guarded(body, doing, shared)
        parameters = inspect.signature(run).parameters
        texts = {key: text for key, text in (SHARED | options).items() if key in parameters}
        repeated = [key for key, parameter in parameters.items() if "list" in str(parameter.annotation)]
        bare = [key for key, parameter in parameters.items() if "str | bool" in str(parameter.annotation)]
        shown = {key.strip("_").replace("_", "-"): text for key, text in texts.items()}
        # Short options would take any free letter, and change with every added option.
        how = task(name=name, help=shown, iterable=repeated, optional=bare, auto_shortflags=False)
        made: Task[Any] = how(run)
        vars(made)["words"] = tuple(positional)
        return made

    return decorate


def say(line: str) -> None:
    """Print a line of progress on standard error."""
    print(folded(line, sys.stderr), file=sys.stderr, flush=True)


def voice(quiet: bool) -> Say:
    """Return the function that prints a task's progress."""
    return silent if quiet else say


def rendered(project: str) -> Any:
    """Return a project with manifests: its own files, else those of its recipe."""
    from drydock.deploy.render import FOLDER
    from drydock.detect.project import load
    from drydock.recipe import current
    from drydock.report.progress import waiting

    loaded = load(Path(project))
    if not (loaded.root / FOLDER).is_dir():
        current.of(loaded, patience=waiting)
    return loaded
