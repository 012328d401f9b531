"""Ask the application, in a container of its image, to judge its settings in the manifests."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from drydock import temporary
from drydock.deploy import manifests
from drydock.deploy.manifests import Manifest
from drydock.engine import Engine
from drydock.engine.runtime import Run, started
from drydock.gates.expectations.findings import CouldNotAskError
from drydock.gates.kubernetes.finding import Expectations

GATE = "kubernetes"
EX_CONFIG = 78
# Prints every setting: its name, default, description, example, and whether it may come from a file.
LIST = """
import importlib, json, sys, typing
from pydantic import SecretStr
module, _, name = sys.argv[1].partition(":")
fields = getattr(importlib.import_module(module), name).model_fields.values()
shown = lambda value: value if isinstance(value, (str, int, float, bool, type(None))) else (
    ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value))
print(json.dumps([{
    "name": str(field.validation_alias),
    "default": shown(field.default),
    "description": field.description or "",
    "example": shown(field.examples[0]) if field.examples else None,
    "secret": SecretStr in (field.annotation, *typing.get_args(field.annotation)),
} for field in fields]))
"""


def ask(engine: Engine, run: Run) -> tuple[int, str]:
    with started(engine, run) as running:
        code = int(running.container.wait()["StatusCode"])
        return code, running.container.logs().decode("utf-8", "replace")


def settings(engine: Engine, image: str, reference: str) -> list[dict[str, Any]]:
    """Return every setting that the application reads."""
    code, output = ask(engine, Run(image, command=["python3", "-c", LIST, reference], owner=GATE))
    if code != 0:
        raise CouldNotAskError(f"{reference} cannot be read in {image}: {output.strip()[-300:]}")
    listed: list[dict[str, Any]] = json.loads(output.strip().splitlines()[-1])
    return listed


def names(listed: Sequence[Mapping[str, Any]], expectations: Expectations) -> frozenset[str]:
    """Return every variable that the application and its start script read."""
    files = [f"{row['name']}_FILE" for row in listed if row["secret"]]
    return frozenset([*(row["name"] for row in listed), *files, *expectations.start_script])


def problems(
    engine: Engine,
    image: str,
    wanted: Sequence[Manifest],
    container: tuple[Manifest, Mapping[str, Any]],
    samples: Mapping[str, Mapping[str, str]],
) -> list[str]:
    """Return the start-up check's errors about one container's settings and secret files."""
    workload, described = container
    brought = (one for one in wanted if one.kind == "Secret")
    secrets = dict(samples) | {one.name: one.content.get("stringData", {}) for one in brought}
    volumes = {volume["name"]: volume for volume in workload.pod.get("volumes", [])}
    with temporary.folder("secrets") as folder:
        mounts = {}
        for mount in described.get("volumeMounts", []):
            secret = volumes.get(mount["name"], {}).get("secret")
            if secret is None:
                continue
            below = folder / str(mount["name"])
            below.mkdir(mode=0o755)
            for key, value in secrets.get(secret["secretName"], {}).items():
                (below / key).write_text(str(value), encoding="utf-8")
            mounts[str(mount["mountPath"])] = str(below)
        folder.chmod(0o755)
        variables = manifests.environment(described, wanted)
        run = Run(image, command=["check"], environment=variables, mounts=mounts, owner=GATE)
        code, output = ask(engine, run)
    if code == 0:
        return []
    lines = [line.removeprefix("error: ") for line in output.splitlines() if line.startswith("error: ")]
    if code != EX_CONFIG or not lines:
        raise CouldNotAskError(f"the start-up check of {image} exited with {code}: {output.strip()[-300:]}")
    return lines
