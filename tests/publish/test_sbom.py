from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping

import pytest

from drydock.image import Anatomy, Config, Image, components
from drydock.image.components import Component
from drydock.image.model import Layer
from drydock.image.packages import names_packages
from drydock.image.record import analyse
from drydock.publish import sbom

SITE = "opt/venv/lib/python3.13/site-packages"
DEP5 = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"


def metadata(name: str, version: str, *lines: str) -> str:
    return "\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *lines, "", "Text"])


FILES = {
    f"{SITE}/Web_App-2.0.dist-info/METADATA": metadata(
        "Web_App",
        "2.0",
        "Summary: Serves things",
        "License-Expression: mit",
        "Provides-Extra: fast",
        "Requires-Dist: core>=1",
        "Requires-Dist: speed; extra == 'fast'",
        "Requires-Dist: absent; python_version < '3'",
        "Requires-Dist: windows-only; sys_platform == 'win32'",
    ),
    f"{SITE}/Web_App-2.0.dist-info/RECORD": (
        "web/__init__.py,,\nWeb_App-2.0.dist-info/METADATA,,\nWeb_App-2.0.dist-info/RECORD,,\n"
    ),
    f"{SITE}/web/__init__.py": "web = 1\n",
    f"{SITE}/core-1.0+local.dist-info/METADATA": metadata("core", "1.0+local"),
    f"{SITE}/core-1.0+local.dist-info/RECORD": "core.py,,\n",
    f"{SITE}/core.py": "",
    f"{SITE}/speed-3.dist-info/METADATA": metadata("speed", "3"),
    f"{SITE}/windows_only-3.dist-info/METADATA": metadata("windows-only", "3"),
    "var/lib/dpkg/status.d/libc6": (
        "Package: libc6\nVersion: 2.41-12+deb13u4\nArchitecture: amd64\nDescription: GNU C Library\n"
        "Depends: libgcc-s1, absent (>= 2)\n"
    ),
    "var/lib/dpkg/status.d/libc6.md5sums": "0123  usr/lib/libc.so.6\n",
    "var/lib/dpkg/status.d/libgcc-s1": (
        "Package: libgcc-s1\nVersion: 1:14\nArchitecture: amd64\nPre-Depends: other | libc6 (>= 2.14)\n"
    ),
    "usr/lib/libc.so.6": "the C library",
    "usr/lib/libstray.so.1.2": "nobody's",
    "usr/bin/stray": "nobody's",
    "usr/share/stray.txt": "nobody's",
    "usr/lib/os-release": 'ID=debian\nVERSION_CODENAME="trixie"\n',
    "usr/share/doc/libc6/copyright": DEP5 + "License: LGPL-2.1+\n",
}
LABELS = {
    "org.opencontainers.image.title": "shop",
    "org.opencontainers.image.version": "1.4.2",
    "org.opencontainers.image.created": "2023-11-14T22:13:20Z",
}


def anatomy(files: Mapping[str, str], links: Mapping[str, str] | None = None) -> Anatomy:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            member.mode = 0o755 if "/bin/" in name else 0o644
            archive.addfile(member, io.BytesIO(text.encode()))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    content.seek(0)
    record = analyse(io.BufferedReader(content), "test", names_packages)  # type: ignore[type-var]
    config = Config.of({"architecture": "amd64", "os": "linux"}, {"Labels": LABELS})
    layer = Layer(record.diff_id, "", record.on_disk, record.on_disk, record)
    return Anatomy(Image("shop:dev", "sha256:" + "ab" * 32, config, (layer,)))


@pytest.fixture(scope="module")
def bill() -> sbom.Bill:
    return sbom.bill(anatomy(FILES))


def material(bill: sbom.Bill, name: str) -> Component:
    (found,) = [one for one in bill.materials if one.name == name]
    return found


def test_every_package_and_every_stray_program_is_a_material(bill: sbom.Bill) -> None:
    assert [one.purl for one in bill.materials] == [
        "/usr/bin/stray",
        "/usr/lib/libstray.so.1.2",
        "pkg:deb/debian/libc6@2.41-12%2Bdeb13u4?arch=amd64&distro=trixie",
        "pkg:deb/debian/libgcc-s1@1%3A14?arch=amd64&distro=trixie",
        "pkg:pypi/core@1.0%2Blocal",
        "pkg:pypi/speed@3",
        "pkg:pypi/web-app@2.0",
        "pkg:pypi/windows-only@3",
    ]


def test_the_image_is_named_by_its_labels(bill: sbom.Bill) -> None:
    assert (bill.name, bill.version, bill.created) == ("shop", "1.4.2", "2023-11-14T22:13:20Z")


def test_an_edge_leads_to_what_is_needed_and_there(bill: sbom.Bill) -> None:
    edges = {one.name: one.depends for one in bill.materials if one.depends}

    assert edges == {
        "Web_App": ("pkg:pypi/core@1.0%2Blocal", "pkg:pypi/speed@3"),
        "libc6": ("pkg:deb/debian/libgcc-s1@1%3A14?arch=amd64&distro=trixie",),
        "libgcc-s1": ("pkg:deb/debian/libc6@2.41-12%2Bdeb13u4?arch=amd64&distro=trixie",),
    }


def test_a_hash_covers_the_files_of_a_package(bill: sbom.Bill) -> None:
    library = hashlib.sha256(b"the C library").hexdigest()
    listing = f"{library}  /usr/lib/libc.so.6\n"

    assert material(bill, "libc6").sha256 == hashlib.sha256(listing.encode()).hexdigest()
    assert material(bill, "libstray.so.1.2").sha256 == hashlib.sha256(b"nobody's").hexdigest()
    # Its record names no files.
    assert material(bill, "speed").sha256 == ""


def test_a_changed_file_changes_the_hash_of_its_package_alone(bill: sbom.Bill) -> None:
    other = sbom.bill(anatomy(FILES | {f"{SITE}/web/__init__.py": "web = 2\n"}))

    pairs = zip(bill.materials, other.materials, strict=True)
    assert [one.name for one, changed in pairs if one.sha256 != changed.sha256] == ["Web_App"]


def test_licences_come_from_the_packages_own_records(bill: sbom.Bill) -> None:
    assert material(bill, "Web_App").licence == "MIT"
    assert material(bill, "libc6").licence == "LGPL-2.1-or-later"
    assert material(bill, "libgcc-s1").licence == ""


def test_a_copyright_file_is_found_over_links() -> None:
    files = {
        "var/lib/dpkg/status.d/a": "Package: a\nVersion: 1\n",
        "var/lib/dpkg/status.d/b": "Package: b\nVersion: 1\n",
        "var/lib/dpkg/status.d/c": "Package: c\nVersion: 1\n",
        "usr/share/doc/a/copyright": "free",
    }
    links = {"usr/share/doc/b": "a", "usr/share/doc/c/copyright": "../a/copyright"}

    tree = anatomy(files, links).tree

    found = {components.copyright_file(name, tree) for name in "abc"}

    assert found == {"/usr/share/doc/a/copyright"}


def test_cyclonedx_holds_every_material_with_its_edges(bill: sbom.Bill) -> None:
    document = json.loads(sbom.cyclonedx(bill))

    assert [one["bom-ref"] for one in document["components"]] == [one.purl for one in bill.materials]
    edges = {one["ref"]: one["dependsOn"] for one in document["dependencies"]}
    assert edges["pkg:pypi/web-app@2.0"] == ["pkg:pypi/core@1.0%2Blocal", "pkg:pypi/speed@3"]
    assert "pkg:pypi/web-app@2.0" in edges[bill.image]
    assert "pkg:pypi/core@1.0%2Blocal" not in edges[bill.image]
    (web,) = [one for one in document["components"] if one["name"] == "Web_App"]
    assert web["licenses"] == [{"expression": "MIT"}]
    assert web["description"] == "Serves things"


def test_spdx_holds_every_material_with_its_edges(bill: sbom.Bill) -> None:
    document = json.loads(sbom.spdx(bill))

    names = {one["SPDXID"]: one["name"] for one in document["packages"]}
    assert sorted(names.values()) == sorted(
        ["shop", *(one.purl if one.is_file else one.name for one in bill.materials)]
    )
    edges = {
        (names[one["spdxElementId"]], names[one["relatedSpdxElement"]])
        for one in document["relationships"]
        if one["relationshipType"] == "DEPENDS_ON"
    }
    assert edges == {
        ("Web_App", "core"),
        ("Web_App", "speed"),
        ("libc6", "libgcc-s1"),
        ("libgcc-s1", "libc6"),
    }
