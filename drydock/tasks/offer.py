"""Make tasks of functions: their options' help, and errors as one line with an exit code."""

from __future__ import annotations

import errno
import functools
import inspect
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from invoke import Exit, Task, task

from drydock.errors import BadCommandLine, DrydockError, Interrupted, NoSpace
from drydock.progress import Say, silent
from drydock.spelling import spelled

# drydock's modules are imported inside the tasks: `drydock --list` and `--help` must answer at once.

SHARED = {
    "project": "folder of the project (default: the one around this folder)",
    "json": "print the result as JSON on standard output",
    "quiet": "print only errors and the result",
    "target": "stage of the Dockerfile: production, slim, builder or test",
}
Body = TypeVar("Body", bound=Callable[..., None])


@contextmanager
def readable() -> Iterator[None]:
    """End quietly where the reader of standard output has seen enough of it, as `head` has."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        watch = select.poll()
        watch.register(sys.stdout.fileno(), 0)
        if not watch.poll(0):
            raise  # it was another pipe
        # Python flushes once more when it ends, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Exit(code=0) from None


def guarded(body: Body, doing: str) -> Body:
    """Say at once what a task does; show a DrydockError as its evidence and one line, with its exit code."""
    signature = inspect.signature(body)

    @functools.wraps(body)
    def run(*args: Any, **kwargs: Any) -> None:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        hushed = bool(given.arguments.get("quiet") or given.arguments.get("json"))
        # What a task started is also removed when SIGTERM ends it.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            _check_words(given, _name(body))
            if not hushed:
                say(
                    doing.format(
                        **given.arguments | {"project": given.arguments.get("project") or "the project"}
                    )
                )
            if given.arguments.get("project") == "":
                given.arguments["project"] = _project(voice(hushed))
            _check_places(given.arguments)
            with readable():
                body(*given.args, **given.kwargs)
        except DrydockError as error:
            if error.evidence:
                print(error.evidence, file=sys.stderr)
            raise Exit(str(error), code=error.exit_code) from error
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            full = NoSpace(during=spelled(f"`drydock {_name(body)}`"))
            raise Exit(str(full), code=full.exit_code) from error
        except KeyboardInterrupt as error:
            stopped = Interrupted(during=spelled(f"`drydock {_name(body)}`"))
            raise Exit(f"\n{stopped}", code=stopped.exit_code) from error

    return run  # type: ignore[return-value]


def _name(body: Callable[..., None]) -> str:
    return body.__name__.replace("_", "-")


def _check_words(given: inspect.BoundArguments, task: str) -> None:
    """Refuse an option that Invoke's own program took for a word: it does so where a word is required.

    Raises:
        BadCommandLine: There is one.
    """
    for name, value in given.arguments.items():
        if given.signature.parameters[name].default is inspect.Parameter.empty and str(value).startswith("-"):
            raise BadCommandLine(
                problem=f"{value} is not a {name.upper()}",
                how=f"ask with `invoke --help {task}`, or give the {name.upper()} first",
            )


def _check_places(given: Mapping[str, Any]) -> None:
    """Refuse a project that is no folder, and a file that cannot be written, before any work."""
    if project := given.get("project"):
        from drydock.project import check_folder

        check_folder(Path(project))
    for path in filter(None, map(given.get, ("output", "sarif", "junit"))):
        from drydock.report.page import file

        file.check(Path(path))


def _project(tell: Say) -> str:
    """Return the folder of the project around the current one."""
    from drydock.project.root import around

    where = os.path.relpath(around(Path.cwd()))
    if where != ".":
        tell(f"the project is in {where}")
    return where


class Offered(Task[Any]):
    """A task that knows which of its options drydock's own program also takes as words."""

    words: tuple[str, ...] = ()


def words(task: Task[Any]) -> tuple[str, ...]:
    """Return the names of a task's options that may be given as words."""
    return task.words if isinstance(task, Offered) else ()


def offer(
    doing: str, name: str | None = None, positional: Sequence[str] = (), **options: str
) -> Callable[[Body], Task[Any]]:
    """Make a task of a function.

    Args:
        doing: What it does, said before anything is loaded; may name parameters: ``building {target}``.
        name: The task's name where it is not the function's.
        positional: Parameters with a default that drydock's own program also takes as words. Invoke's takes
            them as options only: it would require every word.
        options: Help for the parameters that only this task has; the shared ones explain themselves.
    """

    def decorate(body: Body) -> Task[Any]:
        parameters = inspect.signature(body).parameters
        texts = {key: text for key, text in (SHARED | options).items() if key in parameters}
        repeated = [key for key, parameter in parameters.items() if "list" in str(parameter.annotation)]
        bare = [key for key, parameter in parameters.items() if "str | bool" in str(parameter.annotation)]
        shown = {key.strip("_").replace("_", "-"): text for key, text in texts.items()}
        # Short options would be whatever letter is free, and change with every option that is added.
        made: Task[Any] = task(
            name=name,
            help=shown,
            iterable=repeated,
            optional=bare,
            auto_shortflags=False,
            klass=Offered,
        )(guarded(body, doing))
        vars(made)["words"] = tuple(positional)
        return made

    return decorate


def say(line: str) -> None:
    """Print a line of progress on standard error."""
    print(line, file=sys.stderr, flush=True)


def voice(quiet: bool) -> Say:
    """Return the function that takes a task's lines of progress."""
    return silent if quiet else say


def pipeline(project: str, quiet: bool = False) -> Any:
    """Return the workspace of a project on the engine that answers."""
    from drydock.detect.project import load
    from drydock.engine import connect
    from drydock.publish.opening import open_workspace
    from drydock.report.progress import Shown

    return open_workspace(connect(), load(Path(project)), voice(quiet), None if quiet else Shown())


def rendered(project: str) -> Any:
    """Return a project with manifests: those that it wrote down, else those of its recipe."""
    from drydock.deploy.render import FOLDER
    from drydock.detect.project import load
    from drydock.recipe import current
    from drydock.report.progress import waiting

    loaded = load(Path(project))
    if not (loaded.root / FOLDER).is_dir():
        current.of(loaded, patience=waiting)
    return loaded


def patience(what: str, quiet: bool = False) -> AbstractContextManager[object]:
    """Give signs of life during a step that has been announced and prints nothing more."""
    from drydock.report.progress import waiting

    return nullcontext() if quiet else waiting(what, said=True)
