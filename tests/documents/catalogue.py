"""commands.toml as data: the test for each command of the documents."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """A command that tests/documents/test_documents.py runs.

    Args:
        command: As in the document.
        shows: Expected text in its output.
        add: Words that the test appends.
        code: Expected exit code.
    """

    command: str
    shows: str
    add: str = ""
    code: int = 0


@dataclass(frozen=True)
class Catalogue:
    """The content of commands.toml."""

    needs: tuple[str, ...]
    replaced: Mapping[str, str]
    runs: tuple[Run, ...]
    tested: Mapping[str, str]

    def replace(self, text: str) -> str:
        """Return a command with the tests' values in place of the reader's."""
        for old, new in self.replaced.items():
            text = text.replace(old, new)
        return text


def read() -> Catalogue:
    found = tomllib.loads((Path(__file__).parent / "commands.toml").read_text(encoding="utf-8"))
    return Catalogue(
        needs=tuple(found["needs"]["known"]),
        replaced=found["replaced"],
        runs=tuple(Run(command, **how) for command, how in found["run"].items()),
        tested=found["tested"],
    )
