"""Layers by rate of change, and libraries opened by name, each in real builds of a changed copy."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from drydock.build import Options, build
from drydock.build.errors import BuildFailed
from drydock.detect.project import load
from drydock.engine import Engine
from drydock.engine.runtime import Run, started
from drydock.gates.build_cache import copy_context, touch_source
from tests.conftest import ROOT
from tests.support.images import remove_repository

pytestmark = [pytest.mark.live, pytest.mark.acceptance]

REFERENCE = "drydock-tests/layers:live"
# In the base image, but never opened in production.
LIBRARY = "libmount.so.1"
# The digest of an archive without files.
EMPTY = f"sha256:{hashlib.sha256(bytes(1024)).hexdigest()}"


@dataclass(frozen=True)
class Layers:
    """The digests of production's uncompressed layers, by rate of change."""

    runtime: str
    dependencies: str
    resources: str
    code: str


class Builder:
    """Builds production from a changeable copy of this repository's context."""

    def __init__(self, engine: Engine, python_image: str, context: Path) -> None:
        self.engine = engine
        self.context = context
        self.project = load(ROOT)
        self.options = Options(
            "production", REFERENCE, build_args={"PYTHON_IMAGE": python_image}, context=context
        )
        copy_context(self.project, context)

    def build(self, **build_args: str) -> str:
        options = self.options.but(build_args={**self.options.build_args, **build_args})
        return build(self.engine, self.project, options).image_id

    def layers(self) -> Layers:
        """Build and return the layers, without WORKDIR's empty one."""
        image = self.engine.sdk.images.get(self.build())
        return Layers(*(layer for layer in image.attrs["RootFS"]["Layers"] if layer != EMPTY))

    def append(self, name: str, text: str) -> None:
        with (self.context / name).open("a") as file:
            file.write(text)


@pytest.fixture
def builder(engine: Engine, python_image: str, tmp_path: Path) -> Iterator[Builder]:
    yield Builder(engine, python_image, tmp_path / "context")
    remove_repository(engine, REFERENCE.split(":")[0])


def test_a_change_of_source_changes_the_layer_of_code_alone(builder: Builder) -> None:
    before = builder.layers()
    touch_source(builder.project, builder.context)
    after = builder.layers()

    assert after.code != before.code
    assert (after.runtime, after.dependencies, after.resources) == (
        before.runtime,
        before.dependencies,
        before.resources,
    )


def test_a_change_of_one_dependency_leaves_the_runtime_and_the_application_alone(builder: Builder) -> None:
    before = builder.layers()
    lock = builder.context / "backend/requirements.lock"
    # Remove one distribution that no other requires.
    rest = re.sub(r"^uvloop==.*\n(?:[ \t]+--hash.*\n)*", "", lock.read_text(), flags=re.MULTILINE)
    assert rest != lock.read_text()
    lock.write_text(rest)
    after = builder.layers()

    assert after.dependencies != before.dependencies
    assert (after.runtime, after.resources, after.code) == (before.runtime, before.resources, before.code)


def test_a_library_that_is_opened_by_name_and_not_declared_fails_the_build(builder: Builder) -> None:
    builder.append("backend/todo_api/main.py", f"\nimport ctypes\nctypes.CDLL({LIBRARY!r})\n")

    with pytest.raises(BuildFailed) as caught:
        builder.build()

    assert f"is not in the image; name {LIBRARY} in EXTRA_FILES" in caught.value.evidence


def test_a_library_that_is_opened_when_a_function_is_called_fails_the_build(builder: Builder) -> None:
    builder.append(
        "backend/todo_api/main.py", f"\ndef mount():\n    import ctypes\n    ctypes.CDLL({LIBRARY!r})\n"
    )

    with pytest.raises(BuildFailed) as caught:
        builder.build()

    assert f"is not in the image; name {LIBRARY} in EXTRA_FILES" in caught.value.evidence


def test_a_library_that_is_opened_by_a_computed_name_fails_the_build_of_the_tests(builder: Builder) -> None:
    name = f"{LIBRARY[:4]!r} + {LIBRARY[4:]!r}"
    builder.append("backend/todo_api/main.py", f"\nimport ctypes\nctypes.CDLL({name})\n")
    builder.options = builder.options.but(target="test")

    with pytest.raises(BuildFailed) as caught:
        builder.build()

    assert f"is not in the image; name {LIBRARY} in EXTRA_FILES" in caught.value.evidence


def test_a_change_of_source_that_imports_nothing_new_traces_nothing_again(builder: Builder) -> None:
    builder.build()
    touch_source(builder.project, builder.context)
    steps = build(builder.engine, builder.project, builder.options).steps

    [trace] = [step for step in steps if "/trace imports" in step.instruction]
    assert trace.cached
    assert any("divide" in step.instruction and not step.cached for step in steps)


def test_a_declared_library_is_in_the_image_with_what_it_needs_and_its_record(builder: Builder) -> None:
    builder.append("backend/todo_api/main.py", f"\nimport ctypes\nctypes.CDLL({LIBRARY!r})\n")
    image = builder.build(EXTRA_FILES=LIBRARY)

    script = (
        "import ctypes, pathlib, todo_api.main\n"
        "from ctypes.util import find_library\n"
        "ctypes.CDLL(find_library('mount')), ctypes.CDLL('libblkid.so.1')\n"
        "print(pathlib.Path('/var/lib/dpkg/status.d/libmount1.md5sums').read_text())"
    )
    with started(builder.engine, Run(image, command=("python3", "-c", script))) as running:
        assert running.container.wait()["StatusCode"] == 0, running.log()
        assert LIBRARY in running.log()


def test_a_declared_library_that_is_nowhere_fails_the_build(builder: Builder) -> None:
    with pytest.raises(BuildFailed) as caught:
        builder.build(EXTRA_FILES="libgone.so.9")

    assert "EXTRA_FILES names libgone.so.9, which was not found" in caught.value.evidence
