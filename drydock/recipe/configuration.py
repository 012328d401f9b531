"""Write what was found as `[tool.drydock]`: a person can change it, and nothing is looked for twice."""

from __future__ import annotations

from collections.abc import Iterable

from drydock.detect import examples
from drydock.recipe.blueprint import Blueprint

HEAD = (
    "# How drydock builds and runs this project; each value says where it was found. Change what is wrong.\n"
)


def render(blueprint: Blueprint, table: str) -> str:
    """Return the configuration of a project.

    Args:
        blueprint: What was decided.
        table: `[tool.drydock]` in a pyproject.toml; empty in a drydock.toml, whose keys stand at its top.
    """
    prefix = f"{table[1:-1]}." if table else ""
    lines = [HEAD.rstrip(), *([table] if table else [])]
    for key, value in values(blueprint).items():
        where = blueprint.origins.get(key, "")
        lines.append(f"{key} = {toml(value)}" + (f"  # {_comment(where)}" if where else ""))
    needed = [setting for setting in blueprint.settings if setting.required]
    if needed:
        lines += [
            "",
            "# What the application asks for when it is imported: examples, for a look on this machine.",
            f"[{prefix}development.environment]",
            *(f"{setting.name} = {toml(examples.example(setting))}" for setting in needed),
        ]
    return "\n".join([*lines, ""])


def values(blueprint: Blueprint) -> dict[str, object]:
    """Return the options to write, by key."""
    found: dict[str, object] = {
        "source": blueprint.source,
        "image": blueprint.image,
        "entry-point": blueprint.entry_point,
        "factory": blueprint.factory,
        "python": blueprint.python,
        "python-also": list(blueprint.python_also),
        "port": blueprint.port,
        "health-path": blueprint.health_path,
        "ready-path": blueprint.ready_path,
        "lock": blueprint.lock,
    }
    if blueprint.extra_files:
        found["extra-files"] = list(blueprint.extra_files)
    if blueprint.system_run:
        found["system-packages"] = _packages(blueprint, blueprint.system_run)
    # What a Dockerfile alone names is known no more once init has replaced that Dockerfile.
    if blueprint.system_doubtful.intersection(blueprint.system_build):
        found["build-packages"] = _packages(blueprint, blueprint.system_build)
    return found


def _packages(blueprint: Blueprint, names: Iterable[str]) -> str:
    return " ".join(f"{name}?" if name in blueprint.system_doubtful else name for name in names)


def toml(value: object) -> str:
    """Return a value as TOML writes it: a boolean, a number, a text, or a list of these."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _comment(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
