"""Ask BuildKit what a Dockerfile takes: build arguments, secrets and SSH agents."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drydock import command, temporary
from drydock.build import builder as builders
from drydock.engine import Engine

KINDS = {"args": "build argument", "secrets": "build secret", "ssh": "SSH agent"}
# buildx 0.15 has the first form; older ones only try the second out.
FORMS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("--call", {}),
    ("--print", {"BUILDX_EXPERIMENTAL": "1"}),
)


@dataclass(frozen=True)
class Taken:
    kind: str  # one of `KINDS`' values
    name: str
    line: int
    default: str = ""
    required: bool = False
    description: str = ""  # the comment above an argument

    def __str__(self) -> str:
        need = "required" if self.required else f"default {self.default}" if self.default else "optional"
        return f"{self.name}, {need}" + (f": {self.description}" if self.description else "")


def outline(engine: Engine, dockerfile: Path) -> list[Taken] | str:
    """Return everything that a Dockerfile's last stage takes, or why BuildKit could not be asked.

    BuildKit looks up the base images, but builds nothing.
    """
    chosen = builders.find(engine)
    if chosen.podman:
        return "Podman has no outline"
    with temporary.folder("outline") as context:
        for option, more in FORMS:
            done = command.run(
                [
                    *("docker", "buildx", "build", f"{option}=outline,format=json"),
                    *(f"--file={dockerfile.resolve()}", str(context)),
                ],
                env={**chosen.environment, **more},
                check=False,
            )
            if f"unknown flag: {option}" not in done.stderr:
                break
        else:
            return "the buildx plugin has no outline"
    try:
        document: dict[str, Any] = json.loads(done.stdout)
        return [_taken(kind, row) for kind, name in KINDS.items() for row in document.get(kind) or ()]
    except (ValueError, KeyError, TypeError):
        return done.last


def _taken(kind: str, row: dict[str, Any]) -> Taken:
    line = row["location"]["ranges"][0]["start"]["line"]
    facts = (row.get("value") or "", bool(row.get("required")), row.get("description") or "")
    return Taken(KINDS[kind], row["name"], line, *facts)
