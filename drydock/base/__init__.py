"""The base image of a build: a local one, else a pulled one, else one made from Debian packages."""

from dataclasses import dataclass, replace
from typing import Literal

from drydock.base import make, pull
from drydock.base.errors import BaseNotMade, NoBase, OtherRelease, PythonNotFetched
from drydock.engine import Engine, short_name
from drydock.engine.runtime import Run, started
from drydock.progress import Say, silent
from drydock.project import Project

Kind = Literal["local", "pulled", "made"]


@dataclass(frozen=True)
class Base:
    """A base image on the engine."""

    reference: str  # the value of the Dockerfile's PYTHON_IMAGE
    digest: str  # the registry's, else the image's id
    kind: Kind
    why: str  # the reason for this choice, in one clause


def resolve(
    engine: Engine, project: Project, rebuild: bool = False, say: Say = silent, platform: str = ""
) -> Base:
    """Return the project's base image, an equivalent one, or one with another supported Python.

    Args:
        rebuild: Pull or make it again, even if it is local.
        platform: Such as ``linux/arm64``; empty for the engine's own.
    """
    if platform and make.architecture(platform) == engine.version["Arch"]:
        platform = ""
    refusals: dict[str, NoBase] = {}
    for wanted, version, testing in _tries(project):
        if wanted != project.base and wanted not in refusals:
            say(f"{project.base} is not available; the dependencies also support Python {version}")
        try:
            found = _resolve(engine, project, wanted, rebuild, say, platform, testing, wanted in refusals)
        except NoBase as error:
            refusals[wanted] = error
            continue
        own = wanted == project.base
        if project.python_release and (has := release(engine, found)) != project.python_release:
            raise OtherRelease(wanted=project.python_release, reference=found.reference, release=has)
        why = f"{project.base} is not available, and Python {version} works too"
        return found if own else replace(found, why=why)
    raise refusals[project.base]


def present(engine: Engine, project: Project) -> Base | None:
    """Return the base image of the next build if the engine has it; pull and make nothing."""
    for wanted, _, testing in _tries(project):
        kept = make.reference(wanted)
        made = look(engine, kept) if testing or not make.is_testing(wanted) else None
        if found := look(engine, wanted) or made:
            return found
    return None


def _tries(project: Project) -> list[tuple[str, str, bool]]:
    """Return the possible bases, best first: each image, its Python, and whether Debian testing may serve.

    A Python of Debian's stable release goes before one of its testing release.
    """
    wanted = [(project.base, project.python), *((official(one), one) for one in _others(project))]
    rows = [(image, python, False) for image, python in wanted]
    return rows + [(image, python, True) for image, python in wanted if make.is_testing(image)]


def official(version: str) -> str:
    """Return the name of a Python's official slim image."""
    return f"python:{version}-slim"


def _others(project: Project) -> tuple[str, ...]:
    """Return the other supported Pythons; none for a base image that the user named."""
    return project.python_also if project.base == official(project.python) else ()


def _resolve(
    engine: Engine,
    project: Project,
    wanted: str,
    rebuild: bool,
    say: Say,
    platform: str,
    testing: bool,
    asked: bool,
) -> Base:
    if not rebuild and (found := look(engine, wanted, platform)):
        return found
    instead = make.reference(wanted, platform)
    # One kept apart under the platform's name needs no registry either.
    if platform and not rebuild and (found := look(engine, instead, platform)):
        return found
    memory = pull.Memory(project.state / "base.json")
    # The registry has just refused an image that is tried with Debian's testing release now.
    refused = memory.refusal(wanted) if asked or not rebuild else None
    if refused is None:
        say(f"pulling {wanted}")
        refused = pull.pull(engine, wanted, say, platform, apart=instead)
        if refused is None:
            memory.forget()
            pulled = look(engine, instead if platform else wanted, platform)
            if pulled is None:
                lost = "the engine reported a pull, but does not have the image"
                raise NoBase(reference=wanted, pull=lost, make="not tried")
            return replace(pulled, kind="pulled", why="pulled just now")
        memory.remember(wanted, refused)
        say(f"{wanted} cannot be pulled ({refused})")
    if make.is_testing(wanted) and not testing:
        raise NoBase(reference=wanted, pull=refused, make="Debian's testing release alone has it")
    why = f"{wanted} is not local and cannot be pulled ({refused})"
    if not rebuild and (found := look(engine, instead, platform)):
        return replace(found, kind="made", why=why)
    plan = make.plan(engine, wanted, platform)
    if isinstance(plan, str):
        if found := look(engine, wanted, platform):
            why = f"it is local, and can neither be pulled ({refused}) nor made here ({plan})"
            return replace(found, why=why)
        raise NoBase(reference=wanted, pull=refused, make=plan)
    if plan.fetched and not rebuild and (known := memory.refusal(plan.fetched)):
        raise NoBase(reference=wanted, pull=refused, make=known)
    try:
        make.make(engine, plan, say)
    except PythonNotFetched as error:
        memory.remember(plan.fetched, str(error))
        raise NoBase(reference=wanted, pull=refused, make=str(error)) from error
    made = look(engine, instead, platform)
    if made is None:
        raise BaseNotMade(reference=instead, reason="the engine loaded the image, but does not have it")
    return replace(made, kind="made", why=why)


def look(engine: Engine, reference: str, platform: str = "") -> Base | None:
    """Return the engine's image of this reference, None without one for the platform."""
    image = engine.image(reference)
    if image is None:
        return None
    # Podman also finds local/python under the name of python.
    wanted, tags = short_name(reference), {short_name(tag) for tag in image.get("RepoTags") or ()}
    if wanted not in tags and any(tag.endswith(f"/{wanted}") for tag in tags):
        return None
    if platform and image["Architecture"] != make.architecture(platform):
        return None
    published = [digest.partition("@")[2] for digest in image.get("RepoDigests") or []]
    digest = published[0] if published else str(image["Id"])
    # The image's label tells that drydock made it, also under a later reference.
    if ((image.get("Config") or {}).get("Labels") or {}).get(make.KIND_LABEL) == "made":
        return Base(reference, digest, "made", "made here before")
    return Base(reference, digest, "local", "it is on the engine")


def release(engine: Engine, base: Base) -> str:
    """Return the patch release of a base image's Python."""
    with started(engine, Run(base.reference, command=("python3", "--version"), owner="base")) as running:
        running.container.wait()
        return running.log().removeprefix("Python ")


def describe(base: Base) -> str:
    """Describe a base image in a few lines."""
    lines = [f"{base.reference} ({base.kind}): {base.why}", f"digest {base.digest}"]
    if base.kind == "made":
        lines.append(
            "made from Debian packages to be like the official image; images on it are labelled so, "
            "and are pushed only to a loopback registry unless you say otherwise"
        )
    return "\n".join(lines)
