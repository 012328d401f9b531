"""Read Procfiles and the files of hosting platforms: how a project is started, released and checked there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from drydock.detect.commands import Command, number
from drydock.detect.model import Found
from drydock.detect.tree import Tree, folder_of, join, line_of, parse_json, parse_toml, parse_yaml, strings
from drydock.toml import table

PROCESS = re.compile(r"^([\w-]+)[ \t]*:[ \t]*(\S.*)$", re.MULTILINE)
CHANGES_FOLDER = re.compile(r"cd\s+([\w./-]+)\s*&&\s*(.+)", re.DOTALL)


@dataclass(frozen=True)
class Hosted:
    """One service of a platform."""

    folder: str
    commands: tuple[Command, ...]  # `web`, `release`, and others by their own names
    check: Found[str] | None  # the path that the platform asks
    port: Found[int] | None

    def named(self, name: str) -> list[Command]:
        return [command for command in self.commands if command.name == name]


class _Told(NamedTuple):
    """A service as a file tells it; anything but texts and numbers tells nothing."""

    commands: Mapping[str, object]
    folder: object = None
    check: object = None
    port: object = None


def hosted(tree: Tree) -> list[Hosted]:
    """Return the services in all files of hosting platforms."""
    found = []
    for name, read in READERS.items():
        for path in tree.named(name):
            text = tree.text(path) or ""
            found += [_hosted(path, text, told, name != "Procfile") for told in read(text)]
    return found


def _hosted(path: str, text: str, told: _Told, platform: bool) -> Hosted:
    def place(value: object) -> str:
        return f"{path}:{line_of(text, str(value))}"

    # App Platform's .do/app.yaml is about the folder above.
    root = folder_of(folder_of(path)) if path.endswith(".do/app.yaml") else folder_of(path)
    folder = join(root, told.folder.strip("/") if isinstance(told.folder, str) else ".")
    commands = []
    for name, line in told.commands.items():
        if isinstance(line, str) and line.strip():
            changed = CHANGES_FOLDER.match(line.strip())
            inner, rest = (join(folder, changed[1]), changed[2]) if changed else (folder, line.strip())
            plain = re.sub(r"[^\w-]+", "-", name)
            commands.append(Command(rest, place(line), (inner,), True, plain, hosted=platform))
    check = told.check if isinstance(told.check, str) and told.check.startswith("/") else None
    port = number(str(told.port))
    return Hosted(
        folder,
        tuple(commands),
        Found(check, place(check)) if check else None,
        Found(port, place(told.port)) if port else None,
    )


def _procfile(text: str) -> Iterator[_Told]:
    yield _Told(dict(PROCESS.findall(text)))


def _fly(text: str) -> Iterator[_Told]:
    told = parse_toml(text)
    commands = {"web" if name == "app" else name: line for name, line in table(told, "processes").items()}
    services = [table(told, "http_service"), *_tables(told.get("services"))]
    checks = [told.get("checks"), *(one.get(key) for one in services for key in ("checks", "http_checks"))]
    path = _first((check for one in checks for check in _tables(one)), "path")
    release = table(told, "deploy").get("release_command")
    yield _Told({**commands, "release": release}, check=path, port=_first(services, "internal_port"))


def _render(text: str) -> Iterator[_Told]:
    for one in _tables(parse_yaml(text).get("services")):
        name = "web" if one.get("type") == "web" else str(one.get("name"))
        commands = {
            name: one.get("startCommand") or one.get("dockerCommand"),
            "release": one.get("preDeployCommand"),
        }
        port = _first((v for v in _tables(one.get("envVars")) if v.get("key") == "PORT"), "value")
        yield _Told(commands, one.get("rootDir"), one.get("healthCheckPath"), port)


def _railway(text: str) -> Iterator[_Told]:
    told = table(parse_toml(text) or parse_json(text), "deploy")
    release = told.get("preDeployCommand")
    commands = {"web": told.get("startCommand"), "release": " && ".join(strings(release)) or release}
    yield _Told(commands, check=told.get("healthcheckPath"))


def _nixpacks(text: str) -> Iterator[_Told]:
    yield _Told({"web": table(parse_toml(text), "start").get("cmd")})


def _heroku(text: str) -> Iterator[_Told]:
    told = parse_yaml(text)
    yield _Told({**table(told, "run"), "release": table(told, "release").get("command")})


def _app(text: str) -> Iterator[_Told]:
    """Read App Engine's file, or that of App Platform, which has the same name."""
    told = parse_yaml(text)
    yield _Told({"web": told.get("entrypoint")})
    for kind in ("services", "workers"):
        for one in _tables(told.get(kind)):
            name = "web" if kind == "services" else str(one.get("name"))
            yield _Told({name: one.get("run_command")}, one.get("source_dir"), port=one.get("http_port"))


def _app_runner(text: str) -> Iterator[_Told]:
    run = table(parse_yaml(text), "run")
    yield _Told({"web": run.get("command")}, port=table(run, "network").get("port"))


def _cloud_foundry(text: str) -> Iterator[_Told]:
    for one in _tables(parse_yaml(text).get("applications")):
        yield _Told({"web": one.get("command")}, check=one.get("health-check-http-endpoint"))


def _tables(value: object) -> list[dict[str, Any]]:
    """Return the tables of a list, or of a table of tables."""
    inner = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    return [one for one in inner if isinstance(one, dict)]


def _first(tables: Iterable[Mapping[str, object]], key: str) -> object:
    return next((one[key] for one in tables if one.get(key)), None)


READERS: Mapping[str, Callable[[str], Iterable[_Told]]] = {
    "Procfile": _procfile,
    "fly.toml": _fly,
    "render.yaml": _render,
    "railway.toml": _railway,
    "railway.json": _railway,
    "nixpacks.toml": _nixpacks,
    "heroku.yml": _heroku,
    "app.yaml": _app,
    "apprunner.yaml": _app_runner,
    "manifest.yml": _cloud_foundry,
}
