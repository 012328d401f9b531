"""Render a project's Kubernetes manifests: plain files for kustomize, usable without drydock."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Template

from drydock.detect import Setting, examples
from drydock.recipe.blueprint import Blueprint

FOLDER = "deploy/kubernetes"
TEMPLATES = Path(__file__).parent / "kubernetes"
ROLLING = """\
  # A new pod is ready before an old one goes: no request meets a missing pod.
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}"""
RECREATE = """\
  # Two pods at once would write the same files: the old one ends before the new one starts.
  strategy:
    type: Recreate"""
PROBES = """\
          # Start-up: a minute to answer at all. Liveness: a process that hangs for half a minute is
          # restarted. Readiness: a pod that cannot serve gets no requests.
          startupProbe:
            {live}
            periodSeconds: 2
            timeoutSeconds: 2
            failureThreshold: 30
          livenessProbe:
            {live}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          readinessProbe:
            {ready}
            periodSeconds: 5
            timeoutSeconds: 4
            failureThreshold: 1"""
ENVIRONMENT_SOURCE = """\
            - secretRef:
                name: {name}
"""
MIGRATES = """\
          env:
            # Its data may be on the volume, which only this pod has: it migrates when it starts.
            - {name: RUN_MIGRATIONS, value: "1"}
"""
WITHOUT_REPLICAS = """\
  # The autoscaler sets the number of replicas; a number here would set it back with every deployment.
  - target: {{kind: Deployment, name: {name}}}
    patch: |
      - op: remove
        path: /spec/replicas
"""
IGNORE = """
[[ignore]]
check = "{check}"
reason = "{reason}"
"""
FROM_ENVIRONMENT = "the application reads its settings from the environment, not from files"
LOG_LEVEL = "a log level is found suspicious; what looks like a secret stands in the Secret"
UNASKED = "a worker answers no requests, so no probe can ask it"
ONE_PATH = "the application has one health route, and that asks for no more than the process"
UNKEPT = """\
  # Made by whoever keeps secrets: applying the placeholders would overwrite it.
  - target: {{kind: Secret, name: {name}}}
    patch: |
      $patch: delete
      apiVersion: v1
      kind: Secret
      metadata:
        name: {name}
"""


def render(blueprint: Blueprint) -> dict[str, str]:
    """Return a project's manifests: text by path."""
    name = kubernetes_name(blueprint.image)
    secrets = [setting for setting in blueprint.settings if _is_listed(setting) and setting.kind == "secret"]
    plain = [setting for setting in blueprint.settings if _is_listed(setting) and setting.kind == "plain"]
    many = blueprint.replicas > 1
    left_out = {"base/storage.yaml"} if not blueprint.storage.folders else set()
    if not _has_job(blueprint):
        left_out |= {"base/migration.yaml"}
    if not secrets:
        left_out |= {"base/secret.yaml", "overlays/local/secret.yaml"}
    if not many:
        scaled = ("autoscaler", "disruption-budget", "spread")
        left_out |= {f"overlays/production/{part}.yaml" for part in scaled}
    common = {"name": name, "image": blueprint.image, "port": str(blueprint.port)}
    by_file: dict[str, dict[str, str]] = {
        "base/kustomization.yaml": {
            "resources": _resources(
                "secret" if secrets else "",
                "storage" if blueprint.storage.folders else "",
                "migration" if _has_job(blueprint) else "",
                *(f"worker-{worker}" for worker in blueprint.workers),
            )
        },
        "base/secret.yaml": {"secrets": _data(secrets, placeholder=True)},
        "base/settings.env": {"settings": _environment(plain, placeholder=True)},
        "base/deployment.yaml": _deployment(blueprint, name, has_secret=bool(secrets)),
        "base/migration.yaml": {"secret_reference": ENVIRONMENT_SOURCE.format(name=name) if secrets else ""},
        "overlays/local/kustomization.yaml": {"secret_patch": "  - path: secret.yaml\n" if secrets else ""},
        "overlays/local/secret.yaml": {"secrets": _data(secrets, placeholder=False)},
        "overlays/local/settings.env": {"settings": _environment(plain, placeholder=False)},
        "gate.toml": {"ignores": _ignores(blueprint, plain, has_secret=bool(secrets))},
        "overlays/production/kustomization.yaml": {
            "resources": _resources(*(("autoscaler", "disruption-budget") if many else ())),
            "patches": _production_patches(name, many=many, has_secret=bool(secrets)),
        },
    }
    sources = {path.relative_to(TEMPLATES).as_posix(): path for path in sorted(TEMPLATES.rglob("*.*"))}
    template = sources.pop("worker.yaml")
    for worker in blueprint.workers:
        place = f"base/worker-{worker}.yaml"
        sources[place] = template
        by_file[place] = {"worker": worker, **by_file["base/deployment.yaml"]}
    found = {}
    for relative, path in sources.items():
        if relative not in left_out:
            text = Template(path.read_text(encoding="utf-8")).substitute(common | by_file.get(relative, {}))
            # An empty part leaves an empty line, which YAML files here do not have.
            blank = r"\n{3,}" if relative.endswith(".toml") else r"\n{2,}"
            found[f"{FOLDER}/{relative}"] = re.sub(blank, "\n", text).rstrip("\n") + "\n"
    return found


def kubernetes_name(image: str) -> str:
    """Convert an image's name to a Kubernetes name: lower case, digits and dashes, at most 63."""
    name = re.sub(r"[^a-z0-9]+", "-", image.rpartition("/")[2].lower()).strip("-")
    return (name if name[:1].isalpha() else f"app-{name}")[:63].rstrip("-")


def _has_job(blueprint: Blueprint) -> bool:
    """Tell whether a Job migrates the database; a pod with a volume migrates at its start."""
    return bool(blueprint.migrate) and not blueprint.storage.folders


def _is_listed(setting: Setting) -> bool:
    """Tell whether a user must set it: it is required, or a secret with a default."""
    return setting.required or (setting.kind == "secret" and bool(setting.default))


def _deployment(blueprint: Blueprint, name: str, *, has_secret: bool) -> dict[str, str]:
    storage = blueprint.storage
    claim = f"        - name: storage\n          persistentVolumeClaim: {{claimName: {name}}}"
    parts = {folder: folder.strip("/").replace("/", "-") for folder in storage.folders}
    mounts = [
        f"            - {{name: storage, mountPath: {folder}, subPath: {part}}}\n"
        for folder, part in parts.items()
    ]
    read_only = "            readOnlyRootFilesystem: true"
    if storage.opened:
        read_only = (
            f"            # It writes beside its code, in {', '.join(storage.opened)}, at a path that is\n"
            "            # worked out at run time: point that path to a volume, and then make this true.\n"
            "            readOnlyRootFilesystem: false"
        )
    live = _probe(blueprint.health_path, blueprint.host)
    return {
        "replicas": f"  replicas: {blueprint.replicas}",
        "strategy": ROLLING if blueprint.replicas > 1 else RECREATE,
        "secret_reference": ENVIRONMENT_SOURCE.format(name=name) if has_secret else "",
        "migrations": MIGRATES if blueprint.migrate and storage.folders else "",
        "probes": PROBES.format(live=live, ready=_probe(blueprint.ready_path, blueprint.host)),
        "root_file_system": read_only,
        "mounts": "".join(mounts),
        "volumes": claim if storage.folders else "",
    }


def _probe(path: str, host: str) -> str:
    if not path:
        return "tcpSocket: {port: http}"
    headers = f", httpHeaders: [{{name: Host, value: {json.dumps(host)}}}]" if host else ""
    return f"httpGet: {{path: {json.dumps(path)}, port: http{headers}}}"


def _resources(*names: str) -> str:
    return "".join(f"  - {name}.yaml\n" for name in names if name)


def _ignores(blueprint: Blueprint, plain: list[Setting], *, has_secret: bool) -> str:
    found = {"CKV_K8S_35": FROM_ENVIRONMENT, "environment": FROM_ENVIRONMENT} if has_secret else {}
    if blueprint.health_path and blueprint.health_path == blueprint.ready_path:
        found["probes"] = ONE_PATH
    if blueprint.workers:
        found |= dict.fromkeys(("probes", "CKV_K8S_8", "CKV_K8S_9"), UNASKED)
    if any("LOG" in setting.name for setting in plain):
        found["KSV-01010"] = LOG_LEVEL
    return "".join(IGNORE.format(check=check, reason=reason) for check, reason in found.items()).rstrip()


def _production_patches(name: str, *, many: bool, has_secret: bool) -> str:
    patches = "  - path: spread.yaml\n" + WITHOUT_REPLICAS.format(name=name) if many else ""
    patches += UNKEPT.format(name=name) if has_secret else ""
    return f"patches:\n{patches}" if patches else ""


def _environment(settings: list[Setting], *, placeholder: bool) -> str:
    return "\n".join(f"{setting.name}={_value(setting, placeholder)}" for setting in settings)


def _data(settings: list[Setting], *, placeholder: bool) -> str:
    return "\n".join(f"  {setting.name}: {json.dumps(_value(setting, placeholder))}" for setting in settings)


def _value(setting: Setting, placeholder: bool) -> str:
    return examples.PLACEHOLDER if placeholder else examples.example(setting)
