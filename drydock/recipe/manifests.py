"""Render a project's Kubernetes manifests: plain files for kustomize, usable without drydock."""

import json
import re
from pathlib import Path

from drydock.detect import examples
from drydock.recipe.blueprint import Blueprint
from drydock.recipe.templates import fill

FOLDER = "deploy/kubernetes"
TEMPLATES = Path(__file__).parent / "kubernetes"
WORKER = "worker.yaml"


def render(blueprint: Blueprint) -> dict[str, str]:
    """Return a project's manifests: text by path."""
    folders = blueprint.storage.folders
    listed = [setting for setting in blueprint.settings if setting.must_be_set]
    secrets = [setting for setting in listed if setting.kind == "secret"]
    plain = [setting for setting in listed if setting.kind == "plain"]
    values = {
        "name": kubernetes_name(blueprint.image),
        "blueprint": blueprint,
        "many": blueprint.replicas > 1,
        # A pod with a volume migrates at its start, any other is preceded by a Job.
        "migrates": blueprint.migrate and folders,
        "job": blueprint.migrate and not folders,
        "live": _probe(blueprint.health_path, blueprint.host),
        "ready": _probe(blueprint.ready_path, blueprint.host),
        "folders": folders,
        "secrets": secrets,
        "plain": plain,
        "placeholder": examples.PLACEHOLDER,
        "example": examples.example,
        "quoted": json.dumps,
    }
    names = (path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.*"))
    files = {name: fill(f"{TEMPLATES.name}/{name}", values) for name in names if name != WORKER}
    for worker in blueprint.workers:
        text = fill(f"{TEMPLATES.name}/{WORKER}", {**values, "worker": worker})
        files[f"base/worker-{worker}.yaml"] = text
    # The template of a file that the project does not need gives no text.
    return {f"{FOLDER}/{name}": text for name, text in sorted(files.items()) if text}


def places(root: Path) -> list[str]:
    """Return the files in a project's folder of manifests."""
    return [path.relative_to(root).as_posix() for path in (root / FOLDER).rglob("*.*")]


def kubernetes_name(image: str) -> str:
    """Convert an image's name to a Kubernetes name: lower case, digits and dashes, at most 63."""
    name = re.sub(r"[^a-z0-9]+", "-", image.rpartition("/")[2].lower()).strip("-")
    return (name if name[:1].isalpha() else f"app-{name}")[:63].rstrip("-")


def _probe(path: str, host: str) -> str:
    if not path:
        return "tcpSocket: {port: http}"
    headers = f", httpHeaders: [{{name: Host, value: {json.dumps(host)}}}]" if host else ""
    return f"httpGet: {{path: {json.dumps(path)}, port: http{headers}}}"
