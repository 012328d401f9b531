"""Findings of `invoke doctor` about a kernel, from files in the kernel's format and from real limits."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from drydock.doctor import host
from drydock.doctor.finding import Severity
from tests.conftest import ROOT, write_files

SECCOMP = "name=seccomp,profile=builtin"
SELINUX = {"sys/fs/selinux/enforce": "1"}
APPARMOR = {"sys/module/apparmor/parameters/enabled": "Y\n"}
AVC = (
    "type=AVC msg=audit(1764000000.1:77): avc:  denied  { read } for  pid=1 comm=python3 name=key "
    "scontext=system_u:system_r:container_t:s0:c1,c2 tcontext=system_u:object_r:user_home_t:s0 tclass=file\n"
)
DENIED = (
    'kernel: audit: apparmor="DENIED" operation="mount" profile="docker-default" name="/mnt/" comm="mount"\n'
)


@pytest.mark.parametrize(
    ("options", "files", "severity", "words"),
    [
        ([SECCOMP], {}, Severity.OK, "neither SELinux nor AppArmor"),
        ([], {}, Severity.WARNING, "filters no system calls"),
        ([SECCOMP, "name=selinux"], SELINUX, Severity.OK, "SELinux"),
        ([SECCOMP], SELINUX, Severity.WARNING, "SELinux enforces, but containers run unconfined"),
        ([SECCOMP, "name=apparmor"], APPARMOR, Severity.OK, "AppArmor"),
        ([SECCOMP], APPARMOR, Severity.WARNING, "AppArmor is on, but containers run unconfined"),
    ],
)
def test_containers_that_run_unconfined_are_told(
    tmp_path: Path, options: list[str], files: dict[str, str], severity: Severity, words: str
) -> None:
    found = host.confinement({"SecurityOptions": options}, write_files(tmp_path, files))

    assert (found.severity, words in found.fact) == (severity, True)


@pytest.mark.parametrize(
    ("name", "line"),
    [("var/log/audit/audit.log", AVC), ("var/log/kern.log", DENIED)],
    ids=["SELinux", "AppArmor"],
)
def test_denials_are_counted_and_the_last_is_shown(tmp_path: Path, name: str, line: str) -> None:
    root = write_files(tmp_path, {name: "nothing to see\n" + line * 3})

    found = host.denials(root)

    assert found.severity is Severity.WARNING
    assert found.fact.startswith(f"3 in {root / name}, the last: {line[:40].strip()}")


def test_denials_of_other_programs_are_none_of_ours(tmp_path: Path) -> None:
    root = write_files(tmp_path, {"var/log/kern.log": DENIED.replace("docker-default", "snap.browser")})

    assert host.denials(root).severity is Severity.OK


def test_without_a_log_denials_are_not_seen(tmp_path: Path) -> None:
    assert host.denials(tmp_path).severity is Severity.UNKNOWN


@pytest.mark.parametrize(
    ("info", "controllers", "severity", "words"),
    [
        ({"CgroupVersion": "2"}, "cpu memory pids", Severity.OK, "cpu, memory, pids are delegated"),
        ({"CgroupVersion": "2"}, "memory pids", Severity.WARNING, "does not delegate cpu to"),
        ({"CgroupVersion": "1"}, "", Severity.WARNING, "can limit nothing"),
    ],
)
def test_the_limits_of_an_engine_without_root(
    tmp_path: Path, info: dict[str, Any], controllers: str, severity: Severity, words: str
) -> None:
    user = os.getuid()
    folder = f"sys/fs/cgroup/user.slice/user-{user}.slice/user@{user}.service"
    root = write_files(tmp_path, {f"{folder}/cgroup.controllers": controllers})

    limits, ports = host.rootless(info, root)

    assert (limits.severity, words in limits.fact) == (severity, True)
    assert ports.fact == "from 1024 up"
    assert ports.advice == "for lower ones: sysctl net.ipv4.ip_unprivileged_port_start=80"


def test_low_ports_that_are_allowed_need_no_advice(tmp_path: Path) -> None:
    root = write_files(tmp_path, {"proc/sys/net/ipv4/ip_unprivileged_port_start": "80\n"})

    assert list(host.rootless({}, root))[1].advice == ""


def test_an_engine_with_root_is_not_asked_for_the_limits_of_one_without(tmp_path: Path) -> None:
    with_root = [found.name for found in host.examine({"SecurityOptions": [SECCOMP]}, tmp_path)]
    without = [
        found.name for found in host.examine({"SecurityOptions": [SECCOMP, "name=rootless"]}, tmp_path)
    ]

    assert "rootless limits" not in with_root
    assert "rootless limits" in without


@pytest.mark.parametrize(
    ("watches", "instances", "advice"),
    [
        ("8192", "512", "fs.inotify.max_user_watches=524288"),
        ("524288", "2", "fs.inotify.max_user_instances=512"),
        ("524288", "512", ""),
    ],
)
def test_small_limits_for_watching_files_are_told(
    tmp_path: Path, watches: str, instances: str, advice: str
) -> None:
    limits = {"max_user_watches": watches, "max_user_instances": instances}
    root = write_files(tmp_path, {f"proc/sys/fs/inotify/{name}": text for name, text in limits.items()})

    found = host.inotify(root)

    assert (found.severity is Severity.WARNING) is bool(advice)
    assert advice in found.advice


def test_instances_in_use_count_against_the_limit(tmp_path: Path) -> None:
    limits = {"max_user_watches": "524288", "max_user_instances": "18"}
    root = write_files(tmp_path, {f"proc/sys/fs/inotify/{name}": text for name, text in limits.items()})
    (root / f"proc/{os.getpid()}").symlink_to(f"/proc/{os.getpid()}")
    before = host.inotify(root)
    opened = [ctypes.CDLL(None).inotify_init() for _ in range(3)]
    try:
        after = host.inotify(root)
    finally:
        for descriptor in opened:
            os.close(descriptor)

    assert (before.severity, before.fact) == (Severity.OK, "524288 watches, 0 of 18 instances in use")
    assert (after.severity, after.fact) == (Severity.WARNING, "524288 watches, 3 of 18 instances in use")


def test_a_low_limit_of_open_files_is_told() -> None:
    look = "from drydock.doctor import host; found = host.open_files(); print(found.severity, found.fact)"

    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 256 && exec "$1" -c "$2"', "sh", sys.executable, look],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout == "warning 256 at a time\n"
