from __future__ import annotations

import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from drydock.image import Anatomy, read_archive
from drydock.image.cache import Cache
from drydock.image.packages import Package, Source, folder_of
from tests.image.making import Entry, docker_archive, files_tar, layer_tar, write_archive

MakeAnatomy = Callable[..., Anatomy]

SITE = "venv/lib/python3.13/site-packages"
SIX = "six.py,,\nsix-1.0.dist-info/RECORD,,\n"
PYTHON = {
    f"{SITE}/pydantic/__init__.py": "x" * 100,
    f"{SITE}/pydantic/__pycache__/__init__.cpython-313.pyc": "x" * 40,
    f"{SITE}/pydantic/_core.so": "x" * 1000,
    f"{SITE}/pydantic-2.9.dist-info/METADATA": "Name: Pydantic\nVersion: 2.9\n\nName: of the description",
    f"{SITE}/pydantic-2.9.dist-info/RECORD": "\n".join(
        [
            "pydantic/__init__.py,sha256=x,100",
            '"pydantic/_core.so",sha256=x,1000',
            "pydantic/gone.py,sha256=x,5",
            "../../../bin/pydantic,sha256=x,7",
            "pydantic-2.9.dist-info/METADATA,,",
            "pydantic-2.9.dist-info/RECORD,,",
        ]
    ),
    f"{SITE}/six.py": "x" * 30,
    f"{SITE}/__pycache__/six.cpython-313.pyc": "x" * 10,
    f"{SITE}/six-1.0.dist-info/RECORD": SIX,
    f"{SITE}/unrecorded/a.py": "x" * 5,
    "venv/bin/pydantic": "x" * 7,
}
STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.41-12
Description: GNU C Library
 Package: this line continues the description

Package: perl
Status: deinstall ok config-files
Version: 5.40

Package: python3-minimal
Status: install ok installed
Version: 3.13
"""
DEBIAN = {
    "var/lib/dpkg/status": STATUS,
    # Packages still list /lib, which is a link to /usr/lib today.
    "var/lib/dpkg/info/libc6:amd64.list": "/.\n/lib\n/lib/libc.so.6\n/usr/share/doc/libc6/copyright\n",
    "var/lib/dpkg/info/python3-minimal.list": "/.\n/usr\n/usr/lib/python3.13/os.py\n",
    "usr/lib/libc.so.6": "x" * 2000,
    "usr/lib/python3.13/os.py": "x" * 50,
    "usr/lib/python3.13/__pycache__/os.cpython-313.pyc": "x" * 20,
}


@pytest.fixture
def anatomy_of(tmp_path: Path, cache: Cache) -> MakeAnatomy:
    """Return a function that makes an image from layers and reads its contents."""

    def make(*layers: bytes) -> Anatomy:
        return Anatomy(read_archive(write_archive(tmp_path / "i.tar", docker_archive(layers)), cache=cache))

    return make


def named(packages: Sequence[Package], name: str) -> Package:
    (package,) = [package for package in packages if package.name == name]
    return package


def test_distribution_counts_its_record_and_its_bytecode(anatomy_of: MakeAnatomy) -> None:
    found = named(anatomy_of(files_tar(PYTHON)).inventory.of(Source.PYTHON), "Pydantic")
    metadata = sum(len(text) for name, text in PYTHON.items() if "pydantic-2.9" in name)
    assert (found.version, found.size) == ("2.9", 100 + 40 + 1000 + 7 + metadata)
    assert "/venv/bin/pydantic" in found.paths


def test_distribution_without_metadata_is_named_by_its_folder(anatomy_of: MakeAnatomy) -> None:
    found = named(anatomy_of(files_tar(PYTHON)).inventory.of(Source.PYTHON), "six")
    assert (found.version, found.size) == ("1.0", 30 + 10 + len(SIX))


def test_debian_package_owns_files_behind_a_link(anatomy_of: MakeAnatomy) -> None:
    link = layer_tar([Entry("lib", type=tarfile.SYMTYPE, link="usr/lib")])
    found = named(anatomy_of(files_tar(DEBIAN), link).inventory.of(Source.DEBIAN), "libc6")
    assert (found.version, found.size) == ("2.41-12", 2000)
    assert "/usr/lib/libc.so.6" in found.paths


def test_debian_package_owns_its_bytecode(anatomy_of: MakeAnatomy) -> None:
    inventory = anatomy_of(files_tar(DEBIAN)).inventory
    assert named(inventory.of(Source.DEBIAN), "python3-minimal").size == 70


def test_removed_debian_package_is_not_there(anatomy_of: MakeAnatomy) -> None:
    names = {package.name for package in anatomy_of(files_tar(DEBIAN)).inventory.of(Source.DEBIAN)}
    assert names == {"libc6", "python3-minimal"}


def test_records_in_status_d_are_read(anatomy_of: MakeAnatomy) -> None:
    anatomy = anatomy_of(
        files_tar(
            {
                # The names of such files do not always match the packages'.
                "var/lib/dpkg/status.d/bGlic3NsMw": "Package: libssl3\nVersion: 3.5\nArchitecture: amd64\n",
                "var/lib/dpkg/status.d/bGlic3NsMw.md5sums": "d41d8cd98f  usr/lib/libssl.so.3\n",
                "usr/lib/libssl.so.3": "x" * 700,
            }
        )
    )
    (found,) = anatomy.inventory.of(Source.DEBIAN)
    assert (found.label, found.size) == ("libssl3 3.5", 700)


def test_records_in_status_d_with_a_list_are_read(anatomy_of: MakeAnatomy) -> None:
    anatomy = anatomy_of(
        files_tar(
            {
                "var/lib/dpkg/status.d/libssl3": "Package: libssl3\nVersion: 3.5\n",
                "var/lib/dpkg/info/libssl3.list": "/usr/lib/libssl.so.3\n",
                "usr/lib/libssl.so.3": "x" * 700,
            }
        )
    )
    assert anatomy.inventory.of(Source.DEBIAN)[0].size == 700


def test_every_file_belongs_to_exactly_one_package(anatomy_of: MakeAnatomy) -> None:
    anatomy = anatomy_of(files_tar(PYTHON), files_tar(DEBIAN))
    owned = [path for package in anatomy.inventory.packages for path in package.paths]
    assert sorted(owned) == sorted(anatomy.tree)
    total = sum(file.size for file in anatomy.tree.values())
    assert sum(package.size for package in anatomy.inventory.packages) == total


def test_records_of_a_deleted_distribution_do_not_count(anatomy_of: MakeAnatomy) -> None:
    gone = files_tar({f"{SITE}/.wh.six-1.0.dist-info": "", f"{SITE}/.wh.six.py": ""})
    anatomy = anatomy_of(files_tar(PYTHON), gone)
    assert [package.name for package in anatomy.inventory.of(Source.PYTHON)] == ["Pydantic"]


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/usr/lib/python3.13/asyncio/tasks.py", "/usr/lib/python3.13"),
        ("/usr/local/lib/python3.13/site-packages/foo/a/b.py", "/usr/local/lib/python3.13/site-packages/foo"),
        ("/usr/lib/python3/dist-packages/six.py", "/usr/lib/python3/dist-packages"),
        ("/usr/share/zoneinfo/Europe/Vienna", "/usr/share/zoneinfo"),
        ("/app/main.py", "/app"),
        ("/start", "/"),
    ],
)
def test_file_without_a_package_counts_by_its_folder(path: str, folder: str) -> None:
    assert folder_of(path) == folder


def test_why_names_layer_and_package(anatomy_of: MakeAnatomy) -> None:
    link = layer_tar([Entry("lib", type=tarfile.SYMTYPE, link="usr/lib")])
    again = files_tar({"usr/lib/libc.so.6": "x" * 10})
    anatomy = anatomy_of(files_tar(DEBIAN), link, again)
    reason = anatomy.why("/lib/libc.so.6")
    assert reason is not None
    assert reason.package is not None
    assert (reason.file.path, reason.layer.instruction) == ("/usr/lib/libc.so.6", "COPY layer-2 /")
    assert reason.package.label == "libc6 2.41-12"
    assert [layer.instruction for layer in reason.hidden] == ["COPY layer-0 /"]


def test_why_of_an_absent_path_is_none(anatomy_of: MakeAnatomy) -> None:
    assert anatomy_of(files_tar(DEBIAN)).why("/bin/sh") is None


def test_largest_files_come_first(anatomy_of: MakeAnatomy) -> None:
    largest = anatomy_of(files_tar(DEBIAN)).largest(2)
    assert [file.path for file in largest] == ["/usr/lib/libc.so.6", "/var/lib/dpkg/status"]
