"""The interpreter is a component, from any source."""

from __future__ import annotations

import json

import pytest

from drydock.image import components
from drydock.image.components import Component
from drydock.image.packages import Source
from drydock.publish import sbom
from tests.image.making import anatomy_of

BUILT = ["/usr/local/bin/python3.13", "/usr/local/lib/libpython3.13.so.1.0"]
MODULE = "/usr/local/lib/python3.13/lib-dynload/_json.cpython-313-x86_64-linux-gnu.so"
DEBIAN = {
    "/var/lib/dpkg/status": (
        "Package: python3.13-minimal\nStatus: install ok installed\nVersion: 3.13.5-2\nArchitecture: amd64\n"
    ),
    "/var/lib/dpkg/info/python3.13-minimal.list": "/usr/bin/python3.13\n",
}


def interpreter(*programs: str, files: dict[str, str] | None = None, env: tuple[str, ...] = ()) -> Component:
    (one,) = components.find(anatomy_of(files or {}, programs, env)).of(Source.INTERPRETER)
    return one


def test_compiled_interpreter_owns_its_files_and_has_purl_and_cpe() -> None:
    stray = "/usr/local/lib/libstray.so.1"
    image = anatomy_of({}, [*BUILT, MODULE, stray], ["PYTHON_VERSION=3.13.14"])
    found = components.find(image)
    (one,) = found.of(Source.INTERPRETER)
    assert one.purl == "pkg:generic/python@3.13.14"
    assert one.cpe == "cpe:2.3:a:python:python:3.13.14:*:*:*:*:*:*:*"
    assert found.unowned == (stray,)


@pytest.mark.parametrize(
    ("files", "env", "programs", "version"),
    [
        ({}, ("PYTHON_VERSION=3.14.0rc1",), ("/usr/local/bin/python3.14",), "3.14.0rc1"),
        (
            {"/usr/local/include/python3.13/patchlevel.h": '#define PY_VERSION "3.13.9"\n'},
            (),
            tuple(BUILT),
            "3.13.9",
        ),
        (DEBIAN, (), ("/usr/bin/python3.13",), "3.13.5"),
        ({}, (), ("/opt/cpython-3.12.11-linux-x86_64-gnu/bin/python3.12",), "3.12.11"),
        # A variable for another minor version proves nothing, so the version stays incomplete.
        ({}, ("PYTHON_VERSION=3.12.1",), tuple(BUILT), "3.13"),
    ],
)
def test_version_comes_from_records_of_the_image(
    files: dict[str, str], env: tuple[str, ...], programs: tuple[str, ...], version: str
) -> None:
    one = interpreter(*programs, files=files, env=env)
    assert one.version == version
    assert one.by_debian == (files is DEBIAN)


def test_both_sboms_name_the_interpreter() -> None:
    bill = sbom.bill(anatomy_of({}, BUILT, ["PYTHON_VERSION=3.13.14"]))
    (component,) = json.loads(sbom.cyclonedx(bill))["components"]
    assert (component["type"], component["name"], component["version"]) == ("platform", "CPython", "3.13.14")
    assert component["cpe"].startswith("cpe:2.3:a:python:python:3.13.14:")
    _, package = json.loads(sbom.spdx(bill))["packages"]
    assert [row["referenceType"] for row in package["externalRefs"]] == ["purl", "cpe23Type"]
