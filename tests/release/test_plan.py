from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drydock import release
from drydock.project import Project, configuration
from drydock.project.git import Checkout
from drydock.publish.errors import IllegalVersion
from drydock.release.errors import NoRegistry, NotReleasable
from drydock.release.plan import PUSH, RELEASE, SIGN
from drydock.release.steps import STEPS
from tests.conftest import MakeProject, write_files

SOURCE = Checkout("0123456789abcdef0123456789abcdef01234567", False, 1_700_000_000, "")
REGISTRY = "registry.example/acme"


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    return make_project({})


def decide(project: Project, version: str = "1.4.2", source: Checkout = SOURCE) -> release.Plan:
    return release.to_release(version, project, source, REGISTRY, "production", key="cosign.key")


def test_the_commits_tag_is_pushed_and_the_versions_tags_follow(project: Project) -> None:
    plan = decide(project)

    assert str(plan.pushed) == "registry.example/acme/shop:sha-0123456789ab"
    assert plan.tags == ("1.4.2", "1.4", "1", "latest")
    assert str(plan.versioned) == "registry.example/acme/shop:1.4.2"


def test_the_gates_are_those_that_a_push_demands(project: Project) -> None:
    demanded = ("container_tests", "size_budget", "smoke", "security", "parity", "licences")

    assert decide(project).gates == demanded


def test_a_release_with_accepted_vulnerabilities_audits_them(project: Project) -> None:
    """Its VEX document states what `audit` found and accepted."""
    until = datetime.now(UTC).date() + timedelta(days=30)
    ignore = f'[[audit.ignore]]\ncheck = "CVE-1"\nreason = "no"\nuntil = {until}\n'
    write_files(project.root, {"image/expectations.toml": ignore})

    assert decide(project).gates[-1] == "audit"


@pytest.mark.parametrize("spelling", ["v1.4.2", "1.4.2.0"])
def test_a_version_is_the_same_in_every_spelling(project: Project, spelling: str) -> None:
    assert decide(project, spelling) == decide(project)


def test_an_epoch_stands_in_the_tags_as_it_can(make_project: MakeProject) -> None:
    project = make_project({"pyproject.toml": '[project]\nname = "shop"\nversion = "1!2.0"\n'})

    plan = decide(project, "1!2.0.0")

    assert (plan.version, plan.tags) == ("1!2.0", ("1_2.0.0", "1_2.0", "1_2", "latest"))


def test_another_version_than_the_projects_is_refused(project: Project) -> None:
    with pytest.raises(NotReleasable) as caught:
        decide(project, "1.5.0")
    assert str(caught.value) == (
        f"error: version 1.5.0 cannot be released: {project.source / 'pyproject.toml'} says 1.4.2 "
        "in [project]; "
        "write version '1.5.0' there, commit and repeat the command"
    )


@pytest.mark.parametrize(
    ("manifest", "named"),
    [
        ("[tool.poetry]\nname = 'shop'\nversion = '1.4.2'\n", "says 1.4.2 in [tool.poetry]"),
        ("[project]\nname = 'shop'\n", "states no version"),
        (
            "[tool.poetry]\nversion = '0.0.0'\n[tool.poetry-dynamic-versioning]\nenable = true\n",
            "leaves the version to [tool.poetry-dynamic-versioning], which drydock does not read",
        ),
        (
            "[project]\nname = 'shop'\ndynamic = ['version']\n"
            "[tool.hatch.version]\npath = 'shop/version.py'\n",
            "leaves the version to [tool.hatch.version] shop/version.py, which drydock does not read",
        ),
        (
            "[project]\nname = 'shop'\ndynamic = ['version']\n"
            "[tool.setuptools.dynamic]\nversion = {attr = 'shop.__version__'}\n",
            "leaves the version to [tool.setuptools.dynamic] shop.__version__, which drydock does not read",
        ),
        (
            "[project]\nname = 'shop'\ndynamic = ['version']\n",
            "leaves the version to its build tool, which drydock does not read",
        ),
    ],
)
def test_the_file_that_holds_the_version_is_named(
    make_project: MakeProject, manifest: str, named: str
) -> None:
    project = make_project({"pyproject.toml": manifest})
    with pytest.raises(NotReleasable) as caught:
        decide(project, "1.5.0")
    assert f"released: {project.source / 'pyproject.toml'} {named}; write version '1.5.0'" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (
            {"setup.cfg": "[metadata]\nversion = 1.4.2\n"},
            "/setup.cfg says 1.4.2 in [metadata]; write version '1.5.0' into its [metadata], commit",
        ),
        (
            {"setup.cfg": "[metadata]\nversion = attr: shop.__version__\n"},
            "/setup.cfg states no version itself; write version '1.5.0' into its [metadata], commit",
        ),
        (
            {"setup.py": "setup(version='1.4.2')\n"},
            "/setup.py holds the version, which drydock does not read from a program; move it",
        ),
        (
            {"requirements.txt": "fastapi\n"},
            "/pyproject.toml does not describe the project; write [project] with a name and version '1.5.0'",
        ),
    ],
)
def test_a_project_without_a_manifest_is_told_where_its_version_belongs(
    tmp_path: Path, files: dict[str, str], named: str
) -> None:
    write_files(tmp_path, files)
    project = configuration.read(tmp_path, lambda _root, _given: {})
    with pytest.raises(NotReleasable) as caught:
        decide(project, "1.5.0")
    assert f"released: {project.source}{named}" in str(caught.value)


def test_a_version_of_setup_cfg_is_released(tmp_path: Path) -> None:
    write_files(tmp_path, {"setup.cfg": "[metadata]\nname = shop\nversion = 1.4.2\n"})
    assert decide(configuration.read(tmp_path, lambda _root, _given: {})).tags[0] == "1.4.2"


def test_what_is_no_version_is_refused(project: Project) -> None:
    with pytest.raises(IllegalVersion, match="'next' is not a version"):
        decide(project, "next")


def test_uncommitted_changes_are_refused(project: Project) -> None:
    with pytest.raises(NotReleasable, match="uncommitted changes; commit or stash them"):
        decide(project, source=replace(SOURCE, dirty=True))


def test_a_project_without_a_commit_is_refused(project: Project) -> None:
    with pytest.raises(NotReleasable, match="has no git commit"):
        decide(project, source=Checkout())


def test_a_local_version_is_refused(make_project: MakeProject) -> None:
    project = make_project({"pyproject.toml": '[project]\nname = "shop"\nversion = "1.4.2+mine"\n'})

    with pytest.raises(NotReleasable, match="its local part marks a private build"):
        decide(project, "1.4.2+mine")


def test_a_project_without_a_registry_is_told_how_to_name_one(project: Project) -> None:
    with pytest.raises(NoRegistry):
        release.to_release("1.4.2", project, SOURCE, "", "production")


def test_a_pre_release_moves_only_its_own_tag(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project({"pyproject.toml": '[project]\nname = "shop"\nversion = "1.5.0rc1"\n'})

    assert decide(project, "1.5.0-rc.1").tags == ("1.5.0rc1",)


def test_a_push_sets_every_tag_and_a_signing_none(project: Project) -> None:
    push = release.to_push(project, SOURCE, REGISTRY, "production", force="the tracker is down")
    sign = release.to_sign(project, SOURCE, REGISTRY, "production", key="cosign.key")

    assert [name.tag for name in push.names] == ["sha-0123456789ab", "1.4.2", "1.4", "1", "latest"]
    assert push.steps == ("receipts", "push", "move")
    assert sign.steps == ("find", "receipts", "sbom", "attach", "sign")
    assert str(sign.pushed) == "registry.example/acme/shop:sha-0123456789ab"


def test_a_dirty_tree_can_be_pushed_under_its_own_tags_only(project: Project) -> None:
    plan = release.to_push(project, replace(SOURCE, dirty=True), REGISTRY, "production")

    assert [name.tag for name in plan.names] == ["sha-0123456789ab-dirty", "1.4.2-dirty"]


def test_an_undeclared_version_is_pushed_under_its_commit_alone(make_project: MakeProject) -> None:
    project = make_project({"pyproject.toml": '[project]\nname = "shop"\ndynamic = ["version"]\n'})
    plan = release.to_push(project, SOURCE, REGISTRY, "production")

    assert [name.tag for name in plan.names] == ["sha-0123456789ab"]


def test_three_plans_take_their_steps_from_one_table() -> None:
    used = {name for steps in (PUSH, SIGN, RELEASE) for name in steps}

    assert used == set(STEPS)
