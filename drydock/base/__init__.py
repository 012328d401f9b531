"""The base image of a build: one that is local, else pulled, else made from Debian packages."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from drydock.base import make, pull
from drydock.base.errors import BaseNotMade, NoBase
from drydock.engine import Engine
from drydock.progress import Say, silent
from drydock.project import Project

Kind = Literal["local", "pulled", "made"]


@dataclass(frozen=True)
class Base:
    """A base image that is on the engine.

    Args:
        reference: The value of the Dockerfile's PYTHON_IMAGE.
        digest: The registry's digest where it came from one, else the image's id.
        kind: ``local`` (it was there), ``pulled`` (now) or ``made`` (from Debian packages, by drydock).
        why: Why this one, in one clause.
    """

    reference: str
    digest: str
    kind: Kind
    why: str


def resolve(engine: Engine, project: Project, rebuild: bool = False, say: Say = silent) -> Base:
    """Return the base image that a project asks for, one equal to it, or one with another Python that does.

    Args:
        rebuild: Pull or make it again, even where it is local.
    """
    try:
        return _resolve(engine, project, project.base, rebuild, say)
    except NoBase:
        for version in _others(project):
            say(f"{project.base} is nowhere; the dependencies support Python {version} as well")
            with suppress(NoBase):
                found = _resolve(engine, project, official(version), rebuild, say)
                return replace(found, why=f"{project.base} is nowhere, and Python {version} does as well")
        raise


def present(engine: Engine, project: Project) -> Base | None:
    """Return the base image that a build would stand on, where the engine has it; pull and make nothing."""
    wanted = (project.base, *(official(version) for version in _others(project)))
    names = (name for one in wanted for name in (one, make.reference(one)))
    return next(filter(None, (look(engine, name) for name in names)), None)


def official(version: str) -> str:
    """Return the official slim image of a Python."""
    return f"python:{version}-slim"


def _others(project: Project) -> tuple[str, ...]:
    """Return the Pythons that would do as well; a base that was named by hand is meant as it is named."""
    return project.python_also if project.base == official(project.python) else ()


def _resolve(engine: Engine, project: Project, wanted: str, rebuild: bool, say: Say) -> Base:
    if not rebuild and (found := look(engine, wanted)):
        return found
    memory = pull.Memory(project.state / "base.json")
    refused = None if rebuild else memory.refusal(wanted)
    if refused is None:
        say(f"pulling {wanted}")
        refused = pull.pull(engine, wanted, say)
        if refused is None:
            memory.forget()
            pulled = look(engine, wanted)
            if pulled is None:
                raise NoBase(reference=wanted, pull="the engine pulled it and has it not", make="not tried")
            return replace(pulled, kind="pulled", why="pulled just now")
        memory.remember(wanted, refused)
        say(f"{wanted} cannot be pulled ({refused})")
    instead = make.reference(wanted)
    why = f"{wanted} is not local and cannot be pulled ({refused})"
    if not rebuild and (found := look(engine, instead)):
        return replace(found, kind="made", why=why)
    plan = make.plan(engine, wanted)
    if isinstance(plan, str):
        if found := look(engine, wanted):
            return replace(
                found, why=f"it is local, and can neither be pulled ({refused}) nor made here ({plan})"
            )
        raise NoBase(reference=wanted, pull=refused, make=plan)
    make.make(engine, plan, say)
    made = look(engine, instead)
    if made is None:
        raise BaseNotMade(reference=instead, reason="the engine loaded it and has it not")
    return replace(made, kind="made", why=why)


def look(engine: Engine, reference: str) -> Base | None:
    """Return the image that has this reference on the engine; None where there is none."""
    import docker

    try:
        image = engine.sdk.images.get(reference)
    except docker.errors.ImageNotFound:
        return None
    published = [digest.partition("@")[2] for digest in image.attrs.get("RepoDigests") or []]
    digest = published[0] if published else str(image.id)
    # An image says so itself when drydock made it, also under a reference that it got later.
    if image.labels.get(make.KIND_LABEL) == "made":
        return Base(reference, digest, "made", "made here before")
    return Base(reference, digest, "local", "it is on the engine")


def describe(base: Base) -> str:
    """Return a few lines about a base image, for people."""
    lines = [f"{base.reference} ({base.kind}): {base.why}", f"digest {base.digest}"]
    if base.kind == "made":
        lines.append(
            "made from Debian packages to be like the official image; what is built on it is labelled so,\n"
            "and is pushed only to a loopback registry unless you say otherwise"
        )
    return "\n".join(lines)
