"""A kubectl without a cluster: it renders as the real one does, and keeps what is applied in a file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from drydock.deploy import kubectl as clusters
from drydock.deploy import manifests
from drydock.deploy.manifests import Manifest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """\
#!{python}
import sys
sys.path.insert(0, {root!r})
from tests.support import kubectl
kubectl.main(sys.argv[1:], {real!r}, {kept!r})
"""
PLACE = {"current-context": "double", "clusters": [{"cluster": {"server": "https://double.example"}}]}
# The state of a workload that runs as described.
RUNS = {"observedGeneration": 1, "conditions": [{"type": "Complete", "status": "True"}]}
COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")


def put(folder: Path, kept: Path) -> None:
    """Write the program `kubectl` into a folder; applied objects go to the file `kept`."""
    program = folder / "kubectl"
    real = str(clusters.find())
    program.write_text(SCRIPT.format(python=sys.executable, root=str(ROOT), real=real, kept=str(kept)))
    program.chmod(0o755)


def main(words: list[str], real: str, kept: str) -> None:
    """Answer one command line."""
    if words[0] == "kustomize" or "--client" in words:
        os.execv(real, [real, *words])  # noqa: S606 - it has no need of a shell
    place = Path(kept)
    objects: dict[str, Any] = json.loads(place.read_text()) if place.is_file() else {}
    if words[0] == "apply" and "--dry-run=server" in words:
        _print({"items": list(_given())})
    elif words[0] == "apply":
        objects |= {Manifest(one).title: _running(one) for one in _given()}
    elif words[0] == "delete":
        objects.pop(words[1], None)
    elif words[0] == "get" and "/" in words[1]:
        if words[1] in objects:
            _print(objects[words[1]])
    elif words[0] == "get":
        _print({"items": list(objects.values())})
    else:
        _print(PLACE if words[0] == "config" else {"serverVersion": {"gitVersion": "v1.33.0"}})
    place.write_text(json.dumps(objects))


def _given() -> Iterable[Mapping[str, Any]]:
    return (one.content for one in manifests.parse(sys.stdin.read()))


def _running(one: Mapping[str, Any]) -> dict[str, Any]:
    wanted = one.get("spec", {}).get("replicas", 1)
    revision = {"deployment.kubernetes.io/revision": "1"}
    annotations = one["metadata"].get("annotations", {}) | revision
    metadata = {**one["metadata"], "generation": 1, "annotations": annotations}
    for port in one["spec"]["ports"] if one.get("spec", {}).get("type") == "NodePort" else ():
        port.setdefault("nodePort", 30080)  # as a cluster chooses one
    return {**one, "metadata": metadata, "status": RUNS | dict.fromkeys(COUNTS, wanted)}


def _print(content: object) -> None:
    sys.stdout.write(json.dumps(content))
