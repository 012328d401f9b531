"""Find the `.env` files that a program loads."""

from __future__ import annotations

import ast

from drydock.detect.code import Code, Startup
from drydock.detect.model import Found
from drydock.detect.settings import class_options
from drydock.detect.syntax import Module, argument, keyword
from drydock.detect.tree import ancestors, join
from drydock.detect.values import path_of


def environment_files(code: Code, startup: Startup, workdir: str) -> tuple[Found[str], ...]:
    """Return the `.env` files that the program loads, with what loads them."""
    found: dict[str, Found[str]] = {}

    def add(path: str, where: str, why: str) -> None:
        found.setdefault(path, Found(path, where, why))

    for module in startup.modules:
        for node in module.classes.values():
            for statement in node.body:
                options = class_options(statement) or {}
                for path in _paths(code, module, options.get("env_file"), workdir):
                    add(path, module.at(statement), "pydantic's env_file")
        for site in module.calls:
            for path in _paths(code, module, keyword(site.node, "_env_file"), workdir):
                add(path, module.at(site.node), "pydantic's _env_file")
            name = site.name.rpartition(".")[2]
            if name in {"load_dotenv", "find_dotenv"} and not site.node.args:
                near = next((p for a in ancestors(module.path) if code.tree.exists(p := join(a, ".env"))), "")
                if near:
                    add(near, module.at(site.node), "python-dotenv")
            elif site.name in {"starlette.config.Config", "dotenv.load_dotenv"}:
                for path in _paths(code, module, argument(site.node, 0, "env_file"), workdir):
                    add(path, module.at(site.node), site.name)
    return tuple(found.values())


def _paths(code: Code, module: Module, node: ast.expr | None, workdir: str) -> list[str]:
    items = list(node.elts) if isinstance(node, (ast.Tuple, ast.List)) else [node]
    paths = (path_of(code, module, item) for item in items)
    own = (p for p in paths if p and p.path != "." and not p.path.startswith("/"))
    return [p.path if p.beside_code else join(workdir, p.path) for p in own]
