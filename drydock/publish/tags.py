"""Decide an image's tags from the project's version and the state of its source.

An *immutable* tag names one image for good: ``sha-<12>`` and the full version. A *floating* tag moves to
every newer release: ``1.4``, ``1`` and ``latest``. The less obvious rules:

* Equal versions give equal tags: ``1.4`` is ``1.4.0`` (PEP 440), so it is written with three numbers. The
  immutable tag of a release called ``1.4`` is thus never overwritten by the floating ``1.4`` of 1.4.1.
* Pre-releases and development releases move no floating tag.
* A local version (``1.4.2+abc.1``) is one's own build of a release, not the release: it becomes
  ``1.4.2-abc.1`` and moves no floating tag.
* A post release (``1.4.2.post1``) replaces its release: it moves all floating tags, but not ``1.4.2`` itself.
* ``0`` does not float: before 1.0 every minor release may break its users, so ``0`` is not worth following.
* An epoch (``1!2.0``) is written ``1_2.0.0``, since ``!`` is illegal, in the floating tags too.
* A project without a version gets its commit's tag alone.
* A dirty tree adds ``-dirty`` to the immutable tags and moves no floating tag.
"""

from collections.abc import Iterable

from packaging.version import InvalidVersion, Version

from drydock.project import UNDECLARED, Project
from drydock.project.git import Checkout
from drydock.publish.errors import IllegalVersion, NoVersion
from drydock.publish.reference import check_tag

DIRTY = "-dirty"
LATEST = "latest"
REVISION_CHARACTERS = 12


def tags(version: str, revision: str, dirty: bool) -> tuple[str, ...]:
    try:
        parsed = Version(version)
    except InvalidVersion as error:
        raise IllegalVersion(version=version) from error
    immutable = [f"sha-{revision[:REVISION_CHARACTERS]}"] if revision else []
    if version == UNDECLARED:
        # An undeclared version names no image for good, and is never the latest.
        if not revision:
            raise NoVersion()
        return (check_tag(immutable[0] + DIRTY * dirty),)
    immutable.append(_full(parsed))
    if dirty:
        return tuple(check_tag(tag + DIRTY) for tag in immutable)
    return tuple(check_tag(tag) for tag in (*immutable, *_floating(parsed)))


def names(project: Project, source: Checkout, *, version: str = "", registry: str = "") -> tuple[str, ...]:
    """Return an image's references, those that never move first."""
    repository = f"{registry.rstrip('/')}/{project.image}" if registry else project.image
    found = tags(version or project.version, source.revision, source.dirty)
    return tuple(f"{repository}:{tag}" for tag in found)


def leading(version: str, existing: Iterable[str]) -> tuple[str, ...]:
    """Return the floating tags that a release may take: newer series keep theirs."""
    floating = tags(version, "", dirty=False)[1:]
    newer = [other for tag in existing if (other := _released(tag)) and other > Version(version)]
    theirs = {name for other in newer for name in _floating(other)}
    return tuple(name for name in floating if name not in theirs)


def _released(tag: str) -> Version | None:
    """Return the release that an immutable tag names; None for other tags."""
    try:
        found = Version(tag.replace("_", "!", 1))
    except InvalidVersion:
        return None
    # A floating tag has fewer numbers. A hyphen starts a local part here, but a post release for packaging.
    return found if len(found.release) > 2 and "-" not in tag and not found.is_prerelease else None


def is_dirty(tag: str) -> bool:
    return tag.endswith(DIRTY)


def _epoch(version: Version) -> str:
    return f"{version.epoch}_" if version.epoch else ""


def _full(version: Version) -> str:
    release = list(version.release)
    while len(release) > 3 and release[-1] == 0:
        release.pop()
    release += [0] * (3 - len(release))
    written = _epoch(version) + ".".join(map(str, release))
    if version.pre:
        written += f"{version.pre[0]}{version.pre[1]}"
    if version.post is not None:
        written += f".post{version.post}"
    if version.dev is not None:
        written += f".dev{version.dev}"
    return f"{written}-{version.local}" if version.local else written


def _floating(version: Version) -> list[str]:
    if version.is_prerelease or version.local:
        return []
    epoch = _epoch(version)
    major = [f"{epoch}{version.major}"] if version.major else []
    return [f"{epoch}{version.major}.{version.minor}", *major, LATEST]
