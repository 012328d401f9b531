"""Lay out `drydock --list` and `drydock --help TASK`: plain text, aligned, for any width."""

import inspect
import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from invoke import Argument, Collection, ParserContext, Task
from invoke.parser.context import to_flag

from drydock.tasks.offer import words

Row = tuple[str, str]

INDENT = "  "
# With less room beside the names, texts go below them.
LEAST_TEXT_WIDTH = 30
BOLD, PLAIN = "\033[1m", "\033[0m"


def columns(rows: Sequence[Row], width: int, names: int) -> Iterator[str]:
    """Yield names with their texts beside or, on a narrow terminal, below them; width 0 is unlimited."""
    if not width:
        yield from (f"{INDENT}{name:<{names}}{INDENT}{text}".rstrip() for name, text in rows)
        return
    beside = width - names - 2 * len(INDENT) >= LEAST_TEXT_WIDTH
    margin = " " * (names + 2 * len(INDENT)) if beside else INDENT * 2
    for name, text in rows:
        lines = textwrap.wrap(text, max(width - len(margin), 10)) or [""]
        if beside:
            yield f"{INDENT}{name:<{names}}{INDENT}{lines.pop(0)}".rstrip()
        else:
            yield f"{INDENT}{name}"
        yield from (margin + line for line in lines)


def paragraph(text: str, width: int, *, bold: bool = False) -> Iterator[str]:
    for line in textwrap.wrap(text, width) if width and text else [text]:
        yield f"{BOLD}{line}{PLAIN}" if bold else line


def summary(task: Task[Any]) -> str:
    return (inspect.getdoc(task) or "").partition("\n")[0]


def groups(collection: Collection) -> list[tuple[str, list[Row]]]:
    """Return each module's tasks under the first line of its docstring."""
    tasks = [(name, task) for name, task in collection.tasks.items()]
    for prefix, below in collection.collections.items():
        tasks += [(f"{prefix}.{name}", task) for name, task in below.tasks.items()]
    return [
        (
            (sys.modules[module].__doc__ or module).partition("\n")[0],
            [(name, summary(task)) for name, task in found],
        )
        for module, found in groupby(tasks, key=lambda pair: pair[1].__module__)
    ]


def listing(collection: Collection, options: Sequence[Row], width: int, *, bold: bool) -> Iterator[str]:
    found = [*groups(collection), ("The program's own options.", list(options))]
    names = max(len(name) for _, rows in found[:-1] for name, _ in rows)
    yield from paragraph("drydock TASK [WORD ...] [--option=value ...]", width)
    for title, rows in found:
        yield ""
        yield from paragraph(title, width, bold=bold)
        yield from columns(rows, width, max(names, *(len(name) for name, _ in rows)))
    yield ""
    yield from paragraph("`drydock --help TASK` explains one.", width)


def option(argument: Argument) -> Row:
    spelled = to_flag(str(argument.name))
    if argument.takes_value:
        value = "=NUMBER" if argument.kind is int else "=TEXT"
        spelled += f"[{value}]" if argument.optional else value
    return spelled, argument.help or ""


def explanation(context: ParserContext, task: Task[Any], width: int, *, bold: bool) -> Iterator[str]:
    arguments = [(str(argument.name), argument) for argument in context.args.values()]
    positional = [(name.upper(), one.help or "") for name, one in arguments if one.positional]
    options = [option(one) for _, one in arguments if not one.positional]
    optional = words(task)
    given = [f"[{name}]" if name.lower() in optional else name for name, _ in positional]
    usage = ["drydock", str(context.name), *given, *(["[options]"] if options else [])]
    yield from paragraph(" ".join(usage), width, bold=bold)
    yield ""
    for line in (inspect.getdoc(task) or "").splitlines():
        yield from paragraph(line, width)
    rows = positional + options
    if rows:
        yield ""
        yield from columns(rows, width, max(len(name) for name, _ in rows))
