"""Decide the steps of a push, a signing or a release before any is done."""

from dataclasses import dataclass, replace
from typing import Any

from packaging.version import InvalidVersion, Version

from drydock import toml
from drydock.gates import proof
from drydock.project import Project, setup_version
from drydock.project.git import Checkout
from drydock.publish.errors import IllegalVersion
from drydock.publish.push import NONE, Permissions
from drydock.publish.reference import Reference, parse
from drydock.publish.tags import names
from drydock.release.errors import NoRegistry, NotReleasable

PUSH = ("receipts", "push", "move")
SIGN = ("find", "receipts", "sbom", "attach", "sign")
RELEASE = ("build", "gates", "tag", "sbom", "push", "attach", "sign", "move")


@dataclass(frozen=True)
class Plan:
    """The steps of a push, a signing or a release, and their subject."""

    command: str  # the command's words, such as ``release 1.5.0``
    steps: tuple[str, ...]
    version: str
    revision: str
    target: str
    image: str
    pushed: Reference  # the tag of the image's commit, on the registry
    tags: tuple[str, ...]  # the tags that follow: the version's own, and those of its series
    gates: tuple[str, ...] = ()
    key: str = ""
    force: str = ""  # why the image leaves without receipts; empty if it has them
    # The builds to push, several as an index; one empty text stands for the engine's own platform.
    platforms: tuple[str, ...] = ("",)
    permissions: Permissions = NONE

    @property
    def releases(self) -> bool:
        """Whether the version's tag is final, and tags of a series never move back to an older version."""
        return self.steps == RELEASE

    @property
    def versioned(self) -> Reference:
        """The version's own name on the registry, which never moves."""
        return self.pushed.with_tag(self.tags[0])

    @property
    def names(self) -> list[Reference]:
        """Every name on the registry, those that never move first."""
        return [self.pushed, *map(self.pushed.with_tag, self.tags)]


def to_push(project: Project, checkout: Checkout, registry: str, target: str, **choices: Any) -> Plan:
    """Plan the push of a built target under all its tags; the choices are further fields of the plan."""
    return replace(_plan("push", PUSH, project, checkout, registry, target), **choices)


def to_sign(project: Project, checkout: Checkout, registry: str, target: str, **choices: Any) -> Plan:
    """Plan the signing of a pushed target, its bills of materials and its provenance."""
    return replace(_plan("sign", SIGN, project, checkout, registry, target), **choices)


def to_release(
    version: str, project: Project, checkout: Checkout, registry: str, target: str, **choices: Any
) -> Plan:
    """Plan a release, or raise the reason against it.

    Any branch may release: fixes of an older series come from their own, and the provenance names the commit.
    """

    def refused(reason: str, how: str) -> NotReleasable:
        return NotReleasable(version=version, reason=reason, how=how)

    try:
        wanted = Version(version)
    except InvalidVersion as error:
        raise IllegalVersion(version=version) from error
    address(project, checkout, registry)
    # The image states its version in its label and in the metadata of its distribution.
    if Version(project.version) != wanted:
        raise refused(*_other_version(project, version))
    if wanted.local:
        raise refused("its local part marks a private build", "release it without the part after the +")
    if not checkout.revision:
        raise refused(f"{project.root} has no git commit", "commit everything that belongs to it")
    if checkout.dirty:
        raise refused("the working tree has uncommitted changes", "commit or stash them")
    gates = tuple(gate.name for gate in proof.released(target, project))
    plan = _plan(f"release {project.version}", RELEASE, project, checkout, registry, target)
    return replace(plan, gates=gates, **choices)


def _other_version(project: Project, version: str) -> tuple[str, str]:
    """Return which file states another version, or none, and how to change that."""
    manifest = project.source / "pyproject.toml"
    content = toml.read(manifest)
    tools = content.get("tool", {})
    if "project" not in content and "poetry" not in tools:
        return _without_manifest(project, version)
    if tools.get("poetry-dynamic-versioning", {}).get("enable"):
        other = "[tool.poetry-dynamic-versioning], which drydock does not read"
        fact = f"{manifest} leaves the version to {other}"
        return fact, f"write version {version!r} there and set its `enable` to false"
    for name, table in (("project", content.get("project", {})), ("tool.poetry", tools.get("poetry", {}))):
        if "version" in table:
            how = f"write version {version!r} there, commit and repeat the command"
            return f"{manifest} says {project.version} in [{name}]", how
    if "version" not in content.get("project", {}).get("dynamic", []):
        how = f"write version {version!r} into [project] there, commit and repeat the command"
        return f"{manifest} states no version", how
    named: dict[str, dict[str, Any] | None] = {
        "tool.hatch.version": tools.get("hatch", {}).get("version"),
        "tool.setuptools.dynamic": tools.get("setuptools", {}).get("dynamic", {}).get("version"),
        "tool.pdm.version": tools.get("pdm", {}).get("version"),
        "tool.setuptools_scm": tools.get("setuptools_scm"),
    }
    by = next((name for name, table in named.items() if table is not None), "")
    options = named.get(by) or {}
    place = next((str(options[key]) for key in ("path", "file", "attr", "source") if key in options), "")
    holder = " ".join(filter(None, (f"[{by}]" if by else "its build tool", place)))
    how = f"write version {version!r} into [project] there, and take it out of `dynamic`"
    return f"{manifest} leaves the version to {holder}, which drydock does not read", how


def _without_manifest(project: Project, version: str) -> tuple[str, str]:
    setup, configuration = (project.source / name for name in ("setup.py", "setup.cfg"))
    how = f"write version {version!r} into its [metadata], commit and repeat the command"
    if setup_version(project.source):
        return f"{configuration} says {project.version} in [metadata]", how
    if configuration.is_file():
        return f"{configuration} states no version itself", how
    if setup.is_file():
        fact = f"{setup} holds the version, which drydock does not read from a program"
        return fact, f"move it into [metadata] of {configuration}, commit and repeat the command"
    fact = f"{project.source / 'pyproject.toml'} does not describe the project"
    return fact, f"write [project] with a name and version {version!r} there, commit and repeat the command"


def address(project: Project, checkout: Checkout, registry: str) -> list[Reference]:
    """Return the names of a project's image on its registry, those that never move first."""
    where = registry or project.registry
    if not where:
        raise NoRegistry()
    return [parse(name) for name in names(project, checkout, registry=where)]


def _plan(
    command: str, steps: tuple[str, ...], project: Project, checkout: Checkout, registry: str, target: str
) -> Plan:
    first, *rest = address(project, checkout, registry)
    tags = tuple(name.tag for name in rest)
    return Plan(command, steps, project.version, checkout.revision, target, project.image, first, tags)
