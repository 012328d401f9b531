"""Read gunicorn's configuration file as options of its command line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from drydock.detect.code import Code
from drydock.detect.commands import Options
from drydock.detect.syntax import Module, is_true
from drydock.detect.tree import join
from drydock.detect.values import Reader

USUAL = "gunicorn.conf.py"
OPTION = re.compile(r"^(?:-c|--config)[= ]?(?:file:)?(?P<path>\S+)$")
# Settings whose option has another name, and the others that change how a server runs.
RENAMED = {
    "keepalive": "keep-alive",
    "loglevel": "log-level",
    "accesslog": "access-logfile",
    "raw_env": "env",
    "logconfig": "log-config",
    "preload_app": "preload",
}
SAME = frozenset(
    {"bind", "workers", "worker_class", "worker_connections", "threads", "timeout", "graceful_timeout"}
    | {"max_requests", "max_requests_jitter", "backlog", "forwarded_allow_ips", "limit_request_line"}
    | {"limit_request_fields", "limit_request_field_size", "chdir", "keyfile", "certfile"}
    | {"logconfig_dict", "access_log_format"}
)
HOOK = re.compile(r"^(on_\w+|when_ready|(pre|post)_\w+|child_exit|worker_(int|abort|exit))$")


def with_settings(code: Code, given: Options, folder: str) -> Options:
    """Return a command's options with those of its configuration file in place of the file's name.

    One that the command gives wins.
    """
    named = _name(given)
    module = code.module(join(folder, named))
    if module is None:
        return given
    own = [(name, text) for name, text in given if not OPTION.match(text)]
    hooks = [(name, f"{name}() of {named}") for name in module.functions if HOOK.match(name)]
    return (*own, *(one for one in _settings(module) if one[0] not in dict(own)), *hooks)


def application(code: Code, given: Options, folder: str) -> str:
    """Return the `module:name` in a command's configuration file, `""` if it names none."""
    module = code.module(join(folder, _name(given)))
    binding = module.bound("wsgi_app") if module else None
    return (Reader(module).text(binding.value) or "") if module and binding else ""


def _name(given: Options) -> str:
    return next((m["path"] for _, text in given if (m := OPTION.match(text))), USUAL)


def _settings(module: Module) -> Iterator[tuple[str, str]]:
    for binding in module.bindings:
        known = binding.name in RENAMED or binding.name in SAME
        off = any(is_true(binding.value, value) for value in (None, False))
        empty = off or not getattr(binding.value, "elts", True)
        if known and not empty and not binding.scope.function:
            name = f"--{RENAMED.get(binding.name, binding.name.replace('_', '-'))}"
            value = binding.value.elts[0] if isinstance(binding.value, ast.List) else binding.value
            yield name, name if is_true(value) else f"{name} {Reader(module).shown(value)}"
