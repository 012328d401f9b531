"""The program `drydock`: a list of tasks that reads as a manual, and errors that suggest a word."""

import os
import re
import shutil
import sys
from collections.abc import Iterable

from invoke import Argument, Exit, ParseError, Program
from invoke.completion.complete import complete, print_completion_script
from invoke.parser import Parser, ParserContext

import drydock
from drydock.cli import completion, manual
from drydock.cli.errors import UnknownOption, UnknownTask
from drydock.errors import BadCommandLine, DrydockError
from drydock.folding import folded
from drydock.nearest import suggestion
from drydock.pipes import readable
from drydock.spelling import PROGRAMS, spelled
from drydock.tasks.offer import words

SHELLS = ("bash", "zsh", "fish")
OPTIONS = (
    ("--help[=TASK]", "explain a task, or list them all"),
    ("--list", "list the tasks"),
    ("--version", "show drydock's version"),
    ("--print-completion-script=SHELL", f"print the script that completes commands in {', '.join(SHELLS)}"),
)
# Invoke's script for this shell reads `words`, which compctl does not set: it would complete no option.
ZSH = """\
_complete_drydock() {{
    local words
    read -cA words
    reply=( $(drydock --complete -- ${{words}}) )
}}
compctl -K _complete_drydock + -f {programs}"""
_UNKNOWN = re.compile(r"No idea what ['\"](?P<word>.*)['\"] is!")
_LACKING = re.compile(r"'(?P<task>[^']+)' did not receive required positional arguments: '(?P<names>.*)'")
_VALUELESS = re.compile(r"Flag <Argument: (?P<name>[\w-]+).*> needed value and was not given one!")
_NO_NUMBER = re.compile(r"invalid literal for int\(\) with base 10: (?P<word>.*)")


class Drydock(Program):
    """Invoke's program with drydock's tasks and options."""

    def core_args(self) -> list[Argument]:
        """Return the program's own options; Invoke's others concern shell commands."""
        return [
            Argument(names=("help", "h"), optional=True),
            Argument(names=("list", "l"), kind=bool, default=False),
            Argument(names=("version", "V"), kind=bool, default=False),
            Argument(names=("print-completion-script",), kind=str, default=""),
            # The scripts for shells call this one.
            Argument(names=("complete",), kind=bool, default=False),
        ]

    def parse_core(self, argv: list[str] | None) -> None:
        self.normalize_argv(argv)
        try:
            self.parse_core_args()
        except (ParseError, ValueError) as error:
            raise _leave(explain(str(error), None, [], self.initial_context)) from error
        if self.args.version.value:
            _print([f"drydock {drydock.version()}"])
            raise Exit
        if shell := self.args["print-completion-script"].value:
            _print_completion(shell)
            raise Exit

    def parse_tasks(self) -> None:
        task, options = (self.core.unparsed or [""])[0], self.core.unparsed[1:]
        if {"--help", "-h"} & set(options):
            self.args.help.value, self.core.unparsed = task, []
        try:
            try:
                super().parse_tasks()
            except ParseError as error:
                # Invoke requires every positional argument; an optional one is given empty, by its name.
                if not (names := self._left_out(error)):
                    raise
                self.core.unparsed += [f"--{name}=" for name in names]
                super().parse_tasks()
            for context in self.tasks:
                _check_words(context)
        except (ParseError, ValueError) as error:
            known = list(self.parser.contexts.values())
            seen = getattr(error, "context", None)
            raise _leave(explain(str(error), seen, known, self.initial_context)) from error

    def _make_parser(self) -> Parser:
        """Return Invoke's parser, which also takes optional arguments as words."""
        contexts = self.collection.to_contexts()
        for context in contexts:
            for name in words(self.collection[str(context.name)]):
                argument = context.args[name]
                # An argument with a default would never count as missing, and a word not as its value.
                argument.positional, argument.default = True, None
                context.positional_args.append(argument)
        return Parser(initial=self.initial_context, contexts=contexts)

    def _left_out(self, error: ParseError) -> list[str]:
        """Return the positional arguments that are missing, unless one of them is required."""
        if not _LACKING.search(str(error)) or error.context is None:
            return []
        optional = words(self.collection[str(error.context.name)])
        missing = [str(argument.name) for argument in error.context.missing_positional_args]
        return missing if set(missing) <= set(optional) else []

    def parse_cleanup(self) -> None:
        if self.args.complete.value:
            self._complete()
        asked = self.args.help.value
        if isinstance(asked, str):
            if asked not in self.parser.contexts:
                raise _leave(_unknown_task(asked, self.parser.contexts))
            task, context = self.collection[asked], self.parser.contexts[asked]
            _print(manual.explanation(context, task, _width(), bold=_bold()))
            raise Exit
        if asked or self.args.list.value or not self.tasks:
            _print(manual.listing(self.collection, OPTIONS, _width(), bold=_bold()))
            raise Exit

    def _complete(self) -> None:
        """Print the words that may follow those before the cursor."""
        if known := completion.values(self.core.remainder):
            _print(known)
            raise Exit
        complete(
            names=list(PROGRAMS),
            core=self.core,
            initial_context=self.initial_context,
            collection=self.collection,
            parser=self._make_parser(),
        )

    def update_config(self, merge: bool = True) -> None:
        """Read no configuration: no task runs a shell command through Invoke."""


def explain(
    message: str, context: ParserContext | None, tasks: list[ParserContext], core: ParserContext
) -> DrydockError:
    """Turn Invoke's message about a command line into an error that suggests a correct one.

    The context is the task that Invoke was parsing; before the first task it is None or has no name.
    """
    name = context.name if context else None
    manual_of = f"`drydock --help {name}`" if name else "`drydock --list`"
    if unknown := _UNKNOWN.search(message):
        word = unknown["word"]
        if not word.startswith("-"):
            if name == "gate":
                how = "name several gates with commas: `drydock gate smoke,security`"
                return UnknownTask(task=word, how=how)
            return _unknown_task(word, (str(task.name) for task in tasks))
        hidden = {"--complete"}
        flags = (context if context and name else core).flag_names()
        known = {flag for flag in flags if flag.startswith("--")} - hidden | {"--help"}
        how = suggestion(word, sorted(known), f"{manual_of} shows them all")
        return UnknownOption(option=word, task=f"drydock {name}" if name else "drydock", how=how)
    explained = f"{manual_of} explains it"
    if lacking := _LACKING.search(message):
        names = " and ".join(lacking["names"].upper().split("', '"))
        return BadCommandLine(problem=f"`drydock {lacking['task']}` lacks {names}", how=explained)
    if valueless := _VALUELESS.search(message):
        return BadCommandLine(problem=f"--{valueless['name']} has no value", how=explained)
    if number := _NO_NUMBER.search(message):
        return BadCommandLine(problem=f"{number['word']} is not a whole number", how="give one in digits")
    return BadCommandLine(problem=message, how=f"{manual_of} explains the options")


def _unknown_task(word: str, known: Iterable[str]) -> UnknownTask:
    return UnknownTask(task=word, how=suggestion(word, known, "`drydock --list` shows them all"))


def _leave(error: DrydockError) -> Exit:
    return Exit(folded(str(error), sys.stderr), code=error.exit_code)


def _check_words(context: ParserContext) -> None:
    """Refuse an unknown option that Invoke took for the value of a positional argument."""
    for argument in context.positional_args:
        if str(argument.value).startswith("-"):
            raise ParseError(f"No idea what '{argument.value}' is!", context)


def _print_completion(shell: str) -> None:
    if shell not in SHELLS:
        how = suggestion(shell, SHELLS, f"choose one of {', '.join(SHELLS)}")
        raise _leave(BadCommandLine(problem=f"there is no completion for {shell!r}", how=how))
    if shell == "zsh":
        _print([ZSH.format(programs=" ".join(PROGRAMS))])
        return
    with readable():
        print_completion_script(shell, list(PROGRAMS))
    if shell == "fish":
        # Invoke's script for this shell serves the first name only.
        _print(f"complete --command {name} --wraps {PROGRAMS[0]}" for name in PROGRAMS[1:])


def _print(lines: Iterable[str]) -> None:
    with readable():
        print(*map(spelled, lines), sep="\n")


def _width() -> int:
    """Return a terminal's width in characters; 0 for unlimited elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _bold() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
