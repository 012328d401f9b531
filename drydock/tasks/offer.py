"""Make tasks of functions: their options' help, and errors as one line with an exit code."""

from __future__ import annotations

import functools
import inspect
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from invoke import Exit, Task, task

from drydock import errors
from drydock.progress import Say, silent

# drydock's modules are imported inside the tasks: `invoke --list` and `--help` must answer at once.

SHARED = {
    "project": "folder of the project (default: this one)",
    "json": "print the result as JSON on standard output",
    "quiet": "print only errors and the result",
    "target": "stage of the Dockerfile: production, slim, builder or test",
}
Body = TypeVar("Body", bound=Callable[..., None])


@contextmanager
def readable() -> Iterator[None]:
    """End quietly where whoever reads standard output has seen enough of it, as `head` has."""
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
        if not (given.arguments.get("quiet") or given.arguments.get("json")):
            say(doing.format(**given.arguments))
        # What a task started is removed also when somebody ends it in a politer way than with Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with readable():
                body(*args, **kwargs)
        except errors.DrydockError as error:
            if error.evidence:
                print(error.evidence, file=sys.stderr)
            raise Exit(str(error), code=error.exit_code) from error
        except KeyboardInterrupt as error:
            stopped = errors.Interrupted(during=f"invoke {body.__name__}")
            raise Exit(f"\n{stopped}", code=stopped.exit_code) from error

    return run  # type: ignore[return-value]


def offer(
    doing: str, name: str | None = None, positional: Sequence[str] = (), **options: str
) -> Callable[[Body], Task[Any]]:
    """Make a task of a function.

    Args:
        doing: What it does, said before anything is loaded; may name parameters: ``building {target}``.
        name: The task's name where it is not the function's.
        positional: Parameters that may be given without their names although they have a default, which is
            None; those without a default are given so anyway.
        options: Help for the parameters that only this task has; the shared ones explain themselves.
    """

    def decorate(body: Body) -> Task[Any]:
        parameters = inspect.signature(body).parameters
        texts = {key: text for key, text in (SHARED | options).items() if key in parameters}
        repeated = [key for key, parameter in parameters.items() if "list" in str(parameter.annotation)]
        shown = {key.replace("_", "-"): text for key, text in texts.items()}
        # Short options would be whatever letter is free, and change with every option that is added.
        made: Task[Any] = task(
            name=name,
            help=shown,
            iterable=repeated,
            positional=list(positional) or None,
            auto_shortflags=False,
        )(guarded(body, doing))
        return made

    return decorate


def say(line: str) -> None:
    """Print a line of progress on standard error."""
    print(line, file=sys.stderr, flush=True)


def voice(quiet: bool) -> Say:
    """Return what takes a task's lines of progress."""
    return silent if quiet else say


def pipeline(project: str, quiet: bool = False) -> Any:
    """Return the workspace of a project on the engine that answers."""
    from drydock.detect.project import load
    from drydock.engine import connect
    from drydock.publish.opening import open_workspace
    from drydock.report.progress import Shown

    return open_workspace(connect(), load(Path(project)), voice(quiet), None if quiet else Shown())


def patience(what: str, quiet: bool = False) -> AbstractContextManager[object]:
    """Give signs of life while something goes on that has been said, and that says nothing more itself."""
    from drydock.report.progress import waiting

    return nullcontext() if quiet else waiting(what, said=True)
