"""Run subprocesses: the only module that starts one."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from drydock import secrets
from drydock.errors import CommandMissing

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

# Enough for a child to clean up, and little enough that Ctrl-C still feels immediate.
GRACE_SECONDS = 10.0
# In a thread of `beside`: its `commands`.
_thread = threading.local()


@dataclass
class _Commands:
    """The commands that run in the threads of `beside`."""

    running: set[subprocess.Popen[str]] = field(default_factory=set)
    ended: bool = False


@dataclass(frozen=True)
class Completed:
    args: tuple[str, ...]
    code: int
    stdout: str
    stderr: str

    @property
    def last(self) -> str:
        """The last line of its error output, else of its output."""
        lines = (self.stderr.strip() or self.stdout.strip()).splitlines()
        return lines[-1] if lines else "no output"


class CommandFailed(Exception):
    """A command had an unexpected exit code; callers turn it into their own error."""

    def __init__(self, completed: Completed) -> None:
        self.completed = completed
        super().__init__(f"`{secrets.shown(completed.args)}` exited with {completed.code}: {completed.last}")


def run(
    args: Sequence[str],
    *,
    check: bool = True,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
) -> Completed:
    """Run a command to its end and return its streams.

    Args:
        args: The argument list; never a shell line.
        env: Variables to add to this process's own.
        timeout: Seconds until it is killed.

    Raises:
        CommandFailed: The exit code is not 0 and ``check`` is set; 124 is a time-out.
        CommandMissing: The program does not exist.
    """
    with _started(args, cwd=cwd, env=env, stdin=stdin is not None) as process:
        try:
            stdout, stderr = process.communicate(stdin, timeout=timeout)
            code = process.returncode
        except subprocess.TimeoutExpired:
            _end(process)
            stdout, stderr = process.communicate()
            stderr += f"\nno end after {timeout:g} s"
            code = 124
    completed = Completed(tuple(args), code, stdout, stderr)
    if check and code != 0:
        raise CommandFailed(completed)
    return completed


@contextmanager
def beside(most: int) -> Iterator["ThreadPoolExecutor"]:
    """Yield threads that run commands beside this one; an exception here, as of Ctrl-C, ends them.

    Their threads start no further command then: it raises KeyboardInterrupt there.
    """
    from concurrent.futures import ThreadPoolExecutor

    commands = _Commands()
    with ThreadPoolExecutor(most, initializer=lambda: setattr(_thread, "commands", commands)) as pool:
        try:
            yield pool
        except BaseException:
            commands.ended = True
            pool.shutdown(wait=False, cancel_futures=True)
            for process in [*commands.running]:
                _end(process)
            raise


def stream(
    args: Sequence[str],
    on_output: Callable[[str], None],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    source: str = "both",
    meanwhile: Callable[[], object] = lambda: None,
) -> Completed:
    """Run a command and pass on its output while it runs; never raise for an exit code.

    Args:
        on_output: Takes each chunk of text as it arrives, not split at line ends.
        env: Variables to add to this process's own.
        source: ``stderr``, or ``both`` for standard output and error as one stream. The other stream is
            collected and returned.
        meanwhile: Called once the command runs, for work that needs no output of it.
    """
    with _started(args, cwd=cwd, env=env, merged=source == "both") as process:
        watched = process.stderr if source == "stderr" else process.stdout
        assert watched is not None  # noqa: S101 - both are pipes
        collected: list[str] = []
        reader = None
        if source == "stderr":
            # Drained beside the watched stream, so that a full pipe cannot stall the child.
            other = process.stdout
            assert other is not None  # noqa: S101 - as above
            reader = threading.Thread(target=lambda: collected.append(other.read()), daemon=True)
            reader.start()
        meanwhile()
        seen: list[str] = []
        for chunk in _chunks(watched.fileno()):
            seen.append(chunk)
            on_output(chunk)
        process.wait()
        if reader:
            reader.join()
    text, rest = "".join(seen), "".join(collected)
    return Completed(tuple(args), process.returncode, *((rest, text) if source == "stderr" else (text, "")))


def by_line(take: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function for `stream` that passes on whole lines."""
    rest = ""

    def tell(chunk: str) -> None:
        nonlocal rest
        *lines, rest = (rest + chunk).split("\n")
        for line in lines:
            take(line)

    return tell


def _chunks(descriptor: int) -> Iterator[str]:
    import codecs

    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while data := os.read(descriptor, 65536):
        if text := decoder.decode(data):
            yield text


@contextmanager
def _started(
    args: Sequence[str],
    *,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    stdin: bool = False,
    merged: bool = False,
) -> Iterator[subprocess.Popen[str]]:
    """Start a command in its own process group, and end the whole group on any exception.

    The group keeps a terminal's Ctrl-C from the child until this process has decided on the clean-up.
    It includes grandchildren, such as the docker CLI's plugins.
    """
    commands: _Commands = getattr(_thread, "commands", _Commands())
    if commands.ended:
        raise KeyboardInterrupt
    try:
        process = subprocess.Popen(
            list(args),
            cwd=cwd,
            env={**os.environ, **env} if env else None,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError as error:
        if cwd is not None and not cwd.is_dir():
            raise
        raise CommandMissing(program=args[0], how=f"install {args[0]} and repeat the command") from error
    commands.running.add(process)
    try:
        if commands.ended:  # after the start, and before `beside` could see it among the others
            raise KeyboardInterrupt
        yield process
    except BaseException:
        _end(process)
        raise
    finally:
        commands.running.discard(process)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()


def _end(process: subprocess.Popen[str]) -> None:
    for number, seconds in ((signal.SIGINT, GRACE_SECONDS), (signal.SIGKILL, None)):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, number)
            process.wait(seconds)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
