"""Check the files and the commands that a project expects."""

import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from drydock.command import Completed
from drydock.engine import Engine
from drydock.engine.runtime import Run, started
from drydock.gates import contents
from drydock.gates.expectations.findings import Finding
from drydock.gates.expectations.model import ExpectedCommand, ExpectedFile
from drydock.image import File
from drydock.image.tree import resolve

COMMAND_SECONDS = 60
EXECUTABLE_BY_ALL = 0o111


def files(
    tree: Mapping[str, File], folder: Path, expected: tuple[ExpectedFile, ...], target: str
) -> Iterator[Finding]:
    """Yield each path that is not as expected."""
    for item in expected:
        if item.targets and target not in item.targets:
            continue
        found = _matching(tree, item.path)
        if not item.exists:
            yield from (Finding("file", file.path, "is there") for file in found)
        elif not found:
            yield Finding("file", item.path, "is not there")
        else:
            for file in found:
                yield from _one(file, item, folder)


def _matching(tree: Mapping[str, File], pattern: str) -> list[File]:
    if "*" in pattern or "?" in pattern:
        return [file for path, file in sorted(tree.items()) if fnmatchcase(path, pattern)]
    file = tree.get(pattern) or tree.get(resolve(pattern, tree))
    return [file] if file else []


def _one(file: File, item: ExpectedFile, folder: Path) -> Iterator[Finding]:
    facts: tuple[tuple[str, str | None, str], ...] = (
        ("kind", item.kind, str(file.kind)),
        ("owner", item.owner, f"{file.uid}:{file.gid}"),
        ("mode", item.mode and item.mode.zfill(4), f"{file.mode:04o}"),
        ("sha256", item.sha256, file.sha256),
    )
    for name, wanted, found in facts:
        if wanted is not None and wanted != found:
            yield Finding("file", file.path, f"{name} is {found or 'none'}, not {wanted}")
    executable = file.mode & EXECUTABLE_BY_ALL == EXECUTABLE_BY_ALL
    if item.executable is not None and item.executable != executable:
        not_ = "not " if item.executable else ""
        yield Finding("file", file.path, f"is {not_}executable (mode {file.mode:04o})")
    if item.contains or item.lacks:
        text = contents.text(folder, file.path)
        yield from _texts("content", file.path, text, item.contains, item.lacks)


def _texts(
    check: str, subject: str, text: str, contains: tuple[str, ...], lacks: tuple[str, ...]
) -> Iterator[Finding]:
    for pattern in contains:
        if not re.search(pattern, text, re.MULTILINE):
            yield Finding(check, subject, f"nothing matches {pattern!r} in {text[-200:]!r}")
    for pattern in lacks:
        if found := re.search(pattern, text, re.MULTILINE):
            yield Finding(check, subject, f"{found[0]!r} matches {pattern!r}")


def run_commands(
    expected: tuple[ExpectedCommand, ...], target: str, execute: Callable[[ExpectedCommand], Completed | str]
) -> Iterator[Finding]:
    """Yield each deviation of a command's exit code and output."""
    for item in expected:
        if item.targets and target not in item.targets:
            continue
        subject = " ".join(item.run)
        done = execute(item)
        if isinstance(done, str):
            yield Finding("command", subject, done)
            continue
        if done.code != item.exit:
            yield Finding("command", subject, f"exited with {done.code}, not {item.exit}: {done.last}")
        yield from _texts("command", subject, done.stdout, item.stdout, item.stdout_lacks)
        yield from _texts("command", subject, done.stderr, item.stderr, item.stderr_lacks)


def in_container(engine: Engine, image: str, item: ExpectedCommand) -> Completed | str:
    """Run a command in a container of its own, restricted as in production."""
    import requests

    wanted = Run(image, command=item.run, environment=item.env, owner=contents.OWNER)
    with started(engine, wanted) as running:
        try:
            code = int(running.container.wait(timeout=COMMAND_SECONDS)["StatusCode"])
        except (requests.exceptions.ReadTimeout, requests.exceptions.ConnectionError):
            return f"did not end within {COMMAND_SECONDS} s"
        logs = [running.container.logs(stdout=out, stderr=not out) for out in (True, False)]
    return Completed(item.run, code, *(log.decode("utf-8", "replace") for log in logs))
