"""Hold the manifests against strict schemas, checkov, Trivy and the settings that the image knows."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drydock.deploy import manifests
from drydock.deploy.errors import RenderFailed
from drydock.deploy.manifests import Manifest
from drydock.deploy.render import FOLDER, overlays, render
from drydock.engine import Engine
from drydock.gates.expectations import CouldNotAskError, Finding, sift
from drydock.gates.gate import Facts
from drydock.gates.kubernetes import application, own, tools
from drydock.gates.kubernetes.finding import Expectations, on, read, stale
from drydock.programs.errors import ToolNotInstalled
from drydock.progress import Say
from drydock.project import Project
from drydock.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from drydock.gates.subject import Subject

GATE = "kubernetes"


def _settings(project: Project, _target: str) -> Mapping[str, Any]:
    return {"image": project.image}


FACTS = Facts(
    inputs=("deploy/kubernetes/",),
    settings=_settings,
    demanded=False,
    programs=("kubectl", "kubernetes-validate", "checkov", "trivy"),
    changes="inputs",
    rank=65,
)
EXPECTATIONS = FOLDER / "gate.toml"


def judge(subject: Subject) -> Verdict:
    """Render every overlay and judge it: schemas, scanners, our own checks, and the application's."""
    project, engine, image, say = subject.project, subject.engine, subject.image_id, subject.say
    began = time.monotonic()
    expectations = read(project.place(str(FOLDER)) / EXPECTATIONS.name)
    names = overlays(project)
    if not names:
        return _could_not(f"{FOLDER}/overlays holds no overlay", began)
    found: list[Finding] = []
    objects = 0
    try:
        known = known_names(engine, image, expectations)
        rendered = {name: render(project, name) for name in names}
        every = {name: manifests.parse(text) for name, text in rendered.items()}
        # What one overlay brings, another may leave to whoever keeps secrets; so it is no slip of the pen.
        kept = {one.name for wanted in every.values() for one in wanted if one.kind == "Secret"}
        for name, text in rendered.items():
            say(f"judging overlay {name}")
            wanted = every[name]
            objects += len(wanted)
            found += scan(text, name, expectations, say)
            found += own_findings(wanted, name, kept | set(expectations.samples))
            found += asked(engine, project, image, wanted, name, expectations, known)
    except RenderFailed as error:
        return Verdict(
            GATE,
            Outcome.FAILED,
            str(error.args[0]),
            evidence=error.evidence,
            seconds=time.monotonic() - began,
        )
    except (ToolNotInstalled, CouldNotAskError) as error:
        return _could_not(str(error.args[0]), began)
    sifted = sift(found, [one.ignore for one in expectations.accepted], datetime.now(UTC).date())
    faults = [str(one) for one in (*sifted.open, *stale(sifted.unused))]
    measurements = {
        "overlays": names,
        "objects": objects,
        "versions": list(expectations.kubernetes),
        "ignored": len(sifted.ignored),
    }
    seconds = time.monotonic() - began
    if faults:
        more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
        return Verdict(GATE, Outcome.FAILED, faults[0] + more, tuple(faults), "", measurements, seconds)
    summary = (
        f"{objects} objects of {len(names)} overlays by {len(expectations.kubernetes)} Kubernetes versions, "
        f"{len(sifted.ignored)} findings accepted with reasons"
    )
    return Verdict(GATE, Outcome.PASSED, summary, measurements=measurements, seconds=seconds)


def scan(text: str, overlay: str, expectations: Expectations, say: Say) -> Iterator[Finding]:
    """Yield what schemas and scanners find in rendered manifests."""
    with tempfile.TemporaryDirectory(prefix="drydock-manifests-") as folder:
        path = Path(folder, f"{overlay}.yaml")
        path.write_text(text, encoding="utf-8")
        yield from tools.schemas(path, overlay, expectations.kubernetes, say)
        yield from tools.checkov(path, overlay, say)
        yield from tools.trivy(Path(folder), overlay, say)


def own_findings(wanted: Sequence[Manifest], overlay: str, kept: Collection[str]) -> Iterator[Finding]:
    """Yield what our own checks find."""
    for manifest, name, text in own.check(wanted):
        yield Finding(name, on(overlay, manifest.title), text)
    for manifest, text in own.missing_secrets(wanted, kept):
        yield Finding("secrets", on(overlay, manifest.title), text)


def known_names(engine: Engine, image: str, expectations: Expectations) -> frozenset[str] | None:
    """Return every variable that the image reads; None where no class of settings is named."""
    if not expectations.settings:
        return None
    return application.names(application.settings(engine, image, expectations.settings), expectations)


def asked(
    engine: Engine,
    project: Project,
    image: str,
    wanted: Sequence[Manifest],
    overlay: str,
    expectations: Expectations,
    known: frozenset[str] | None,
) -> Iterator[Finding]:
    """Yield what the application says about the names and values that it would start with."""
    name = project.image.rpartition("/")[2]
    if known is not None:
        for manifest, text in own.unknown_names(wanted, name, known):
            yield Finding("unknown-setting", on(overlay, manifest.title), text)
    for manifest in wanted:
        for container in manifest.containers:
            if manifests.repository(str(container["image"])) == name:
                for line in application.problems(
                    engine, image, wanted, (manifest, container), expectations.samples
                ):
                    yield Finding("start-up-check", on(overlay, manifest.title), line)


def _could_not(summary: str, began: float) -> Verdict:
    return Verdict(GATE, Outcome.COULD_NOT_CHECK, summary, seconds=time.monotonic() - began)
