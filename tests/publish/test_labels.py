from __future__ import annotations

from dataclasses import replace

import pytest

from drydock.base import Base
from drydock.engine import PROJECT_LABEL
from drydock.errors import BadConfiguration
from drydock.project import Project
from drydock.project.git import Checkout
from drydock.publish import labels
from drydock.publish.labels import MAINTAINER, OCI, check, labels_for
from tests.conftest import MakeProject

PYPROJECT = """
[project]
name = "shop"
version = "1.4.2"
description = "Sells things"
requires-python = ">=3.13"
license = "Apache-2.0"
authors = [{ name = "Ann", email = "ann@example.com" }, { name = "Bob" }]
maintainers = [{ email = "team@example.com" }]

[project.urls]
Homepage = "https://shop.example.com"
Documentation = "https://docs.example.com"

[tool.drydock.labels]
"org.opencontainers.image.vendor" = "Acme"
"com.example.team" = "ships"
"""
SOURCE = Checkout("0123456789abcdef" * 2, False, 1_700_000_000, "https://github.com/acme/shop")


BASE = Base("python:3.13-slim", "sha256:" + "ab" * 32, "local", "it is on the engine")


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    return make_project({"pyproject.toml": PYPROJECT})


def test_every_annotation_has_its_value(project: Project) -> None:
    assert labels_for(project, SOURCE, BASE, {}) == {
        OCI + "title": "shop",
        OCI + "description": "Sells things",
        OCI + "version": "1.4.2",
        OCI + "revision": SOURCE.revision,
        OCI + "created": "2023-11-14T22:13:20Z",
        OCI + "source": "https://github.com/acme/shop",
        OCI + "url": "https://shop.example.com",
        OCI + "documentation": "https://docs.example.com",
        OCI + "licenses": "Apache-2.0",
        OCI + "vendor": "Acme",
        OCI + "authors": "Ann <ann@example.com>, Bob",
        OCI + "base.name": "python:3.13-slim",
        OCI + "base.digest": BASE.digest,
        MAINTAINER: "team@example.com",
        labels.DIRTY: "false",
        PROJECT_LABEL: "shop",
        "com.example.team": "ships",
    }


def test_source_date_epoch_wins_over_the_commit(project: Project) -> None:
    found = labels_for(project, SOURCE, BASE, {"SOURCE_DATE_EPOCH": "0"})

    assert found[OCI + "created"] == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize("given", ["yesterday", "-1", "1.5", "\u0661"])
def test_a_source_date_epoch_that_is_no_number_is_refused(project: Project, given: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        labels_for(project, SOURCE, BASE, {"SOURCE_DATE_EPOCH": given})
    assert str(caught.value) == (
        f"error: SOURCE_DATE_EPOCH: {given!r} is not a whole number; give it seconds since 1970"
    )


def test_what_is_not_known_is_left_out(make_project: MakeProject) -> None:
    found = labels_for(make_project({}), Checkout(), None, {})

    assert found == {
        OCI + "title": "shop",
        OCI + "version": "1.4.2",
        labels.DIRTY: "false",
        PROJECT_LABEL: "shop",
    }


def test_the_projects_urls_stand_in_for_a_remote(make_project: MakeProject) -> None:
    urls = '[project.urls]\n"Source Code" = "https://git.example.org/shop"\n'
    project = make_project({"pyproject.toml": '[project]\nname = "shop"\n' + urls})

    found = labels_for(project, Checkout(), None, {})

    assert found[OCI + "source"] == found[OCI + "url"] == "https://git.example.org/shop"


def test_a_dirty_source_is_marked(project: Project) -> None:
    assert labels_for(project, replace(SOURCE, dirty=True), BASE, {})[labels.DIRTY] == "true"


def test_an_image_on_a_made_base_is_marked(project: Project) -> None:
    made = replace(BASE, reference="local/python:3.13-slim", kind="made")

    assert labels_for(project, SOURCE, made, {})[labels.BASE_KIND] == labels.MADE


def test_pulling_the_base_changes_no_label(project: Project) -> None:
    pulled = replace(BASE, kind="pulled", why="pulled just now")

    assert labels_for(project, SOURCE, pulled, {}) == labels_for(project, SOURCE, BASE, {})


def test_a_licence_text_of_the_old_form_is_read(make_project: MakeProject) -> None:
    project = make_project({"pyproject.toml": '[project]\nname = "shop"\nlicense = { text = "MIT" }\n'})

    assert labels_for(project, Checkout(), None, {})[OCI + "licenses"] == "MIT"


def test_equal_labels_have_no_difference(project: Project) -> None:
    wanted = labels_for(project, SOURCE, BASE, {})

    assert check(wanted | {"from.the.base": "kept"}, wanted) == []


def test_a_difference_names_what_was_found_and_what_is_wanted(project: Project) -> None:
    wanted = labels_for(project, SOURCE, BASE, {})
    found = wanted | {OCI + "version": "1.4.1"}
    del found[MAINTAINER]

    assert [str(one) for one in check(found, wanted)] == [
        "org.opencontainers.image.version is '1.4.1'; it should be '1.4.2'",
        "maintainer is missing; it should be 'team@example.com'",
    ]


def test_an_annotation_that_nobody_can_fill_is_a_difference(make_project: MakeProject) -> None:
    wanted = labels_for(make_project({}), SOURCE, BASE, {})

    assert [str(one) for one in check(wanted, wanted)] == [
        "org.opencontainers.image.description is missing; it comes from [project] description",
        "org.opencontainers.image.licenses is missing; it comes from [project] license",
        "org.opencontainers.image.vendor is missing; "
        "it comes from [tool.drydock.labels], or the first author's name",
        "org.opencontainers.image.authors is missing; it comes from [project] authors",
        "maintainer is missing; it comes from [project] maintainers, or authors",
    ]
