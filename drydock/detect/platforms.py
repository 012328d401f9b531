"""Read the commands in the configurations of hosting platforms and of task runners."""

from __future__ import annotations

import re
from collections.abc import Iterator

from drydock.detect.dockerfiles import Command, read_yaml
from drydock.detect.tree import Tree, folder_of, line_of, parse_json, parse_toml

# The keys of commands, by file; `*` is any row of a table or a list. Those in `RELEASES` come before a start.
PLATFORMS = {
    "render.yaml": ("services.*.startCommand", "services.*.dockerCommand", "services.*.preDeployCommand"),
    "fly.toml": ("processes.*", "deploy.release_command"),
    "railway.json": ("deploy.startCommand", "deploy.preDeployCommand"),
    "railway.toml": ("deploy.startCommand", "deploy.preDeployCommand"),
    "nixpacks.toml": ("start.cmd",),
    "heroku.yml": ("run.*", "release.command"),
    "app.yaml": ("entrypoint", "services.*.run_command", "workers.*.run_command"),
    "apprunner.yaml": ("run.command",),
    "manifest.yml": ("applications.*.command",),
}
RELEASES = re.compile(r"preDeployCommand|release")
RUNNERS = {
    "pyproject.toml": (
        *("tool.taskipy.tasks.*", "tool.poe.tasks.*", "tool.pdm.scripts.*", "tool.rye.scripts.*"),
        "tool.hatch.envs.*.scripts.*",
    ),
    "Pipfile": ("scripts.*",),
}
RECIPES = ("Makefile", "makefile", "justfile", "Justfile")


def hosted(tree: Tree) -> Iterator[Command]:
    """Yield the commands that hosting platforms run, those before a release under the name `release`."""
    for path in tree.named(*PLATFORMS):
        for key, name, text in _rows(tree, path, PLATFORMS[path.rpartition("/")[2]]):
            named = "release" if RELEASES.search(key) else name
            yield _command(tree, path, text, named, production=True)


def tasks(tree: Tree) -> Iterator[Command]:
    """Yield the commands of developers' task runners."""
    for path in tree.named(*RUNNERS):
        for _, _, text in _rows(tree, path, RUNNERS[path.rpartition("/")[2]]):
            yield _command(tree, path, text, "", production=False)
    for path in tree.named(*RECIPES):
        for line in (tree.text(path) or "").split("\n"):
            if line[:1].isspace() and line.strip():
                yield _command(tree, path, line.strip().lstrip("@-"), "", production=False)


def _command(tree: Tree, path: str, text: str, name: str, *, production: bool) -> Command:
    where = f"{path}:{line_of(tree.text(path) or '', text.split(chr(10))[0])}"
    return Command(text, where, (folder_of(path),), production, name)


def _rows(tree: Tree, path: str, keys: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Yield each command of a file: its key, the name of its row, and the text."""
    text = tree.text(path) or ""
    read = (
        parse_json if path.endswith(".json") else read_yaml if path.endswith(("yml", "yaml")) else parse_toml
    )
    data = read(text)
    for key in keys:
        for name, value in _values(data, key.split("."), ""):
            value = value.get("cmd") if isinstance(value, dict) else value
            words = " ".join(map(str, value)) if isinstance(value, list) else value
            if isinstance(words, str) and words:
                yield key, name, words


def _values(data: object, keys: list[str], name: str) -> Iterator[tuple[str, object]]:
    if not keys:
        yield name, data
    elif keys[0] != "*":
        if isinstance(data, dict) and keys[0] in data:
            yield from _values(data[keys[0]], keys[1:], name)
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _values(value, keys[1:], str(key))
    elif isinstance(data, list):
        for row in data:
            own = row.get("name") if isinstance(row, dict) else None
            yield from _values(row, keys[1:], str(own or "web"))
