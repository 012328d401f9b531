"""Invoke's own program, with a list of tasks that reads as a manual and errors that name what was meant."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable

from invoke import Exit, ParseError, Program
from invoke.parser import ParserContext

from drydock import errors
from drydock.cli import completion, manual
from drydock.nearest import suggestion
from drydock.tasks.offer import readable

_UNKNOWN = re.compile(r"No idea what ['\"](?P<word>.*)['\"] is!")
_LACKING = re.compile(r"'(?P<task>[^']+)' did not receive required positional arguments: '(?P<names>.*)'")
_VALUELESS = re.compile(r"Flag <Argument: (?P<name>[\w-]+).*> needed value and was not given one!")
_NO_NUMBER = re.compile(r"invalid literal for int\(\) with base 10: (?P<word>.*)")


class Manual(Program):
    """The program behind `invoke`, once it has loaded these tasks."""

    def parse_tasks(self) -> None:
        try:
            try:
                super().parse_tasks()
            except ParseError as error:
                # Invoke requires every positional argument; one that may be left out is left out by its name.
                if not (names := self._left_out(error)):
                    raise
                self.core.unparsed += [f"--{name}=" for name in names]
                super().parse_tasks()
            for context in self.tasks:
                _check_words(context)
        except (ParseError, ValueError) as error:
            self._refuse(error)

    def _left_out(self, error: ParseError) -> list[str]:
        """Return the positional arguments that are missing, unless one of them is required."""
        if not _LACKING.search(str(error)) or error.context is None:
            return []
        task = self.collection[str(error.context.name)]
        missing = [str(argument.name) for argument in error.context.missing_positional_args]
        return missing if all(manual.optional(task, name) for name in missing) else []

    def parse_cleanup(self) -> None:
        if self.args.complete.value and (known := completion.values(self.core.remainder)):
            _print(known)
            raise Exit
        group = self.args.list.value
        if isinstance(group, str) and group not in self.collection.collections:
            how = suggestion(group, self.collection.collections, "`invoke --list` shows all tasks")
            refused = errors.BadCommandLine(problem=f"there is no group of tasks `{group}`", how=how)
            raise Exit(str(refused), code=refused.exit_code)
        try:
            super().parse_cleanup()
        except ParseError as error:
            self._refuse(error)

    def no_tasks_given(self) -> None:
        """Show the list of tasks: it is what somebody who types `invoke` wants to see."""
        self.list_flat()
        raise Exit

    def list_flat(self) -> None:
        if self.list_root or self.list_depth:
            super().list_flat()
        else:
            _print(manual.listing(self.collection, _width(), bold=_bold()))

    def print_task_help(self, name: str) -> None:
        shown = manual.explanation(self.parser.contexts[name], self.collection[name], _width(), bold=_bold())
        _print(shown)

    def _refuse(self, error: Exception) -> None:
        """Leave with a message of the house's own style."""
        context = getattr(error, "context", None)
        refused = explain(str(error), context, list(self.parser.contexts.values()), self.initial_context)
        raise Exit(str(refused), code=refused.exit_code) from error


def explain(
    message: str, context: ParserContext | None, tasks: list[ParserContext], core: ParserContext
) -> errors.DrydockError:
    """Turn what Invoke says about a command line into an error that says what to type instead.

    Args:
        message: Invoke's message.
        context: The task that was being read; None or one without a name before the first.
        tasks: Every task.
        core: Invoke's own options.
    """
    name = context.name if context else None
    manual_of = f"`invoke --help {name}`" if name else "`invoke --list`"
    if unknown := _UNKNOWN.search(message):
        word = unknown["word"]
        if word.startswith("-"):
            known = manual.known_options([context, core] if context else [core])
            how = suggestion(word, known, f"{manual_of} shows what there is")
            return errors.UnknownOption(option=word, task=f"invoke {name}" if name else "invoke", how=how)
        names = [str(task.name) for task in tasks]
        return errors.UnknownTask(task=word, how=suggestion(word, names, "`invoke --list` shows them all"))
    if lacking := _LACKING.search(message):
        return errors.BadCommandLine(
            problem=f"`invoke {lacking['task']}` lacks {lacking['names'].upper()}",
            how=f"{manual_of} explains it",
        )
    if valueless := _VALUELESS.search(message):
        return errors.BadCommandLine(
            problem=f"--{valueless['name']} has no value", how=f"{manual_of} explains it"
        )
    if number := _NO_NUMBER.search(message):
        return errors.BadCommandLine(problem=f"{number['word']} is no whole number", how="give one in digits")
    return errors.BadCommandLine(problem=message, how=f"{manual_of} explains what can be given")


def _check_words(context: ParserContext) -> None:
    """Refuse an unknown option that Invoke took for the value of a positional argument.

    Raises:
        ParseError: In Invoke's own words.
    """
    for argument in context.positional_args:
        if str(argument.value).startswith("-"):
            raise ParseError(f"No idea what '{argument.value}' is!", context)


def _print(lines: Iterable[str]) -> None:
    with readable():
        print(*lines, sep="\n")


def _width() -> int:
    """Return how many characters a line may have: 0, for any number, where there is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _bold() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
