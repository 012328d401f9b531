"""Build an image with one buildx command and report every step."""

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drydock import command, temporary
from drydock.base import layout, pull
from drydock.build import builder as builders
from drydock.build import identity, kept, plan, podman, shard
from drydock.build.builder import Builder
from drydock.build.errors import BadDockerfile, BuildFailed, NoBuildx, NotInContext, StartNotPulled
from drydock.build.events import Progress, once, remarks
from drydock.build.events import Step as Step
from drydock.build.events import Update as Update
from drydock.build.plan import Options as Options
from drydock.engine import Engine, find
from drydock.errors import DrydockError, NoSpace
from drydock.nearest import choices
from drydock.project import Project, ca_bundle
from drydock.project.errors import UnknownTarget
from drydock.project.network import index_credentials

OnUpdate = Callable[[Update], None]
# Builds without cache keep their cache mounts in a namespace of their own, with this prefix.
COLD = "drydock-cold-"


@dataclass(frozen=True)
class BuildResult:
    target: str
    reference: str  # the tag; empty for none
    image_id: str  # on the engine; empty for several platforms
    steps: tuple[Step, ...]
    seconds: float  # wall-clock time of the whole command
    metadata: Mapping[str, Any] = field(default_factory=dict)  # written by buildx

    @property
    def cached(self) -> int:
        """The number of steps that came from the cache."""
        return sum(step.cached for step in self.steps)

    @property
    def notes(self) -> tuple[str, ...]:
        return remarks(self.steps)


def build(
    engine: Engine,
    project: Project,
    options: Options,
    on_update: OnUpdate = lambda _: None,
    meanwhile: Callable[[], object] = lambda: None,
) -> BuildResult:
    """Build one target of the project's Dockerfile.

    A build without cache has its own cache mounts, so that the user's caches stay. They are removed where
    nothing else is lost: with images in containerd's store, BuildKit then forgets every step on a base.

    Args:
        meanwhile: Called once the builder runs.
    """
    dockerfile = plan.dockerfile(project, options)
    known = plan.targets(dockerfile)
    if options.target not in known:
        offered = [target for target in plan.OFFERED if target in known] or known
        listed = choices(options.target, offered) or "none: it names no stage"
        raise UnknownTarget(target=options.target, known=listed)
    spread = shard.of(options.context or project.root, dockerfile)
    options = options.but(build_args={**spread, **options.build_args})
    chosen = builders.find(engine, options.builder)
    if not options.no_cache or options.mount_namespace:
        return _run(engine, chosen, project, options, on_update, meanwhile)
    fresh = f"{COLD}{uuid.uuid4().hex}"
    try:
        return _run(engine, chosen, project, options.but(mount_namespace=fresh), on_update, meanwhile)
    finally:
        if not (chosen.own and engine.containerd):
            remove_mounts(chosen, fresh)


def _run(
    engine: Engine,
    chosen: Builder,
    project: Project,
    options: Options,
    on_update: OnUpdate,
    meanwhile: Callable[[], object],
) -> BuildResult:
    progress = podman.Text() if chosen.podman else Progress()

    def consume(chunk: str) -> None:
        for update in progress.feed(chunk):
            on_update(update)

    with temporary.folder("build") as outputs:
        handed = options.base if not chosen.own else ""
        images = {handed: layout.write(engine, handed, outputs / "base")} if handed else {}
        certificates = ca_bundle()
        if chosen.podman:
            args = podman.arguments(project, options, ca_bundle=certificates, outputs=outputs)
        else:
            args = plan.arguments(project, options, ca_bundle=certificates, outputs=outputs, images=images)
        began = time.monotonic()
        credentials = {plan.CREDENTIALS: index_credentials(project.root)}
        environment = {**chosen.environment} | plan.RECORD | plan.tracing() | credentials
        environment |= podman.variables(options, outputs) if chosen.podman else {}
        source = "both" if chosen.podman else "stderr"
        done = command.stream(args, consume, env=environment, source=source, meanwhile=meanwhile)
        seconds = time.monotonic() - began
        kept.repeat(progress.steps.values(), kept.inputs(project, options))
        if done.code != 0:
            raise explain(engine, chosen, plan.dockerfile(project, options), progress)
        image_id, metadata = identity.image_id(engine, outputs), identity.metadata(outputs)
    steps = once(progress.steps.values())
    return BuildResult(options.target, options.reference, image_id, steps, seconds, metadata)


def warnings(engine: Engine, project: Project, options: Options) -> list[dict[str, Any]] | str:
    """Return BuildKit's own warnings about the Dockerfile, or why it cannot be asked for them."""
    chosen = builders.find(engine, options.builder)
    if chosen.podman:
        return "Podman has no `build --check`"
    with temporary.folder("check") as folder:
        args = plan.arguments(project, options, ca_bundle=None, outputs=folder)
        asked = [*args[:-1], "--call=check,format=json", args[-1]]
        done = command.run(asked, env={**chosen.environment, plan.CREDENTIALS: ""}, check=False)
    if "unknown flag: --call" in done.stderr:
        return "the buildx plugin is older than 0.15"
    if "frontend.lint" in done.stderr:
        return f"the BuildKit of {chosen} is older than 0.14"
    try:
        return list(json.loads(done.stdout)["warnings"] or ())
    except (ValueError, KeyError, TypeError):
        return done.last


def cause(text: str) -> str:
    """Return the cause that buildx names in its last words; advice and addresses may follow it."""
    lines = text.splitlines() or ["no output"]
    named = next((line for line in reversed(lines) if line.startswith("ERROR: ")), lines[-1])
    return re.sub(r"^ERROR: (?:failed to (?:solve|build): )*", "", named)


def explain(engine: Engine, builder: Builder, dockerfile: Path, progress: Progress) -> DrydockError:
    """Turn a failed build's output into one error with a next step."""
    text = progress.rest.strip()
    reason = cause(text)
    # A failing step cancels the parallel ones, which are not the reason.
    broken = [step for step in progress.steps.values() if step.error]
    failed = next((step for step in broken if not step.cancelled), next(iter(broken), None))
    said = "\n".join(failed.log[-20:]) if failed else ""
    if "no space left on device" in f"{text}\n{said}".lower():
        return NoSpace(during="the build", evidence=said)
    if find.answers(engine.candidate) is not None:
        return engine.gone(text)
    if not builder.podman and command.run(["docker", "buildx", "version"], check=False).code != 0:
        return NoBuildx()
    missing = re.search(r'failed to compute cache key: .*"/?([^"]+)": not found', reason)
    if missing and failed and "--from=" in failed.instruction:
        # It is missing in another stage, and not in the context.
        reason = f"/{missing[1]} is not there"
    elif missing:
        return NotInContext(dockerfile=dockerfile, path=missing[1])
    if failed is None or not failed.counts:
        if found := re.search(r"dockerfile parse error on line (\d+): (.*)", reason):
            return BadDockerfile(dockerfile=f"{dockerfile}:{found[1]}", problem=found[2])
        if "\n--------------------" in text and (place := re.search(r":(\d+)$", text.splitlines()[0])):
            asked = re.search(r"failed to resolve source metadata for (\S+): (.*)", reason)
            # A registry that answers "not found" was reached: the line names a wrong image.
            if asked and not asked[2].endswith(": not found"):
                where, why = f"{dockerfile}:{place[1]}", pull.reason(asked[2])
                return StartNotPulled(dockerfile=where, image=asked[1], reason=why)
            return BadDockerfile(dockerfile=f"{dockerfile}:{place[1]}", problem=reason)
        return BuildFailed(step=f"set-up of builder {builder}", reason=reason, evidence=text)
    code = re.search(r"exit code: (\d+)", failed.error)
    why = f"exit code {code[1]}" if code else reason
    shown = failed.instruction if len(failed.instruction) <= 80 else failed.instruction[:77] + "..."
    where = f"{failed.stage}: {shown}" if failed.stage else shown
    return BuildFailed(step=where, reason=why, evidence=said)


def remove_mounts(builder: Builder, namespace: str, idle: str = "") -> set[str]:
    """Remove the cache mounts below a namespace prefix; return the namespaces that had any.

    `idle` spares mounts that were used more recently, such as ``1h``.
    """
    if builder.podman:  # its cold builds keep them in a folder of their own
        return set()
    before = _mounts(builder, namespace)
    for mount in before:
        filters = [f"--filter=id={mount}", *([f"--filter=until={idle}"] if idle else [])]
        command.run(["docker", "buildx", "prune", "--force", *filters], env=builder.environment, check=False)
    left = _mounts(builder, namespace) if before else {}
    return {name for mount, name in before.items() if mount not in left}


def _mounts(builder: Builder, namespace: str) -> dict[str, str]:
    """Return the namespace of each cache mount with a prefix, by the mount's id."""
    listing = command.run(
        ["docker", "buildx", "du", "--verbose"], env=builder.environment, check=False
    ).stdout
    found = {}
    for record in re.split(r"\n\s*\n", listing):
        identity = re.search(r"^ID:\s*(\S+)", record, re.MULTILINE)
        mount = re.search(rf'with id "({re.escape(namespace)}[^/"]*)/', record)
        if identity and mount:
            found[identity[1]] = mount[1]
    return found
