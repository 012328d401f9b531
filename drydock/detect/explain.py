"""Show findings: as lines for people, as one object for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drydock.detect.model import Findings, Found, Server

LABEL_WIDTH = 20  # columns
EXPOSED = "`docker build` alone would see it; drydock's rules hide it"


def explain_lines(findings: Findings) -> list[str]:
    """Return one line per fact: its name, its value, and its place."""
    f = findings
    lines = [
        _line("entry point", f.entry_point),
        _line("factory", f.factory, "yes" if f.factory.value else "no"),
        _line("dependencies", f.dependencies, _dependencies(f)),
        _line("install", f.dependencies, " ".join(f.dependencies.value.install) if f.dependencies else ""),
        _line("server", f.server, _server(f.server.value) if f.server else ""),
        _line("python", f.python),
        _line("source", f.source),
        _line("build context", f.context),
        _line("working directory", f.workdir),
        _line("import roots", f.python_path, ", ".join(f.python_path.value)),
        _line("install the project", f.installation, "yes" if f.installation.value.needed else "no"),
        _line("port", f.port),
        _line("start options", f.options, " ".join(f.options.value)) if f.options else "",
        _line("liveness", f.liveness, missing="TCP probe: no route fits"),
        _line("readiness", f.readiness, missing="TCP probe: no route fits"),
        _line("probes' Host", f.host) if f.host else "",
        *(_line("system package", p, f"{p.value}, for the build") for p in f.system_build),
        *(_line("system package", p, f"{p.value}, for the run") for p in f.system_run),
        _line("migrations", f.migrate, f.migrate.value.command) if f.migrate else "",
        *(_line("beside the server", w, f"{w.name}: {w.value}") for w in f.workers),
        *(_line("setting", s, _setting(s)) for s in f.settings),
        *(_line("data file", d) for d in f.data_files),
        *(_line("writes", w) for w in f.writable),
        _line("replicas", f.replicas_safe, "safe" if f.replicas_safe.value else "one only"),
        *(line(".dockerignore", f"removes {path}, which the image needs") for path in f.ignore.removed),
        *(line("secret", path, EXPOSED) for path in f.ignore.exposed),
        *(_line("note", n) for n in f.notes),
        *(line("conflict", c.text) for c in f.conflicts),
        *(line("blocker", b.text) for b in f.blockers),
    ]
    return [line for line in lines if line]


def as_json(findings: Findings) -> dict[str, Any]:
    """Return the findings as JSON values, with the errors' texts."""
    return {
        **asdict(findings),
        "root": str(findings.root),
        "conflicts": [{**asdict(c), "text": c.text} for c in findings.conflicts],
        "blockers": [{**asdict(b), "text": b.text} for b in findings.blockers],
    }


def _line(
    label: str, found: Found[object] | None, shown: str | None = None, missing: str = "not found"
) -> str:
    if found is None:
        return line(label, missing)
    value = str(found.value) if shown is None else shown
    return line(label, value, "; ".join(part for part in (found.where, found.why) if part))


def line(label: str, value: str, where: str = "") -> str:
    """Return a fact's line."""
    return f"{label:<{LABEL_WIDTH}} {value}" + (f" ({where})" if where else "")


def _dependencies(findings: Findings) -> str:
    if findings.dependencies is None:
        return ""
    value = findings.dependencies.value
    return f"{', '.join(value.files)}, {'locked' if value.locked else 'not locked'}, read by {value.tool}"


def _server(server: Server) -> str:
    places = {
        "default": server.name,
        "extra": f"{server.name}, in the extra {server.selector}",
        "group": f"{server.name}, in the group {server.selector}",
        "missing": f"missing; {server.requirement} is added",
    }
    return places[server.place]


def _setting(found: Found[Any]) -> str:
    setting = found.value
    need = "required" if setting.required else f"default {setting.default}" if setting.default else "optional"
    return f"{setting.name}, {setting.kind}, {need}"
