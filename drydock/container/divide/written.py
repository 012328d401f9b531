"""The image's files that follow from the build's arguments: serve.json, import path, accounts, starters."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

SERVE = Path("opt/image/serve.json")
ENVIRONMENT = Path("/opt/venv")
HOME = "/tmp"  # noqa: S108 - the image's own


def write(tree: Path, arguments: Mapping[str, str]) -> None:
    """Write these files into a tree, the root file system's upper layers."""
    [packages] = ENVIRONMENT.glob("lib/python3*/site-packages")
    texts = {
        SERVE: json.dumps(served(arguments), indent=2) + "\n",
        packages.relative_to("/") / "_application.pth": import_line(arguments["APP_PATH"].split(":")),
        Path("etc/passwd"): with_user(Path("/etc/passwd").read_text(), arguments["UID"], arguments["GID"]),
        Path("etc/group"): with_group(Path("/etc/group").read_text(), arguments["GID"]),
    }
    for path, text in texts.items():
        place = tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    for name, function in json.loads(arguments.get("APP_SCRIPTS") or "{}").items():
        place = tree / ENVIRONMENT.relative_to("/") / "bin" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(starter(function))
        place.chmod(0o755)


def served(arguments: Mapping[str, str]) -> dict[str, object]:
    """Return serve.json's content, which start script and probe read."""
    return {
        "application": arguments["APP_ENTRY_POINT"],
        "factory": arguments["APP_FACTORY"] == "1",
        "path": arguments["APP_PATH"].split(":"),
        "workdir": arguments["APP_WORKDIR"],
        "logging": arguments["APP_LOGGING"] == "1",
        "settings_check": arguments["APP_SETTINGS_CHECK"],
        "migrate": arguments["APP_MIGRATE"],
        "commands": json.loads(arguments.get("APP_COMMANDS") or "{}"),
        "port": int(arguments["PORT"]),
        "health_path": arguments["HEALTH_PATH"],
        "health_host": arguments.get("HEALTH_HOST", ""),
        "options": options(arguments.get("APP_OPTIONS", "")),
    }


def starter(function: str) -> str:
    """Return the console script that an installer makes for a function such as `shop.cli:main`."""
    module, _, name = function.partition(":")
    first = name.partition(".")[0]
    return f"#!{ENVIRONMENT}/bin/python3\nimport sys\nfrom {module} import {first}\nsys.exit({name}())\n"


def options(command: str) -> dict[str, str]:
    """Parse options of uvicorn's command line: `--root-path /shop` becomes root_path, /shop."""
    found: dict[str, str] = {}
    words = [
        part
        for word in shlex.split(command)
        for part in (word.split("=", 1) if word.startswith("--") else [word])
    ]
    for word, following in zip(words, [*words[1:], "--"]):  # noqa: B905 - 3.9 lacks it
        if word.startswith("--"):
            name = word[2:].replace("-", "_")
            switch = following.startswith("--")
            found[name.removeprefix("no_") if switch else name] = (
                ("0" if name.startswith("no_") else "1") if switch else following
            )
    return found


def import_line(folders: list[str]) -> str:
    """Return the line of a .pth file that makes the application importable from any folder.

    It inserts the folders where PYTHONPATH would: after PYTHONPATH's own, before the standard library, whose
    archive comes first.
    """
    archive = f"{sys.base_prefix}/{sys.platlibdir}/python{sys.version_info.major}{sys.version_info.minor}.zip"
    place = f"sys.path.index({archive!r}) if {archive!r} in sys.path else 0"
    return f"import sys; _n = {place}; sys.path[_n:_n] = [] if {folders[0]!r} in sys.path else {folders!r}\n"


def with_user(accounts: str, user: str, group: str) -> str:
    """Add the image's user to the base's accounts; /tmp is the only home that it can write to."""
    kept = [line for line in accounts.splitlines() if line.split(":")[2:3] != [user]]
    return "".join(f"{line}\n" for line in [*kept, f"app:x:{user}:{group}:app:{HOME}:/usr/sbin/nologin"])


def with_group(groups: str, group: str) -> str:
    known = any(line.split(":")[2:3] == [group] for line in groups.splitlines())
    return groups if known else f"{groups.rstrip()}\napp:x:{group}:\n"
