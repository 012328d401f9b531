"""Checks on paths, modes, owners, packages and accounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from drydock.gates.expectations.model import ExpectedFile, Packages
from drydock.gates.security import expected, files
from drydock.image import Config, File, Kind
from drydock.image.packages import Inventory, Package, Source

CONFIG = Config.of({}, {"User": "10001:10001"})
SOURCES = ("/app",)


def entry(path: str, mode: int = 0o644, owner: str = "0:0", kind: Kind = Kind.FILE, link: str = "") -> File:
    uid, gid = map(int, owner.split(":"))
    return File(path, kind, 10, mode, uid, gid, 0, link, "abc", "sha256:1")


def checks(*entries: File) -> list[str]:
    tree = {file.path: file for file in entries}
    return [finding.check for finding in files.check(tree, CONFIG, SOURCES)]


@pytest.mark.parametrize(
    ("file", "check"),
    [
        (entry("/usr/bin/su", 0o4755), "setuid"),
        (entry("/usr/bin/chage", 0o2755), "setuid"),
        (entry("/etc/motd", 0o666), "world-writable"),
        (entry("/data", 0o777, kind=Kind.FOLDER), "world-writable"),
        (entry("/app/main.py", 0o644, "10001:10001"), "app-writable"),
        (entry("/app/main.py", 0o664, "0:10001"), "app-writable"),
        (entry("/app/.env"), "secret-file"),
        (entry("/root/.ssh/id_ed25519"), "secret-file"),
        (entry("/app/tls.key"), "secret-file"),
        (entry("/app/.git/HEAD"), "unneeded-file"),
        (entry("/app/Dockerfile"), "unneeded-file"),
        (entry("/var/lib/apt/lists/mirror_debian_dists_trixie_InRelease"), "cache-file"),
        (entry("/root/.cache/pip/http/1"), "cache-file"),
    ],
)
def test_file_that_no_image_should_hold_is_found(file: File, check: str) -> None:
    assert check in checks(file)


def test_a_folder_that_is_expected_to_be_written_to_is_no_finding() -> None:
    data = entry("/app/data", 0o755, "10001:10001", kind=Kind.FOLDER)
    code = entry("/app/database.py", 0o644, "10001:10001")

    found = files.check({file.path: file for file in (data, code)}, CONFIG, SOURCES, ("/app/data",))

    assert [finding.subject for finding in found] == ["/app/database.py"]


@pytest.mark.parametrize(
    "file",
    [
        entry("/usr/bin/python3", 0o755),
        entry("/tmp", 0o1777, kind=Kind.FOLDER),  # noqa: S108 - a path in a tree, not a file of this machine
        entry("/dev/null", 0o666, kind=Kind.DEVICE),
        entry("/usr/bin/python", 0o777, kind=Kind.SYMLINK, link="python3"),
        entry("/home/app/notes", 0o644, "10001:10001"),
        entry("/opt/venv/lib/python3.13/site-packages/certifi/private.key"),
        entry("/etc/ssl/certs/private.pem"),
    ],
)
def test_harmless_file_is_no_finding(file: File) -> None:
    assert checks(file) == []


def test_packages_and_programs_that_must_be_absent_are_named() -> None:
    tree = {"/bin/sh": entry("/bin/sh"), "/opt/sh": entry("/opt/sh")}
    inventory = Inventory((Package(Source.DEBIAN, "perl-base", "5", 1, ()),))
    wanted = Packages(absent=("perl*",), present=("fastapi",), programs_absent=("sh",))
    found = [str(one) for one in files.installed(tree, inventory, wanted, "production")]
    assert found == [
        "packages perl-base: is installed",
        "packages fastapi: is not installed",
        "programs /bin/sh: is there",
    ]
    assert list(files.installed(tree, inventory, wanted, "slim")) == []


def test_accounts_without_password_and_shared_numbers_are_found() -> None:
    passwd = "root:x:0:0::/:\ntoor:x:0:0::/:\nopen::5:5::/:\nopen:x:6:6::/:\n"
    found = [str(one) for one in files.accounts(passwd, "root:*:1\nopen::1\n", "a:x:1:\nb:x:1:\n")]
    assert found == [
        "empty-password open: has an empty password in /etc/shadow",
        "empty-password open: has an empty password in /etc/passwd",
        "duplicate-id /etc/passwd: root, toor share the number 0",
        "duplicate-id /etc/passwd: open is listed twice",
        "duplicate-id /etc/group: a, b share the number 1",
    ]
    assert list(files.accounts("root:x:0:0::/:\napp:x:1:1::/:\n", "root:*:1\n", "root:x:0:\n")) == []


def differences(item: ExpectedFile, folder: Path, *entries: File) -> list[str]:
    tree = {file.path: file for file in entries}
    return [str(finding) for finding in expected.files(tree, folder, (item,), "production")]


def test_expected_file_is_compared_in_every_respect(tmp_path: Path) -> None:
    item = ExpectedFile(
        "/app/x", kind="folder", owner="1:1", mode="755", executable=True, sha256="def", contains=("b",)
    )
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "x").write_text("aaa")
    assert differences(item, tmp_path, entry("/app/x")) == [
        "file /app/x: kind is file, not folder",
        "file /app/x: owner is 0:0, not 1:1",
        "file /app/x: mode is 0644, not 0755",
        "file /app/x: sha256 is abc, not def",
        "file /app/x: is not executable (mode 0644)",
        "content /app/x: nothing matches 'b' in 'aaa'",
    ]


def test_expected_file_may_be_reached_through_a_link(tmp_path: Path) -> None:
    link = entry("/lib", kind=Kind.SYMLINK, link="usr/lib")
    assert differences(ExpectedFile("/lib/x"), tmp_path, link, entry("/usr/lib/x")) == []


def test_missing_and_unwanted_paths_are_found(tmp_path: Path) -> None:
    assert differences(ExpectedFile("/a"), tmp_path) == ["file /a: is not there"]
    assert differences(ExpectedFile("/a*", exists=False), tmp_path, entry("/ab")) == ["file /ab: is there"]
    assert differences(ExpectedFile("/a", targets=("slim",)), tmp_path) == []


def test_content_that_must_be_lacking_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x\nSECRET=1\n")
    item = ExpectedFile("/a", lacks=("^SECRET",))
    assert differences(item, tmp_path, entry("/a")) == ["content /a: 'SECRET' matches '^SECRET'"]
