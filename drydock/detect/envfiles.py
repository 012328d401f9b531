"""Find the `.env` files that a program loads."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from drydock.detect.code import Startup
from drydock.detect.model import Found
from drydock.detect.settings import class_options
from drydock.detect.syntax import Module
from drydock.detect.tree import ancestors, join
from drydock.detect.values import Reader


def environment_files(startup: Startup, workdir: str) -> Iterator[Found[str]]:
    """Yield the `.env` files that the program loads, with what loads them."""
    tree = startup.code.tree
    for module in startup.modules:
        for statement in (statement for node in module.classes.values() for statement in node.body):
            value = (class_options(statement) or {}).get("env_file")
            yield from _named(module, statement, value, workdir, "pydantic's env_file")
        for site in module.calls:
            value = site.keyword("_env_file")
            yield from _named(module, site.node, value, workdir, "pydantic's _env_file")
            if site.tail in {"load_dotenv", "find_dotenv"} and not site.node.args:
                near = (join(above, ".env") for above in ancestors(module.path))
                yield from [Found(path, site.where, "python-dotenv") for path in near if tree.exists(path)][
                    :1
                ]
            elif site.name in {"starlette.config.Config", "dotenv.load_dotenv"}:
                yield from _named(module, site.node, site.argument(0, "env_file"), workdir, site.name)


def _named(
    module: Module, place: ast.AST, value: ast.expr | None, workdir: str, why: str
) -> Iterator[Found[str]]:
    for item in value.elts if isinstance(value, (ast.Tuple, ast.List)) else [value]:
        path = Reader(module).path(item)
        if path and path.path != "." and not path.path.startswith("/"):
            yield Found(path.path if path.beside_code else join(workdir, path.path), module.at(place), why)
