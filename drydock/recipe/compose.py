"""Render a compose file: the application, its migration, its database and its cache."""

from __future__ import annotations

import json
from collections.abc import Mapping

from drydock.detect import Setting, examples
from drydock.recipe import backing, written
from drydock.recipe.backing import Backing
from drydock.recipe.blueprint import Blueprint

PLACES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
# The name beside a compose file of the project.
BESIDE = "drydock.compose.yaml"
# For a database on this machine only, on a network of its own.
PASSWORD = "app"  # noqa: S105 - as above
HEAD = """\
# The application as its image is built, with all that it needs on one machine:
#   drydock build && docker compose{option} up
# Values come from the environment or from .env; those after :- are for this machine alone.
name: {name}

x-application: &application
  image: {image}:dev
  pull_policy: never
{environment}  read_only: true
  tmpfs: [/tmp]
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]
{volumes}
services:
  api:
    <<: *application
    ports: ["127.0.0.1:${{PORT:-{port}}}:{port}"]
    restart: unless-stopped
    # Its health check is the image's own.
{waits}"""
MIGRATION = """
  migration:
    <<: *application
    command: [migrate]
    restart: "no"
    healthcheck: {{disable: true}}
{waits}"""
WORKER = """
  {name}:
    <<: *application
    command: [{name}]
    restart: unless-stopped
    healthcheck: {{disable: true}}
{waits}"""
SERVICE = """
  {name}:
    image: {image}
    restart: unless-stopped
{environment}    healthcheck:
      test: {test}
      interval: 5s
      timeout: 3s
      retries: 12
      start_period: 30s
{volumes}"""


def render(blueprint: Blueprint) -> dict[str, str]:
    """Return a project's compose file: text by path."""
    drivers = backing.names(blueprint.dependencies.requirements)
    wanted = backing.asked_for(blueprint.settings, drivers)
    needs = {one.name: "service_healthy" for one in wanted}
    done = {"migration": "service_completed_successfully"} if blueprint.migrate else {}
    place = _place(blueprint)
    first = HEAD.format(
        name=blueprint.image.rpartition("/")[2].lower(),
        option="" if place == PLACES[0] else f" -f {place}",
        image=blueprint.image,
        environment=_mapping("environment", _environment(blueprint, wanted, drivers), 2),
        volumes=_list("volumes", _volumes(blueprint), 2),
        port=blueprint.port,
        waits=_waits({**needs, **done}),
    )
    parts = [first]
    if blueprint.migrate:
        parts.append(MIGRATION.format(waits=_waits(needs)))
    parts += [WORKER.format(name=name, waits=_waits({**needs, **done})) for name in blueprint.workers]
    parts += [_service(one) for one in wanted]
    kept = [*(f"data{number}" for number, _ in enumerate(blueprint.storage.folders, 1))]
    kept += [one.name for one in wanted if one.data]
    volumes = "\nvolumes:\n" + "".join(f"  {name}: {{}}\n" for name in kept) if kept else ""
    return {place: "".join(parts) + volumes}


def _place(blueprint: Blueprint) -> str:
    """Return the file's path; the project's own compose file remains the default one."""
    there = [path for name in PLACES if (path := blueprint.root / name).is_file()]
    return PLACES[0] if all(written.is_ours(path) for path in there) else BESIDE


def _environment(blueprint: Blueprint, wanted: list[Backing], drivers: set[str]) -> dict[str, str]:
    """Return the values of the settings to set, each with an example for this machine."""
    led: dict[str, str] = {}
    for one in wanted:
        led |= backing.variables(one, blueprint.settings, drivers, one.name, PASSWORD)
    needed = [one for one in blueprint.settings if _is_given(one) and one.name not in led]
    asked = {one.name: f"${{{one.name}:-{_escaped(examples.example(one))}}}" for one in needed}
    return {**asked, **{name: _escaped(value) for name, value in led.items()}}


def _is_given(setting: Setting) -> bool:
    return setting.required or (setting.kind == "secret" and bool(setting.default))


def _escaped(value: str) -> str:
    """Escape a value, so that compose finds no variable in it."""
    return value.replace("$", "$$")


def _volumes(blueprint: Blueprint) -> list[str]:
    return [f"data{number}:{folder}" for number, folder in enumerate(blueprint.storage.folders, 1)]


def _waits(needs: Mapping[str, str]) -> str:
    if not needs:
        return ""
    rows = "".join(f"      {name}: {{condition: {condition}}}\n" for name, condition in needs.items())
    return f"    depends_on:\n{rows}"


def _service(one: Backing) -> str:
    return SERVICE.format(
        name=one.name,
        image=one.image,
        environment=_mapping("environment", backing.environment(one, PASSWORD), 4),
        test=json.dumps(["CMD", *one.health]),
        volumes=_list("volumes", [f"{one.name}:{one.data}"] if one.data else [], 4),
    )


def _mapping(key: str, values: Mapping[str, str], indent: int) -> str:
    space = " " * indent
    rows = "".join(f"{space}  {name}: {json.dumps(value)}\n" for name, value in values.items())
    return f"{space}{key}:\n{rows}" if rows else ""


def _list(key: str, values: list[str], indent: int) -> str:
    space = " " * indent
    return f"{space}{key}:\n" + "".join(f"{space}  - {value}\n" for value in values) if values else ""
