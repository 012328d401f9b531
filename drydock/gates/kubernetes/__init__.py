"""Hold the manifests against strict schemas, checkov, Trivy and the settings that the image knows."""

import os
from collections.abc import Collection, Iterator, Sequence

from drydock import command, temporary
from drydock.deploy import manifests
from drydock.deploy.errors import RenderFailed
from drydock.deploy.manifests import Manifest
from drydock.deploy.render import FOLDER, overlays, render
from drydock.gates import tools as scanners
from drydock.gates.expectations.findings import CouldNotAskError, Finding, sift
from drydock.gates.gate import Facts
from drydock.gates.kubernetes import application, own, tools
from drydock.gates.kubernetes.finding import Expectations, on, read, stale
from drydock.gates.subject import Subject
from drydock.programs.errors import ToolNotInstalled
from drydock.progress import Say
from drydock.spelling import counted
from drydock.verdict import Outcome, Verdict, and_more

GATE = "kubernetes"


FACTS = Facts(
    inputs=("deploy/kubernetes/",),
    settings=lambda project, _: {"image": project.image},
    demanded=False,
    programs=("kubectl", "kubernetes-validate", "checkov", "trivy"),
    changes="inputs",
    rank=65,
)
EXPECTATIONS = FOLDER / "gate.toml"


def judge(subject: Subject) -> Verdict:
    """Render every overlay and judge it: schemas, scanners, our own checks, and the application's."""
    project, say = subject.project, subject.say
    expectations = read(project.place(str(FOLDER)) / EXPECTATIONS.name)
    names = overlays(project)
    if not names:
        return Verdict(GATE, Outcome.COULD_NOT_CHECK, f"{FOLDER}/overlays holds no overlay")
    found: list[Finding] = []
    try:
        known = None
        if named := expectations.settings:
            listed = application.settings(subject.engine, subject.image_id, named)
            known = application.names(listed, expectations)
        rendered = {name: render(project, name) for name in names}
        every = {name: manifests.parse(text) for name, text in rendered.items()}
        # An overlay may leave out a Secret that another one brings, when its user keeps it elsewhere.
        kept = {one.name for wanted in every.values() for one in wanted if one.kind == "Secret"}
        # The scanners read files; this thread owns the containers that are asked meanwhile.
        with command.beside(os.cpu_count() or 1) as pool:
            say(f"judging {counted(len(names), 'overlay')}: {', '.join(names)}")
            scans = [
                pool.submit(list, scan(text, name, expectations, say)) for name, text in rendered.items()
            ]
            for name, wanted in every.items():
                found += own_findings(wanted, name, kept | set(expectations.samples))
                found += asked(subject, wanted, name, expectations, known)
            found += (finding for one in scans for finding in one.result())
    except RenderFailed as error:
        return Verdict.failed(GATE, error)
    except (ToolNotInstalled, CouldNotAskError) as error:
        return Verdict(GATE, Outcome.COULD_NOT_CHECK, str(error.args[0]))
    sifted = sift(found, [one.ignore for one in expectations.accepted])
    faults = [str(one) for one in (*sifted.open, *stale(sifted.unused))]
    objects, accepted = sum(map(len, every.values())), len(sifted.ignored)
    versions = list(expectations.kubernetes)
    figures = {"overlays": names, "objects": objects, "versions": versions, "ignored": accepted}
    if faults:
        return Verdict(GATE, Outcome.FAILED, and_more(faults), tuple(faults), measurements=figures)
    judged = f"{counted(len(names), 'overlay')} by {counted(len(versions), 'Kubernetes version')}"
    summary = f"{objects} objects of {judged}, {counted(accepted, 'finding')} accepted with reasons"
    return Verdict(GATE, Outcome.PASSED, summary, measurements=figures)


def scan(text: str, overlay: str, expectations: Expectations, say: Say) -> Iterator[Finding]:
    """Yield the findings of schemas and scanners on rendered manifests."""
    with temporary.folder("manifests") as folder:
        path = folder / f"{overlay}.yaml"
        path.write_text(text, encoding="utf-8")
        yield from tools.schemas(path, overlay, expectations.kubernetes, say)
        yield from tools.checkov_findings(scanners.checkov("kubernetes", path, say), overlay)
        yield from tools.trivy_findings(scanners.trivy_config("kubernetes", path, say).failed, overlay)


def own_findings(wanted: Sequence[Manifest], overlay: str, kept: Collection[str]) -> Iterator[Finding]:
    for manifest, name, text in own.check(wanted):
        yield Finding(name, on(overlay, manifest.title), text)
    for manifest, text in own.missing_secrets(wanted, kept):
        yield Finding("secrets", on(overlay, manifest.title), text)


def asked(
    subject: Subject,
    wanted: Sequence[Manifest],
    overlay: str,
    expectations: Expectations,
    known: frozenset[str] | None,  # the variables that the image reads; None where no class names them
) -> Iterator[Finding]:
    """Yield the application's own findings on the names and values of its settings."""
    name = subject.project.image.rpartition("/")[2]
    if known is not None:
        for manifest, text in own.unknown_names(wanted, name, known):
            yield Finding("unknown-setting", on(overlay, manifest.title), text)
    for manifest in wanted:
        for container in manifest.containers:
            if manifests.repository(str(container["image"])) == name:
                place = (subject.engine, subject.image_id, wanted, (manifest, container))
                for line in application.problems(*place, expectations.samples):
                    yield Finding("start-up-check", on(overlay, manifest.title), line)
