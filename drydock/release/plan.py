"""What a release would do, decided from the project and its source before anything is done."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from drydock import errors
from drydock.gates import proof
from drydock.project import Project
from drydock.project.git import Source
from drydock.publish import tags
from drydock.publish.reference import Reference, parse


@dataclass(frozen=True)
class Plan:
    """A release.

    Args:
        version: As the project writes it.
        revision: The full id of the commit.
        target: The target that is released.
        image: The repository name on the engine, without a registry.
        pushed: Where the image is pushed to: the tag of its commit, on the registry.
        tags: The version's own tag, and those that would follow it if no newer release has them.
        gates: What the image has to pass.
        key: What it is signed with; cosign asks who its user is where there is none.
    """

    version: str
    revision: str
    target: str
    image: str
    pushed: Reference
    tags: tuple[str, ...]
    gates: tuple[str, ...]
    key: str

    @property
    def versioned(self) -> Reference:
        """The version's own name on the registry, which never moves."""
        return self.pushed.with_tag(self.tags[0])


def decide(version: str, project: Project, source: Source, registry: str, target: str, key: str) -> Plan:
    """Decide what a release does, or why there can be none.

    No branch is demanded: fixes of an older series come from a branch of their own, and the provenance names
    the commit.

    Args:
        version: What is to be released, in any spelling of PEP 440.
        project: Whose version it is.
        source: Where the project stands in version control.
        registry: Where to; the project's own when empty.
        target: The target to release.
        key: File or KMS URI of the private key; empty to sign without one.

    Raises:
        errors.IllegalVersion: The version does not follow PEP 440.
        errors.NoRegistry: Neither the caller nor the project names one.
        errors.NotReleasable: The source is no commit's, or the version is not the project's, or is local.
    """

    def refused(reason: str, how: str) -> errors.NotReleasable:
        return errors.NotReleasable(version=version, reason=reason, how=how)

    try:
        wanted = Version(version)
    except InvalidVersion as error:
        raise errors.IllegalVersion(version=version) from error
    where = registry or project.registry
    if not where:
        raise errors.NoRegistry()
    manifest = project.source / "pyproject.toml"
    # The image says its version itself: in its label, and in the metadata of the distribution inside it.
    if Version(project.version) != wanted:
        how = f"write version {version!r} there, commit and repeat the command"
        raise refused(f"{manifest} says {project.version}", how)
    if wanted.local:
        raise refused("its local part marks somebody's own build", "release it without the part after the +")
    if not source.revision:
        raise refused(f"{project.root} has no commit of git", "commit everything that belongs to it")
    if source.dirty:
        raise refused("the working tree has uncommitted changes", "commit or stash them")
    first, *rest = tags.tags(version, source.revision, dirty=False)
    return Plan(
        version=project.version,
        revision=source.revision,
        target=target,
        image=project.image,
        pushed=parse(f"{where.rstrip('/')}/{project.image}:{first}"),
        tags=tuple(rest),
        gates=tuple(gate.name for gate in proof.demanded(target)),
        key=key,
    )
