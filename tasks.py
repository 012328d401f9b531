"""The tasks: `invoke --list` shows them, `invoke --help TASK` explains one."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from invoke import Collection, Context, Exit, Task, task

from drydock import errors

# drydock's modules are imported inside the tasks: `invoke --list` and `--help` must answer at once.

SHARED = {
    "project": "folder of the project (default: this one)",
    "json": "print the result as JSON on standard output",
    "target": "stage of the Dockerfile: production, slim, builder or test",
}
Body = TypeVar("Body", bound=Callable[..., None])


def guarded(body: Body) -> Body:
    """Show a DrydockError as its evidence and one line, and leave with its exit code."""

    @functools.wraps(body)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            body(*args, **kwargs)
        except errors.DrydockError as error:
            if error.evidence:
                print(error.evidence, file=sys.stderr)
            raise Exit(str(error), code=error.exit_code) from error
        except KeyboardInterrupt as error:
            stopped = errors.Interrupted(during=f"invoke {body.__name__}")
            raise Exit(f"\n{stopped}", code=stopped.exit_code) from error

    return run  # type: ignore[return-value]


def offer(name: str | None = None, **options: str) -> Callable[[Body], Task[Any]]:
    """Make a task of a function.

    Args:
        name: The task's name where it is not the function's.
        options: Help for the parameters that only this task has; the shared ones explain themselves.
    """

    def decorate(body: Body) -> Task[Any]:
        parameters = inspect.signature(body).parameters
        texts = {key: text for key, text in (SHARED | options).items() if key in parameters}
        repeated = [key for key, parameter in parameters.items() if "list" in str(parameter.annotation)]
        shown = {key.replace("_", "-"): text for key, text in texts.items()}
        made: Task[Any] = task(name=name, help=shown, iterable=repeated)(guarded(body))
        return made

    return decorate


def say(line: str) -> None:
    """Print a line of progress on standard error."""
    print(line, file=sys.stderr, flush=True)


def pipeline(project: str, quiet: bool = False) -> Any:
    """Return the pipeline of a project on the engine that answers."""
    from drydock.engine import connect
    from drydock.pipeline import Pipeline
    from drydock.project import load

    loaded = load(Path(project))
    return Pipeline(connect(), loaded, say, quiet)


@offer(
    no_cache="run every step anew, with cache mounts of its own: yours stay as they are",
    platform="such as linux/arm64; several separated by commas",
    builder="a buildx builder, such as a remote one",
    cache_from="cache source in buildx's spelling; may be repeated",
    cache_to="cache destination in buildx's spelling; may be repeated",
    build_arg="KEY=VALUE for an ARG of the Dockerfile; may be repeated",
)
def build(
    c: Context,
    target: str = "production",
    no_cache: bool = False,
    platform: str = "",
    builder: str = "",
    cache_from: list[str] | None = None,
    cache_to: list[str] | None = None,
    build_arg: list[str] | None = None,
    project: str = ".",
    json: bool = False,
) -> None:
    """Build the image and show what it weighs and which steps were cached."""
    from drydock.build.plan import Options, key_values
    from drydock.report import console, print_json
    from drydock.report.build import as_json, show

    pipe = pipeline(project, quiet=json)
    options = Options(
        target=target,
        reference=pipe.project.reference(target),
        no_cache=no_cache,
        platforms=tuple(filter(None, platform.split(","))),
        builder=builder,
        cache_from=tuple(cache_from or ()),
        cache_to=tuple(cache_to or ()),
        build_args=key_values("--build-arg", tuple(build_arg or ())),
    )
    result = pipe.build(options)
    if json:
        print_json(as_json(pipe, result))
    else:
        show(console(), pipe, result)


@offer(version="the version to tag (default: the one in pyproject.toml)")
def tag(
    c: Context, target: str = "production", version: str = "", project: str = ".", json: bool = False
) -> None:
    """Tag the built image by the project's version and commit."""
    from drydock.publish import tag
    from drydock.report import print_json

    pipe = pipeline(project)
    names = pipe.names(version)
    tag.apply(pipe.engine, pipe.project.reference(target), names)
    if json:
        print_json({"tags": list(names)})
    else:
        print("\n".join(names))


@offer(apply="write the labels that differ, without rebuilding a layer")
def label(
    c: Context, target: str = "production", apply: bool = False, project: str = ".", json: bool = False
) -> None:
    """Show the image's labels and check them, or apply those that differ."""
    from drydock.publish import labels, local, relabel
    from drydock.report import console, print_json
    from drydock.report.tables import key_values

    pipe = pipeline(project)
    reference = pipe.project.reference(target)
    wanted = pipe.labels()
    if apply:
        relabel.apply(pipe.engine, reference, wanted)
    found = dict(local.find(pipe.engine, reference).labels)
    differences = labels.check(found, wanted)
    if json:
        print_json({"labels": found, "differences": [str(one) for one in differences]})
    else:
        key_values(console(), found)
        for one in differences:
            say(f"! {one}")
    # What has no value anywhere is worth a line, and nothing that could be applied.
    if wrong := [one for one in differences if one.wanted is not None]:
        raise errors.LabelsDiffer(reference=reference, count=len(wrong))


@offer(
    registry="where to, such as ghcr.io/acme (default: [tool.drydock] registry)",
    allow_dirty="push an image of a tree with uncommitted changes",
    allow_made_base="push an image on a base made here to a registry of another machine",
    force="push without the gates' receipts, for this reason",
)
def push(
    c: Context,
    registry: str = "",
    target: str = "production",
    allow_dirty: bool = False,
    allow_made_base: bool = False,
    force: str = "",
    project: str = ".",
    json: bool = False,
) -> None:
    """Push the image under all its tags, and check what the registry then holds."""
    from dataclasses import asdict

    from drydock import ship
    from drydock.publish.progress import shown
    from drydock.publish.push import Permissions
    from drydock.report import console, print_json

    permissions = Permissions(dirty=allow_dirty, made_base=allow_made_base)
    out = shown(console(stderr=True))
    pushed = ship.push(pipeline(project), target, registry, permissions, force=force, shown=out)
    if json:
        print_json({"pushed": [asdict(one) for one in pushed]})
    else:
        print("\n".join(f"{one.reference}@{one.digest}" for one in pushed))


@offer(spdx="write SPDX instead of CycloneDX", output="the file to write (default: standard output)")
def sbom(
    c: Context, target: str = "production", spdx: bool = False, output: str = "", project: str = "."
) -> None:
    """Write the image's bill of materials: what Python and Debian packages are in it."""
    from drydock.publish import sbom

    pipe = pipeline(project)
    bill = sbom.read(pipe.engine, pipe.project.reference(target))
    document = sbom.spdx(bill) if spdx else sbom.cyclonedx(bill)
    if output:
        Path(output).write_bytes(document)
    else:
        sys.stdout.buffer.write(document)


@offer(
    registry="where the image was pushed (default: [tool.drydock] registry)",
    key="the private key's file or KMS URI (default: cosign asks who you are, over the network)",
    force="why the image was pushed without receipts, for its provenance",
)
def sign(
    c: Context,
    target: str = "production",
    registry: str = "",
    key: str = "",
    force: str = "",
    project: str = ".",
    json: bool = False,
) -> None:
    """Attach bills of materials and provenance to the pushed image, and sign them and it with cosign."""
    from drydock import ship
    from drydock.report import print_json

    done = ship.sign(pipeline(project), target, registry, key=key, force=force, say=say)
    if json:
        print_json({"attached": {one.media_type: one.digest for one in done}})
    else:
        print("\n".join(f"{one.digest}  {one.media_type}" for one in done))


@offer(
    registry="where the image was pushed (default: [tool.drydock] registry)",
    key="the public key's file or KMS URI",
    identity="who must have signed, where there is no key",
    issuer="who vouches for that identity",
)
def verify(
    c: Context,
    registry: str = "",
    key: str = "",
    identity: str = "",
    issuer: str = "",
    project: str = ".",
    json: bool = False,
) -> None:
    """Verify the signatures of the pushed image and of everything attached to it."""
    from drydock import ship
    from drydock.publish.cosign import Identity
    from drydock.report import print_json

    who = Identity(identity, issuer) if identity else None
    found = ship.verify(pipeline(project), registry, key=key, identity=who, say=say)
    if json:
        print_json({"verified": {one.media_type: one.digest for one in found}})
    else:
        print("\n".join(f"verified {one.digest}  {one.media_type}" for one in found))


@offer(port="port of this machine (default: a free one)")
def run(c: Context, target: str = "production", port: int = 0, project: str = ".") -> None:
    """Start the image for a look, with a URL, a token and a curl line; Ctrl-C stops it."""
    from drydock.report.look import look

    look(pipeline(project), target, port)


@offer(
    image="another image: a reference, a tar archive or an OCI layout folder",
    against="show what changed since this image: a reference, a tar archive or an OCI layout folder",
    why="say which layer and which package this path comes from",
)
def size(
    c: Context,
    target: str = "production",
    image: str = "",
    against: str = "",
    why: str = "",
    project: str = ".",
    json: bool = False,
) -> None:
    """Show what fills the image: layers, packages, largest files, and both budgets."""
    from drydock import image as images
    from drydock.gates import budget
    from drydock.report import console, print_json
    from drydock.report import size as report

    pipe = pipeline(project)
    measured = pipe.look(image or pipe.project.reference(target))
    anatomy = images.Anatomy(measured)
    if why:
        if not report.show_reason(console(), anatomy, why):
            raise Exit(code=1)
    elif against:
        difference = images.diff(pipe.look(against), measured)
        if json:
            print_json(report.difference_as_json(difference))
        else:
            report.show_difference(console(), difference)
    else:
        verdict = budget.judge(measured, pipe.project.budget(target), target)
        if json:
            print_json(report.as_json(anatomy, verdict))
        else:
            report.show(console(), anatomy, verdict)


@offer(rebuild="make or pull it anew")
def base(c: Context, rebuild: bool = False, project: str = ".", json: bool = False) -> None:
    """Show which base image is used and why."""
    from dataclasses import asdict

    from drydock import base
    from drydock.report import print_json

    pipe = pipeline(project)
    found = base.resolve(pipe.engine, pipe.project, rebuild=rebuild, say=say)
    if json:
        print_json(asdict(found))
    else:
        print(base.describe(found))


@offer(option="KEY=VALUE that wins over what is found, such as entry-point=shop.main:app; may be repeated")
def explain(c: Context, project: str = ".", option: list[str] | None = None, json: bool = False) -> None:
    """Say what a FastAPI project is built of and how it starts, each fact with where it stands."""
    from drydock import detect
    from drydock.build.plan import key_values
    from drydock.project import configured
    from drydock.report import print_json

    root = Path(project)
    given = configured(root) | key_values("--option", tuple(option or ()))
    found = detect.detect(root, given)
    if json:
        print_json(detect.as_json(found))
    else:
        print("\n".join(detect.explain_lines(found)))
    if found.conflicts or found.blockers:
        raise errors.Undecided(path=root, count=len(found.conflicts) + len(found.blockers))


@offer(name="gate", which="the gate, named like its nox session")
def one_gate(c: Context, which: str, target: str = "", project: str = ".", json: bool = False) -> None:
    """Run one gate with an exit code of its own: 70 when it refuses, 75 when it could not look."""
    from drydock.gates import runner

    posargs = ["--project", project, *(["--target", target] if target else []), *(["--json"] if json else [])]
    if fault := runner.run(which, posargs, say):
        raise Exit(str(fault), code=fault.exit_code)


@offer(
    overlay="folder below deploy/kubernetes/overlays, or a path",
    image="the image reference to run (default: what the overlay names)",
)
def render(c: Context, overlay: str = "local", image: str = "", project: str = ".") -> None:
    """Print an overlay's Kubernetes manifests."""
    from drydock import kubernetes
    from drydock.project import load

    print(kubernetes.render(load(Path(project)), overlay, image or None), end="")


@offer(
    overlay="folder below deploy/kubernetes/overlays, or a path",
    context="context of the kubeconfig (default: the current one)",
    image="the image reference to run (default: what the overlay names)",
    undo="go back to the revision before",
)
def deploy(
    c: Context,
    overlay: str = "local",
    context: str = "",
    image: str = "",
    undo: bool = False,
    project: str = ".",
) -> None:
    """Deploy to Kubernetes: show the difference, apply, wait, and say why pods do not run."""
    from drydock import kubernetes
    from drydock.project import load

    loaded = load(Path(project))
    if undo:
        kubernetes.undo(loaded, overlay, context, say)
    else:
        kubernetes.deploy(loaded, overlay, context, image or None, say)


@offer()
def environment(c: Context, project: str = ".") -> None:
    """Write docs/environment.md from the settings that the built image knows."""
    from drydock import environment
    from drydock.gates.kubernetes import EXPECTATIONS, application
    from drydock.gates.kubernetes.finding import read

    pipe = pipeline(project)
    root = pipe.project.root
    image = pipe.built("production").image_id
    listed = application.settings(pipe.engine, image, read(root / EXPECTATIONS).settings)
    start = environment.start_script((root / "image/start.py").read_text(encoding="utf-8"))
    target = root / "docs/environment.md"
    target.write_text(environment.page(listed, start), encoding="utf-8")
    print(f"wrote {target}")


@offer(question="what you want to know about the image")
def ask_gordon(c: Context, question: str, target: str = "production", project: str = ".") -> None:
    """Ask Docker AI (Gordon) about the Dockerfile, with sizes and findings, where it is there."""
    from drydock import gordon
    from drydock.gates import budget
    from drydock.report import megabytes

    pipe = pipeline(project)
    measured = pipe.look(pipe.project.reference(target))
    verdict = budget.judge(measured, pipe.project.budget(target), target)
    sizes = {"on disk": megabytes(measured.on_disk), "on the wire": megabytes(measured.on_wire)}
    gordon.ask(pipe.project, gordon.prompt(pipe.project, question, sizes, [verdict.summary]))


@offer()
def hooks(c: Context) -> None:
    """Install the pre-push hook, which runs container_tests and size_budget on what is pushed."""
    from drydock import command

    print(
        command.run([sys.executable, "-m", "pre_commit", "install", "--hook-type", "pre-push"]).stdout.strip()
    )


@offer()
def doctor(c: Context, project: str = ".", json: bool = False) -> None:
    """Look at engine, buildx, disk, base, certificates and registry, and say what to do."""
    from dataclasses import asdict

    from drydock.doctor import examine
    from drydock.project import load
    from drydock.report import console, print_json
    from drydock.report.tables import findings

    found = list(examine(load(Path(project))))
    if json:
        print_json({"findings": [asdict(finding) for finding in found]})
    else:
        findings(console(), found)
    if any(not finding.ok for finding in found):
        raise Exit(code=2 if any(finding.fatal for finding in found) else 1)


@offer()
def clean(c: Context, project: str = ".") -> None:
    """Remove what drydock made for this project: containers, development images, its state."""
    from drydock.clean import clean
    from drydock.engine import connect
    from drydock.project import load

    removed = list(clean(connect(), load(Path(project))))
    print("\n".join(f"removed {line}" for line in removed) or "nothing to remove")


@offer(name="stop")
def engine_stop(c: Context) -> None:
    """Stop the Docker Engine that `./run` started, and no other."""
    from drydock.engine.install import stop

    if not stop(say):
        print("`./run` started no engine here")


@offer(name="start")
def engine_start(c: Context) -> None:
    """Make sure that a Docker Engine answers, installing and starting one where that is possible."""
    from drydock.engine.install import ensure

    print(f"the engine at {ensure(say).host} answers")


namespace = Collection(
    *(build, run, size, tag, label, push, sbom, sign, verify),
    *(one_gate, explain, base, doctor, clean, hooks, render, deploy, environment, ask_gordon),
)
namespace.add_collection(Collection("engine", engine_start, engine_stop))
