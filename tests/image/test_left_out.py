"""Every path that production lacks or changes has a reason; unknown paths have none."""

from __future__ import annotations

import pytest

from drydock.container.assemble import reasons
from drydock.image import Kind
from drydock.image.left_out import LeftOut, compare, folded
from tests.image.making import anatomy_of

LIBRARY = "/usr/local/lib/python3.13"
SITE = "/opt/venv/lib/python3.13/site-packages"
BASH = {
    "/var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\nVersion: 5\n",
    "/var/lib/dpkg/info/bash.list": "/usr/bin/bash\n/usr/share/odd/table\n",
}


ACTIVATE = "/opt/venv/bin/activate"


def differences(slim: dict[str, str], production: dict[str, str]) -> LeftOut:
    return compare(anatomy_of(slim), anatomy_of(production))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (f"{LIBRARY}/ensurepip/__init__.py", reasons.STANDARD_LIBRARY["ensurepip"]),
        (f"{LIBRARY}/json/__pycache__/x.cpython-313.pyc", reasons.BYTECODE),
        (f"{LIBRARY}/site-packages/pip/__main__.py", reasons.STANDARD_LIBRARY["site-packages"]),
        (f"{SITE}/six/__pycache__/a.pyc", reasons.BYTECODE),
        ("/usr/lib/x86_64-linux-gnu/libmvec.so.1", reasons.LIBRARY),
        ("/usr/bin/openssl", reasons.PROGRAM),
        ("/etc/shadow", reasons.SYSTEM[next(key for key in reasons.SYSTEM if "shadow" in key)]),
    ],
)
def test_a_missing_file_has_the_reason_of_its_place(path: str, reason: str) -> None:
    (one,) = differences({path: "x" * 7}, {}).missing
    assert (one.path, one.kind, one.size, one.reason) == (path, Kind.FILE, 7, reason)


@pytest.mark.parametrize(
    "path",
    [
        *(f"{SITE}/six.py", f"{SITE}/six/py.typed", f"{SITE}/six/api.h", "/opt/venv/bin/deactivate-users"),
        *(f"{LIBRARY}/json/tool.py", "/app/a.py", ACTIVATE),
    ],
)
def test_a_missing_file_of_the_application_or_a_dependency_has_none(path: str) -> None:
    found = differences({path: "x"}, {})
    assert [one.path for one in found.unexplained] == [path]


def test_a_package_that_nothing_needs_is_named() -> None:
    found = {one.path: one for one in differences({**BASH, "/usr/share/odd/table": "x"}, {}).missing}
    assert (found["/usr/share/odd/table"].package, found["/usr/share/odd/table"].reason) == (
        "bash",
        reasons.PACKAGE,
    )


def test_a_stripped_library_is_explained_and_another_change_is_not() -> None:
    library, module = f"{SITE}/fast.so", f"{SITE}/slow.py"
    found = differences({library: "x" * 9, module: "x = 1"}, {library: "x" * 4, module: "x = 2"})
    assert [(one.path, one.size, one.reason) for one in found.changed] == [
        (library, 5, reasons.STRIPPED),
        (module, 0, ""),
    ]


def test_a_files_second_name_may_be_a_file_of_its_own() -> None:
    unzip, zipinfo = "/usr/bin/unzip", "/usr/bin/zipinfo"
    found = compare(anatomy_of({unzip: "x"}, names={zipinfo: unzip}), anatomy_of({unzip: "x", zipinfo: "x"}))
    assert [(one.path, one.reason) for one in found.changed] == [("/usr/bin/zipinfo", reasons.NAMES)]


def test_the_loaders_list_may_name_more_in_slim() -> None:
    found = differences({"/etc/ld.so.cache": "ab"}, {"/etc/ld.so.cache": "a"})
    assert [one.reason for one in found.changed] == [reasons.LIST]


def test_a_library_that_grew_is_not_stripped() -> None:
    found = differences({f"{SITE}/fast.so": "x"}, {f"{SITE}/fast.so": "xy"})
    assert [one.path for one in found.unexplained] == [f"{SITE}/fast.so"]


def test_files_that_keep_their_symbols_are_listed() -> None:
    files = {"/usr/share/drydock/unstripped/dependencies": f"{SITE}/one_file\n"}
    assert differences({}, files).whole == (f"{SITE}/one_file",)


def test_equal_images_differ_in_nothing() -> None:
    found = differences({"/app/a.py": "x"}, {"/app/a.py": "x"})
    assert (found.missing, found.changed, found.whole) == ((), (), ())


def test_folders_sum_up_what_they_lack_by_reason() -> None:
    found = differences(
        {f"{SITE}/a/__pycache__/a.pyc": "xx", f"{SITE}/b/__pycache__/b.pyc": "x", "/etc/hosts": "x"}, {}
    )
    assert folded(found.missing)[0] == ("/opt/venv", 2, 3, reasons.BYTECODE)
