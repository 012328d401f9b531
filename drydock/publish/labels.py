"""An image's labels: the OCI annotations, ``maintainer``, and drydock's own.

Names and meanings follow the OCI image specification, "Pre-Defined Annotation Keys".
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from drydock.base import Base
from drydock.base.make import KIND_LABEL
from drydock.engine import PROJECT_LABEL
from drydock.project import Project, git
from drydock.project import metadata as project_metadata
from drydock.project.git import Checkout

OCI = "org.opencontainers.image."
MAINTAINER = "maintainer"
DIRTY = "dev.drydock.source.dirty"
BASE_KIND = KIND_LABEL
MADE = "made"

# The labels of a complete image, and each one's source.
WANTED: dict[str, str] = {
    OCI + "title": "the project's name",
    OCI + "description": "[project] description",
    OCI + "version": "[project] version",
    OCI + "revision": "the git commit",
    OCI + "created": "SOURCE_DATE_EPOCH, or the time of the git commit",
    OCI + "source": "the git remote, or [project.urls] Source",
    OCI + "url": "[project.urls] Homepage, or the source",
    OCI + "documentation": "[project.urls] Documentation, or the homepage",
    OCI + "licenses": "[project] license",
    OCI + "vendor": "[tool.drydock.labels], or the first author's name",
    OCI + "authors": "[project] authors",
    OCI + "base.name": "the base image",
    OCI + "base.digest": "the base image",
    MAINTAINER: "[project] maintainers, or authors",
}


@dataclass(frozen=True)
class Difference:
    """A label with a wrong value, or without one."""

    key: str
    found: str | None  # the image's value; None if it has none
    wanted: str | None  # the expected value; None if any value will do

    def __str__(self) -> str:
        if self.wanted is None:
            return f"{self.key} is missing; it comes from {WANTED[self.key]}"
        if self.found is None:
            return f"{self.key} is missing; it should be {self.wanted!r}"
        return f"{self.key} is {self.found!r}; it should be {self.wanted!r}"


def labels_for(
    project: Project, checkout: Checkout, base: Base | None, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return all labels of this project's images; empty ones are left out."""
    metadata = project_metadata(project.source)
    urls = {_plain(name): str(url) for name, url in metadata.get("urls", {}).items()}
    repository = checkout.url or _first(urls, "source", "sourcecode", "repository", "github")
    homepage = _first(urls, "homepage", "home") or repository
    authors = _people(metadata.get("authors", []))
    maintainers = _people(metadata.get("maintainers", [])) or authors
    seconds = git.epoch(checkout, environment)
    created = "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    found = {
        OCI + "title": project.name,
        OCI + "description": project.description,
        OCI + "version": project.version,
        OCI + "revision": checkout.revision,
        OCI + "created": created,
        OCI + "source": repository,
        OCI + "url": homepage,
        OCI + "documentation": _first(urls, "documentation", "docs") or homepage,
        OCI + "licenses": _license(metadata),
        OCI + "vendor": authors[0].partition(" <")[0] if authors else "",
        OCI + "authors": ", ".join(authors),
        OCI + "base.name": base.reference if base else "",
        OCI + "base.digest": base.digest if base else "",
        MAINTAINER: ", ".join(maintainers),
        # Whether a published base was pulled now or before says nothing about the image.
        BASE_KIND: MADE if base and base.kind == MADE else "",
        DIRTY: "true" if checkout.dirty else "false",
        PROJECT_LABEL: project.image,
    }
    return {key: value for key, value in found.items() if value} | dict(project.labels)


def check(found: Mapping[str, str], wanted: Mapping[str, str]) -> list[Difference]:
    """Compare an image's labels with the expected ones.

    An extra label is not a difference: a base image brings its own. A missing label of a complete image is
    one even if ``wanted`` has no value for it.
    """
    wrong = {key: value for key, value in wanted.items() if found.get(key) != value}
    different = [Difference(key, found.get(key), value) for key, value in wrong.items()]
    missing = [Difference(key, None, None) for key in WANTED if key not in wanted and not found.get(key)]
    return different + missing


def _plain(name: str) -> str:
    """Normalize a project URL's label as PyPA's specification of well-known labels does."""
    return "".join(character for character in name.lower() if character.isalnum())


def _first(urls: Mapping[str, str], *names: str) -> str:
    return next((urls[name] for name in names if name in urls), "")


def _people(table: list[Mapping[str, str] | str]) -> list[str]:
    """Return ``Name <mail>`` for each person, or only one of both; Poetry's form is a text already."""
    if texts := [person for person in table if isinstance(person, str)]:
        return texts
    people = [person for person in table if not isinstance(person, str)]
    pairs = [(person.get("name", ""), person.get("email", "")) for person in people]
    return [f"{name} <{mail}>" if name and mail else name or mail for name, mail in pairs]


def _license(metadata: Mapping[str, Any]) -> str:
    """Return the SPDX expression; the old table form may hold one in ``text``, but a file name is none."""
    stated = metadata.get("license", "")
    return str(stated.get("text", "")) if isinstance(stated, dict) else str(stated)
