"""Render a compose file: the application, its migration, its database and its cache."""

import json
from pathlib import Path

from drydock.detect import examples
from drydock.recipe import backing, written
from drydock.recipe.backing import Backing
from drydock.recipe.blueprint import Blueprint
from drydock.recipe.templates import fill

PLACES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
# The name beside a compose file of the project.
BESIDE = "drydock.compose.yaml"
# For a database on this machine only, on a network of its own.
PASSWORD = "app"  # noqa: S105 - as above


def render(blueprint: Blueprint) -> dict[str, str]:
    """Return a project's compose file: text by path."""
    drivers = backing.names(blueprint.dependencies.requirements)
    wanted = backing.asked_for(blueprint.settings, drivers)
    needs = {one.name: "service_healthy" for one in wanted}
    volumes = {f"data{number}": folder for number, folder in enumerate(blueprint.storage.folders, 1)}
    path = place(blueprint.root)
    values = {
        "name": blueprint.image.rpartition("/")[2].lower(),
        "option": "" if path == PLACES[0] else f" -f {path}",
        "blueprint": blueprint,
        "environment": _environment(blueprint, wanted, drivers),
        "volumes": volumes,
        "needs": needs,
        "done": {**needs, **({"migration": "service_completed_successfully"} if blueprint.migrate else {})},
        "backings": wanted,
        "password": PASSWORD,
        "kept": [*volumes, *(one.name for one in wanted if one.data)],
        "quoted": json.dumps,
    }
    return {path: fill("compose.template", values)}


def place(root: Path) -> str:
    """Return the file's path; the project's own compose file remains the default one."""
    there = [path for name in PLACES if (path := root / name).is_file()]
    return PLACES[0] if all(written.is_ours(path) for path in there) else BESIDE


def _environment(blueprint: Blueprint, wanted: list[Backing], drivers: set[str]) -> dict[str, str]:
    """Return the values of the settings to set, each with an example for this machine."""
    led: dict[str, str] = {}
    for one in wanted:
        led |= backing.variables(one, blueprint.settings, drivers, one.name, PASSWORD)
    needed = [one for one in blueprint.settings if one.must_be_set and one.name not in led]
    asked = {one.name: f"${{{one.name}:-{_escaped(examples.example(one))}}}" for one in needed}
    return {**asked, **{name: _escaped(value) for name, value in led.items()}}


def _escaped(value: str) -> str:
    """Escape a value, so that compose finds no variable in it."""
    return value.replace("$", "$$")
