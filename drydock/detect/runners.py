"""Read the commands of developers' task runners."""

from __future__ import annotations

from collections.abc import Iterator

from drydock.detect.commands import Command
from drydock.detect.tree import Tree, folder_of, line_of, parse_toml

# The keys of the tables of commands, by file; `*` is any row.
TABLES = {
    "pyproject.toml": (
        *("tool.taskipy.tasks", "tool.poe.tasks", "tool.pdm.scripts", "tool.rye.scripts"),
        "tool.hatch.envs.*.scripts",
    ),
    "Pipfile": ("scripts",),
}
RECIPES = ("Makefile", "makefile", "justfile", "Justfile")


def tasks(tree: Tree) -> Iterator[Command]:
    """Yield every command, which a developer runs and no production."""
    for path in tree.named(*TABLES):
        told = parse_toml(tree.text(path) or "")
        rows = [row for key in TABLES[path.rpartition("/")[2]] for row in _rows(told, key.split("."))]
        for row in rows:
            text = row.get("cmd") if isinstance(row, dict) else row
            words = " ".join(map(str, text)) if isinstance(text, list) else text
            if isinstance(words, str) and words:
                yield _command(tree, path, words)
    for path in tree.named(*RECIPES):
        for line in (tree.text(path) or "").split("\n"):
            if line[:1].isspace() and line.strip():
                yield _command(tree, path, line.strip().lstrip("@-"))


def _command(tree: Tree, path: str, text: str) -> Command:
    where = f"{path}:{line_of(tree.text(path) or '', text.split(chr(10))[0])}"
    return Command(text, where, (folder_of(path),), production=False)


def _rows(value: object, keys: list[str]) -> Iterator[object]:
    if not isinstance(value, dict):
        return
    if not keys:
        yield from value.values()
    else:
        for inner in value.values() if keys[0] == "*" else (value.get(keys[0]),):
            yield from _rows(inner, keys[1:])
