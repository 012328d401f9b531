from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from assemble import (
    bytecode,
    dependencies,
    distributions,
    elf,
    left_out,
    named,
    packages,
    reasons,
    runtime,
    strip,
    times,
    twins,
)
from assemble.tree import Tree

from tests.conftest import write_files

TAG = sys.implementation.cache_tag
EXTENSION = next(Path(sys.base_prefix).glob("lib/python3*/lib-dynload/*.so"), Path("/bin/ls"))


def test_a_file_behind_links_arrives_with_its_links(tmp_path: Path) -> None:
    write_files(tmp_path / "system", {"usr/lib/libz.so.1.3": "z"})
    (tmp_path / "system/lib").symlink_to("usr/lib")
    (tmp_path / "system/usr/lib/libz.so.1").symlink_to("libz.so.1.3")
    tree = Tree(tmp_path / "tree")

    tree.take(tmp_path / "system/lib/libz.so.1")

    inside = tree.inside(tmp_path / "system")
    assert (inside / "lib").readlink() == Path("usr/lib")
    assert (inside / "usr/lib/libz.so.1").readlink() == Path("libz.so.1.3")
    assert (inside / "usr/lib/libz.so.1.3").read_text() == "z"


def test_what_a_lower_layer_holds_is_not_taken_again(tmp_path: Path) -> None:
    write_files(tmp_path / "system", {"a": "a", "b": "b"})
    lower, upper = Tree(tmp_path / "lower"), Tree(tmp_path / "upper", (tmp_path / "lower",))
    lower.take(tmp_path / "system/a")

    upper.take_all(tmp_path / "system")

    assert [path.name for path in upper.files()] == ["b"]


def test_folders_that_hold_nothing_are_pruned_with_those_above_them(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "upper")
    tree.write(Path("/etc/kept/file"), "")
    (tree.root / "usr/share/doc").mkdir(parents=True)

    tree.prune()

    assert [path.name for path in sorted(tree.root.rglob("*"))] == ["etc", "kept", "file"]


def test_left_out_folders_are_not_entered(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {
            "json/__init__.py": "",
            "json/__pycache__/x.pyc": "",
            "test/deep/a.py": "",
            "lib-dynload/_tkinter.x.so": "",
        },
    )

    kept = [str(path.relative_to(tmp_path)) for path in left_out.kept(tmp_path, reasons.STANDARD_LIBRARY)]

    assert kept == ["json/__init__.py"]


def test_every_omission_has_a_reason() -> None:
    for table in (reasons.STANDARD_LIBRARY, reasons.SYSTEM):
        assert all(len(reason) > 10 for reason in table.values())


def test_a_stripped_program_still_runs_and_lost_its_symbols(tmp_path: Path) -> None:
    program = tmp_path / "program"
    shutil.copy2(os.path.realpath(sys.executable), program)
    before = program.stat().st_size

    lost = strip.strip(program)

    assert program.stat().st_size == before - lost
    shown = subprocess.run(
        [program, "-c", "print(6 * 7)"],
        env={"PYTHONHOME": sys.base_prefix},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "42\n"


def test_a_program_with_a_payload_behind_its_end_is_left_alone(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(Path(os.path.realpath(sys.executable)).read_bytes() + b"THE-END")

    assert strip.strip(program) == 0
    assert strip.holds_more(program)
    assert program.read_bytes().endswith(b"THE-END")


@pytest.mark.parametrize("size", [4, 20, 64, 100, 5000])
@pytest.mark.parametrize("kind", [b"", b"\x02\x01", b"\x03\x01", b"\x02\x02"])
def test_data_that_only_begin_as_a_program_are_left_alone(size: int, kind: bytes, tmp_path: Path) -> None:
    head = Path(os.path.realpath(sys.executable)).read_bytes()[:size]
    content = head[:4] + kind + head[4 + len(kind) :]
    (tmp_path / "sample").write_bytes(content)

    assert strip.strip(tmp_path / "sample") == 0
    assert not strip.holds_more(tmp_path / "sample")
    assert (tmp_path / "sample").read_bytes() == content


def test_stripping_twice_changes_nothing(tmp_path: Path) -> None:
    library = tmp_path / "library.so"
    shutil.copy2(EXTENSION, library)
    strip.strip(library)
    once = library.read_bytes()

    assert strip.strip(library) == 0
    assert not strip.holds_more(library)
    assert library.read_bytes() == once


def test_the_loader_is_what_the_program_names() -> None:
    loader = elf.interpreter(Path("/bin/ls").resolve())

    assert loader is not None
    assert loader.exists()


def test_a_library_that_is_nowhere_is_reported_as_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    listing = "\tlibz.so.1 => /lib/libz.so.1 (0x1)\n\tlibgone.so.2 => not found\n\tlinux-vdso.so.1 (0x2)\n"
    monkeypatch.setattr(
        elf.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=listing, stderr="")
    )

    found = list(elf.libraries([Path("/nowhere/a.so")], Path("/lib/ld.so")))

    assert found == [
        (Path("/nowhere/a.so"), "libz.so.1", Path("/lib/libz.so.1")),
        (Path("/nowhere/a.so"), "libgone.so.2", None),
    ]


def test_a_library_beside_the_one_that_needs_it_is_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "libkrb5-fc.so.3").touch()
    needs = [(tmp_path / "libpq-1a.so.5", name, None) for name in ("libkrb5-fc.so.3", "libgone.so.9")]
    monkeypatch.setattr(runtime.elf, "libraries", lambda *_: needs)

    runtime.take_libraries(Tree(tmp_path / "tree"), [])

    assert re.findall(r"needs (\S+),", capsys.readouterr().err) == ["libgone.so.9"]


def test_records_tell_the_truth_after_a_change_and_an_omission(tmp_path: Path) -> None:
    site = Path("/site")
    tree = Tree(tmp_path)
    record = "shop/a.py,sha256=old,1\nshop/gone.pyi,sha256=old,1\nshop-1.dist-info/RECORD,,\n"
    write_files(tmp_path / "site", {"shop/a.py": "new", "shop-1.dist-info/RECORD": record})

    distributions.mend_records(tree, site)

    rows = list(csv.reader((tmp_path / "site/shop-1.dist-info/RECORD").read_text().splitlines()))
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"new").digest()).rstrip(b"=").decode()
    assert rows == [["shop/a.py", f"sha256={digest}", "3"], ["shop-1.dist-info/RECORD", "", ""]]


def test_the_installers_notes_of_times_leave_an_environment_with_their_record(tmp_path: Path) -> None:
    rows = [
        "shop/a.py,sha256=a,1\n",
        "shop-1.dist-info/uv_cache.json,sha256=b,9\n",
        "shop-1.dist-info/RECORD,,\n",
    ]
    site = write_files(
        tmp_path / "lib/python3.13/site-packages",
        {"shop-1.dist-info/RECORD": "".join(rows), "shop-1.dist-info/uv_cache.json": "{}", "shop/a.py": ""},
    )

    dependencies.clean(tmp_path)

    assert not (site / "shop-1.dist-info/uv_cache.json").exists()
    assert (site / "shop-1.dist-info/RECORD").read_text() == rows[0] + rows[2]


def test_only_a_library_with_every_version_of_the_copy_takes_its_place(tmp_path: Path) -> None:
    older, newer = tmp_path / "older", tmp_path / "newer"
    older.write_bytes(b"\0OPENSSL_3.0.0\0GLIBC_2.99\0")
    newer.write_bytes(b"\0OPENSSL_3.0.0\0OPENSSL_3.5.0\0")

    assert twins._same_promises(older, newer)
    assert not twins._same_promises(newer, older)


def test_an_environment_without_distributions_is_refused_in_one_line(tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    (environment / "lib/python3.13/site-packages").mkdir(parents=True)
    (environment / "bin").mkdir()
    for name in ("pyvenv.cfg", "bin/python", "bin/python3"):
        (environment / name).touch()

    with pytest.raises(SystemExit, match=r"^error: the lock has nothing for Python 3\.\d+\.\d+; lock for"):
        dependencies.assemble(Tree(tmp_path / "out"), environment, None)


def test_a_tree_knows_which_of_its_files_are_programs_and_keeps_their_modes(tmp_path: Path) -> None:
    system = write_files(tmp_path / "system", {"notes.txt": "ELF"})
    shutil.copyfile("/bin/ls", system / "tool")
    (system / "tool").chmod(0o710)
    (system / "gone").symlink_to("nowhere")
    tree = Tree(tmp_path / "tree")

    tree.take_all(system)

    assert tree.binaries() == [system / "tool"]
    assert tree.inside(system / "tool").stat().st_mode & 0o777 == 0o710
    assert tree.inside(system / "gone").is_symlink()


def test_a_link_that_packages_use_as_a_folder_belongs_to_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = write_files(
        tmp_path / "system", {"usr/lib/apt.timer": "", "usr/share/doc/gcc-base/copyright": ""}
    )
    (system / "lib").symlink_to("usr/lib")
    (system / "usr/share/doc/libgcc").symlink_to("gcc-base")
    listed = {
        "apt": ["/.", f"{system}/lib", f"{system}/lib/apt.timer"],
        "libgcc": ["/.", f"{system}/usr/share/doc", f"{system}/usr/share/doc/libgcc"],
    }
    write_files(
        tmp_path / "dpkg",
        {f"info/{name}.list": "".join(f"{line}\n" for line in lines) for name, lines in listed.items()}
        | {"status": "\n\n".join(f"Package: {name}\nArchitecture: amd64" for name in listed)},
    )
    monkeypatch.setattr(packages, "DATABASE", tmp_path / "dpkg")

    def owners(path: Path) -> list[str]:
        return [package.name for package in packages.Installed().owners([path])]

    assert owners(system / "lib") == []
    assert owners(system / "usr/lib/apt.timer") == ["apt"]
    assert owners(system / "usr/share/doc/libgcc") == ["libgcc"]


def compiled(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.pyc"))}


def test_only_what_was_measured_gets_bytecode(tmp_path: Path) -> None:
    site = write_files(tmp_path / "site", {"shop/a.py": "X = 1\n", "shop/b.py": "X = 2\n"})

    bytecode.write(site, Path("/site"), ["shop/a.py", "shop/b.py"], frozenset({"shop/a.py"}))

    assert list(compiled(site)) == [f"shop/__pycache__/a.{TAG}.pyc"]


def test_a_module_of_another_python_gets_no_bytecode_and_harms_no_other(tmp_path: Path) -> None:
    site = write_files(tmp_path / "site", {"good.py": "NAME = 'good'\n", "old.py": "NUMBER = 32L\n"})

    bytecode.write(site, Path("/site"), ["good.py", "old.py"])

    assert list(compiled(site)) == [f"__pycache__/good.{TAG}.pyc"]


def test_bytecode_is_the_same_whatever_is_compiled_first_and_whenever(tmp_path: Path) -> None:
    names = [f"shop/{name}.py" for name in "abcdefgh"]
    made = []
    for folder, order in (("one", names), ("other", names[::-1])):
        site = write_files(tmp_path / folder, {name: f"X = {name!r}\n" for name in order})
        times.settle(site)
        bytecode.write(site, Path("/site"), order)
        made.append(compiled(site))

    assert len(made[0]) == len(names)
    assert made[0] == made[1]


def test_a_module_that_is_mounted_over_runs_in_place_of_its_bytecode(tmp_path: Path) -> None:
    site = write_files(tmp_path / "site", {"shop.py": "print('old')\n"})
    times.settle(site)
    bytecode.write(site, Path("/site"), ["shop.py"])
    write_files(site, {"shop.py": "print('new')\n"})
    times.settle(site)

    command = [sys.executable, "-B", "-c", "import shop"]
    shown = subprocess.run(command, cwd=site, capture_output=True, text=True, check=True)

    assert shown.stdout == "new\n"


def test_bytecode_is_beside_its_module_wherever_the_build_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = write_files(tmp_path, {"shop/a.b.py": "x = 1"})
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "elsewhere"))

    bytecode.write(site, Path("/site"), ["shop/a.b.py"])

    assert [str(path.relative_to(site)) for path in site.rglob("*.pyc")] == [
        f"shop/__pycache__/a.b.{TAG}.pyc"
    ]


def test_python_takes_the_bytecode_of_an_unchanged_module(tmp_path: Path) -> None:
    site = write_files(tmp_path / "site", {"shop.py": "print('here')\n"})
    times.settle(site)
    bytecode.write(site, Path("/site"), ["shop.py"])

    command = [sys.executable, "-v", "-B", "-c", "import shop"]
    shown = subprocess.run(command, cwd=site, capture_output=True, text=True, check=True)

    assert f"shop.{TAG}.pyc matches" in shown.stderr


def test_times_follow_content_and_are_late_enough_for_every_archive_and_zone(tmp_path: Path) -> None:
    tree = write_files(tmp_path, {"a/one.css": "a{}", "b/one.css": "a{}", "other.css": "b{}"})
    (tree / "gone").symlink_to("nowhere")

    times.settle(tree)

    one, same, other = (
        int((tree / name).stat().st_mtime) for name in ("a/one.css", "b/one.css", "other.css")
    )
    assert one == same != other
    # The time zone furthest west is 14 hours behind, and zip archives begin with 1980-01-01.
    earliest = datetime(1980, 1, 2, 14, tzinfo=UTC).timestamp()
    assert all(earliest <= path.lstat().st_mtime < time.time() for path in (tree, *tree.rglob("*")))


def test_a_librarys_package_comes_whole_with_those_that_it_needs_but_not_the_bases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = f"{tmp_path}/system/usr"
    listed = {
        "libmagic1": [
            "lib/libmagic.so.1",
            "share/doc/libmagic1/copyright",
            "lib/magic/9/plugin.so",
            "lib/magic",
        ],
        "libmagic-mgc": ["lib/file/magic.mgc"],
        "libc6": ["lib/libc.so.6"],
        "unrelated": ["lib/other.so"],
    }
    needs = {"libmagic1": "\nDepends: libc6 (>= 2.38), libmagic-mgc:any (= 1:5.46) | magic"}
    for paths in listed.values():
        write_files(Path(folder), {path: "" for path in paths if path != "lib/magic"})
    write_files(
        tmp_path / "dpkg",
        {
            f"info/{name}.list": "".join(f"{folder}/{path}\n" for path in paths)
            for name, paths in listed.items()
        }
        | {"status": "\n\n".join(f"Package: {one}\nArchitecture: any{needs.get(one, '')}" for one in listed)},
    )
    monkeypatch.setattr(packages, "DATABASE", tmp_path / "dpkg")
    monkeypatch.setattr(packages, "UNREAD", re.compile(".*/share/doc/.*"))
    # A list of plug-ins that an installation made; in a folder of the base nobody knows whose a file is.
    write_files(Path(folder), {"lib/magic/plugins.cache": "", "lib/made": ""})

    found = packages.Installed().whole([Path(f"{folder}/lib/libmagic.so.1")], {"libc6"})

    assert [str(path).removeprefix(f"{folder}/lib/") for path in found] == [
        "file/magic.mgc",
        "libmagic.so.1",
        "magic/9/plugin.so",
        "magic/plugins.cache",
    ]


def test_packages_that_are_only_read_come_if_they_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = {
        "fonts-shop": ["/usr/share/fonts/shop.ttf"],
        "fonts-core": ["/usr/share/fonts/core.ttf"],
        "shop-tools": ["/usr/bin/shop", "/usr/share/shop/data"],
        "libshop1": ["/usr/lib/libshop.so.1"],
        "shop-driver": ["/usr/lib/shop/driver.so"],
        "libshop-dev": ["/usr/include/shop.h"],
        "base-files": ["/usr/share/fonts/base.ttf", "/usr/lib/base.so"],
    }
    needs = {"fonts-shop": "\nDepends: fonts-core, shop-tools | base-files, libshop-dev"}
    write_files(
        tmp_path,
        {f"dpkg/info/{name}.list": "\n".join(paths) for name, paths in listed.items()}
        | {
            "dpkg/status": "\n\n".join(
                f"Package: {name}\nArchitecture: any{needs.get(name, '')}" for name in listed
            )
        }
        | {
            "states": "Package: fonts-core\nArchitecture: all\nAuto-Installed: 1\n\n"
            "Package: x\nAuto-Installed: 0\n"
        },
    )
    monkeypatch.setattr(packages, "DATABASE", tmp_path / "dpkg")
    monkeypatch.setattr(packages, "AUTOMATIC", tmp_path / "states")

    installed = packages.Installed()
    found = list(installed.data({"base-files"}, Path("/usr/lib")))

    assert found == ["fonts-shop", "shop-driver"]
    # What such a package needs comes too, but no program.
    whole = [str(path) for path in installed.whole([], {"base-files"}, found)]
    assert whole == ["/usr/share/fonts/core.ttf", "/usr/share/fonts/shop.ttf", "/usr/lib/shop/driver.so"]


def test_a_declared_packages_programs_come_with_its_data_and_scripts_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "usr"
    listed = {
        "shop": [],
        "shop-7": ["bin/shop-7", "bin/shop-script", "share/shop/types"],
        "shop-needed": ["bin/needed"],
        "compiler": ["bin/cc"],
        "dash": ["bin/sh"],
    }
    needs = {"shop": "\nDepends: shop-7", "shop-7": "\nDepends: shop-needed, dash"}
    write_files(root, {path: "" for paths in listed.values() for path in paths})
    write_files(
        root, {"bin/shop-script": "#!/no/such/sh\n", "share/shop/made/one": "", "share/shop/list": ""}
    )
    (root / "bin/shop").symlink_to("shop-7")
    write_files(
        tmp_path / "dpkg",
        {
            f"info/{name}.list": "".join(
                f"{root}/{path}\n" for path in (*paths, *{path.rpartition("/")[0] for path in paths})
            )
            for name, paths in listed.items()
        }
        | {"status": "\n\n".join(f"Package: {one}\nArchitecture: any{needs.get(one, '')}" for one in listed)},
    )
    states = "".join(f"Package: {name}\nAuto-Installed: 1\n\n" for name in ("shop-7", "shop-needed"))
    write_files(tmp_path, {"states": states})
    monkeypatch.setattr(packages, "DATABASE", tmp_path / "dpkg")
    monkeypatch.setattr(packages, "AUTOMATIC", tmp_path / "states")
    monkeypatch.setattr(packages, "UNREAD", re.compile(".*/bin/.*"))
    monkeypatch.setattr(packages, "PROGRAM", re.compile(".*/bin/.*"))
    monkeypatch.setenv("PATH", f"{root}/bin:{root}/none")
    installed = packages.Installed()
    tree = Tree(tmp_path / "tree")

    dependencies.take_programs(tree, installed.programs(["shop"], {"dash"}))
    taken = list(tree.files())

    assert [path.name for path in taken] == ["shop", "shop-7"]
    assert "shop-7: production lacks /no/such/sh, which starts shop-script" in capsys.readouterr().err
    whole = [str(path.relative_to(root)) for path in installed.whole(taken, {"dash"})]
    assert whole == ["share/shop/types", "share/shop/list", "share/shop/made/one"]
    # A package with scripts alone brings its data too, unless it serves the build alone.
    assert list(installed.data({"dash"}, Path("/usr/lib"), ["compiler"])) == ["compiler", "shop"]
    assert list(installed.data({"dash"}, Path("/usr/lib"))) == ["shop"]


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("/usr/lib/x86_64-linux-gnu/shop/png.la", True),
        ("/usr/lib/x86_64-linux-gnu/libshop.la", False),
        ("/usr/lib/libshop.la", False),
    ],
)
def test_libtools_files_come_beside_modules_but_not_beside_libraries(path: str, read: bool) -> None:
    assert (packages.UNREAD.fullmatch(path) is None) == read


@pytest.mark.parametrize(("program", "taken"), [("/usr/bin/iconv", True), ("/usr/bin/ls", False)])
def test_tables_of_encodings_come_with_a_program_that_converts(
    tmp_path: Path, program: str, taken: bool
) -> None:
    tree = Tree(tmp_path / "tree")
    tree.take(Path(program))

    runtime.take_conversions(tree)

    assert any("gconv" in path.parts for path in tree.files()) == taken


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('find_library("udev")', True),
        ("library = ctypes.CDLL('libudev.so.1')", True),
        ("ffi.dlopen(f'libudev.so.1')", True),
        ("find_library(name)", False),
        ("# libudev.so.1 has devices", False),
    ],
)
def test_a_library_that_a_distribution_names_is_found(code: str, found: bool, tmp_path: Path) -> None:
    write_files(tmp_path, {"binding.py": f"def late():\n    {code}\n", "notes.txt": '"libmount.so.1"'})
    known = {"libudev.so.1": Path("/lib/libudev.so.1"), "libmount.so.1": Path("/lib/libmount.so.1")}

    expected = {Path("/lib/libudev.so.1")} if found else set()
    assert named.libraries(tmp_path.iterdir(), known) == expected


def test_a_library_whose_name_a_distribution_computes_is_found(tmp_path: Path) -> None:
    site = tmp_path / "lib/site-packages"
    write_files(
        site,
        {
            "devices/open.py": "def load(name):\n    return CDLL(find_library(name))\n",
            "devices/udev.py": "library = load('udev')\n",
            "other/text.py": "word = 'mount'\n",
        },
    )
    known = {"libudev.so.1": Path("/lib/libudev.so.1"), "libmount.so.1": Path("/lib/libmount.so.1")}

    found = named.libraries((path for path in site.rglob("*")), known)

    assert found == {Path("/lib/libudev.so.1")}


def test_a_library_that_a_binary_opens_by_name_is_found() -> None:
    assert named.names(elf.MAGIC + b"\0libudev.so.1\0hidden\0'libmount.so.1'") == [b"libudev.so.1"]


def test_the_loaders_libraries_are_known_by_their_names() -> None:
    assert named.known()["libc.so.6"].exists()


def test_empty_folders_of_an_environment_are_kept(tmp_path: Path) -> None:
    write_files(tmp_path, {"site/shop/full/a.py": ""})
    (tmp_path / "site/shop/plugins").mkdir()

    assert dependencies.empty_folders(tmp_path) == [tmp_path / "site/shop/plugins"]


def test_scripts_that_a_missing_program_starts_are_named(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {
            "bin/ours": f"#!{tmp_path}/bin/python3\n",
            "bin/shell": "#!/bin/sh\n",
            "bin/env": "#! /usr/bin/env python3\n",
            "bin/data": "x",
            "bin/python3": "",
        },
    )
    tree = Tree(tmp_path / "tree")
    tree.take_all(tmp_path / "bin")

    found = [(path.name, starter) for path, starter in dependencies.started_elsewhere(tree, tmp_path / "bin")]

    assert found == [("env", "/usr/bin/env"), ("shell", "/bin/sh")]
