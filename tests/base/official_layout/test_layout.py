"""The same Dockerfile on a base with the official image's layout: Python in /usr/local, none in /usr."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drydock.gates import parity, smoke
from drydock.gates.subject import Subject
from drydock.image import Anatomy
from drydock.report import MB
from drydock.verdict import Outcome
from drydock.workspace import Workspace
from tests.container import test_production as facts

# The first test waits until CPython is compiled.
pytestmark = pytest.mark.timeout(1800)
TARGETS = ("production", "slim")


@pytest.mark.parametrize("target", TARGETS)
def test_the_image_starts_answers_and_stops(workspace: Workspace, target: str) -> None:

    verdict = smoke.judge(Subject(workspace, target))

    assert verdict.outcome is Outcome.PASSED, f"{verdict.summary}\n{verdict.evidence}"


def test_production_answers_as_slim_does(workspace: Workspace) -> None:
    verdict = parity.judge(Subject(workspace, "production"))

    assert verdict.outcome is Outcome.PASSED, verdict.details


def test_all_of_productions_python_is_in_usr_local(workspace: Workspace) -> None:
    script = """
import json, os, sys, zlib
assert sys.base_prefix == "/usr/local"
assert json.__file__.startswith("/usr/local/lib/python3.13/json/"), json.__file__
assert os.__file__ == "/usr/local/lib/python3.13/os.py", os.__file__
assert zlib.__file__.startswith("/usr/local/lib/python3.13/lib-dynload/"), zlib.__file__
libraries = {line.split()[-1] for line in open("/proc/self/maps") if "libpython3.13" in line}
assert libraries == {"/usr/local/lib/libpython3.13.so.1.0"}, libraries
"""
    assert facts.python(workspace.built("production").image_id, script) == ""
    strays = [
        path for path in Anatomy(workspace.measured("production")).tree if path.startswith("/usr/lib/python")
    ]
    assert strays == []


@pytest.mark.parametrize(
    "fact",
    [
        facts.test_every_module_of_the_standard_library_imports_but_those_left_out,
        facts.test_every_top_level_module_of_every_distribution_imports,
        facts.test_names_zones_certificates_database_and_encodings_work,
    ],
)
def test_nothing_is_missing_from_slim(workspace: Workspace, fact: Callable[[str], None]) -> None:
    fact(workspace.built("slim").image_id)


def test_every_shared_object_of_slims_python_and_dependencies_loads(workspace: Workspace) -> None:
    assert facts.unloadable(workspace.built("slim").image_id, "/usr/local", "/opt") == ""


def test_production_keeps_to_its_budget_and_slim_adds_no_more_to_its_base(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    production, slim = (workspace.measured(target) for target in TARGETS)
    base = workspace.look(workspace.base.reference)
    with capsys.disabled():
        for name, image in (("production", production), ("slim", slim), ("the base", base)):
            sizes = f"{image.on_disk / MB:.1f} MB on disk, {image.on_wire / MB:.1f} MB on the wire"
            print(f"\n{name}: {sizes}", end="")  # noqa: T201

    budget, growth = (workspace.project.budget(target) for target in TARGETS)
    assert (production.on_disk <= budget.on_disk, production.on_wire <= (budget.on_wire or 0)) == (True, True)
    assert growth.over_base is not None
    assert slim.on_disk - base.on_disk <= (growth.over_base.on_disk or 0)
