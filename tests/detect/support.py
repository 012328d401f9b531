"""Copy an example project of tests/apps, and show findings in expected.toml's form."""

from __future__ import annotations

import shutil
from pathlib import Path

from drydock.detect import Findings
from drydock.detect.model import Found

APPS = Path(__file__).resolve().parent.parent / "apps"
SHAPES = sorted(path.name for path in APPS.iterdir() if path.is_dir())
# Keys of expected.toml besides findings: the project's folder, requests for the container, options.
DIRECTIONS = ("project", "ask", "option")
HELD_BACK = ".in"  # names that git ignores or that tools would use in place: uv.lock.in, .env.in


def materialise(shape: str, target: Path) -> Path:
    """Copy an example to `target`, give held-back files their real names, and return the copy."""
    shutil.copytree(APPS / shape, target)
    (target / "expected.toml").unlink()
    for path in sorted(target.rglob(f"*{HELD_BACK}")):
        path.rename(path.with_suffix(""))
    return target


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def summary(findings: Findings) -> dict[str, object]:
    """Return findings' values under the keys of expected.toml, `""` for missing ones."""
    f = findings
    plan = f.dependencies.value if f.dependencies else None
    server = f.server.value if f.server else None
    return {
        "entry_point": value(f.entry_point),
        "entry_where": f.entry_point.where if f.entry_point else "",
        "entry_why": f.entry_point.why if f.entry_point else "",
        "factory": f.factory.value,
        "dependencies": plan.kind if plan else "",
        "tool": plan.tool if plan else "",
        "files": list(plan.files) if plan else [],
        "export": " ".join(plan.export) if plan else "",
        "install": " ".join(plan.install) if plan else "",
        "locked": bool(plan and plan.locked),
        "server": server.place if server else "",
        "server_selector": server.selector if server else "",
        "server_requirement": server.requirement if server else "",
        "server_where": f.server.where if f.server else "",
        "python": value(f.python),
        "python_where": f.python.where if f.python else "",
        "python_why": f.python.why if f.python else "",
        "source": value(f.source),
        "context": f.context.value,
        "workdir": f.workdir.value,
        "python_path": list(f.python_path.value),
        "install_project": f.installation.value.needed,
        "version_from_git": f.installation.value.version_from_git,
        "build_files": list(f.installation.value.build_files),
        "build_environment": list(f.installation.value.build_environment),
        "port": f.port.value,
        "workers": [f"{one.name}: {one.value}" for one in f.workers],
        "host": value(f.host),
        "liveness": value(f.liveness),
        "readiness": value(f.readiness),
        "docs": value(f.docs),
        "system_build": [p.value for p in f.system_build],
        "system_run": [p.value for p in f.system_run],
        "migrate": f.migrate.value.command if f.migrate else "",
        "settings": [_setting(s.value) for s in f.settings],
        "data_files": [d.value for d in f.data_files],
        "writable": [w.value for w in f.writable],
        "replicas_safe": f.replicas_safe.value,
        "ignore_removed": list(f.ignore.removed),
        "ignore_secrets": list(f.ignore.secrets),
        "ignore_exposed": list(f.ignore.exposed),
        "conflicts": [c.key for c in f.conflicts],
        "conflict_text": f.conflicts[0].text if f.conflicts else "",
        "blockers": [b.key for b in f.blockers],
        "blocker_text": f.blockers[0].text if f.blockers else "",
    }


def value(found: Found[str] | None) -> str:
    """Return a found text, or `""`."""
    return found.value if found else ""


def _setting(setting: object) -> str:
    name, kind = getattr(setting, "name", ""), getattr(setting, "kind", "")
    last = "required" if getattr(setting, "required", False) else getattr(setting, "default", "")
    return f"{name} {kind} {last}".rstrip()
