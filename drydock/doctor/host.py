"""Examine this machine's kernel: mandatory access control, rootless limits, inotify, open files."""

import os
import re
import resource
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from drydock.doctor.finding import Finding, Severity, ok, unknown, warning

# Below these, watchers such as uvicorn's --reload, editors and local clusters fail.
LEAST_WATCHES = 65_536
LEAST_FREE_INSTANCES = 16
LEAST_OPEN_FILES = 1024
CONTROLLERS = ("cpu", "memory", "pids")
# The end of a log covers recent events.
LOG_BYTES = 1_000_000
LOGS = ("var/log/audit/audit.log", "var/log/kern.log", "var/log/syslog")
# Labels and profiles that engines give their containers.
_DENIED = re.compile(
    r'avc:\s+denied\b.*\bcontainer_\w*t\b|apparmor="DENIED".*profile="(?:docker-default|docker-[\w-]+)"'
)


def examine(info: Mapping[str, Any], root: Path = Path("/")) -> Iterator[Finding]:
    yield confinement(info, root)
    yield denials(root)
    if "rootless" in options(info):
        yield from rootless(info, root)
    yield inotify(root)
    yield open_files()


def options(info: Mapping[str, Any]) -> list[str]:
    """Return the names of the engine's security options, such as ``seccomp``."""
    found = [re.search(r"name=([\w-]+)", str(option)) for option in info.get("SecurityOptions") or []]
    return [name[1] for name in found if name]


# Confinements of containers: the fact, the kernel's file, its content when active, and the advice.
CONFINING = {
    "selinux": (
        *("SELinux enforces", "sys/fs/selinux/enforce", "1"),
        'set `"selinux-enabled": true` in daemon.json, with container-selinux installed',
    ),
    "apparmor": (
        *("AppArmor is on", "sys/module/apparmor/parameters/enabled", "Y"),
        "install the package apparmor and restart the engine, which then loads its profile",
    ),
}


def confinement(info: Mapping[str, Any], root: Path) -> Finding:
    """Check that the engine confines containers with the kernel's means."""
    has, name = options(info), "confinement"
    if "seccomp" not in has:
        how = "use an engine built with seccomp, and no --seccomp"
        return warning(name, "the engine filters no system calls", how)
    for option, (fact, file, content, how) in CONFINING.items():
        if _read(root / file) == content:
            if option in has:
                return ok(name, f"seccomp, {fact.partition(' ')[0]}")
            return warning(name, f"{fact}, but containers run unconfined", how)
    return ok(name, "seccomp; this kernel has neither SELinux nor AppArmor on")


def denials(root: Path) -> Finding:
    """Look for recent denials of containers by SELinux or AppArmor."""
    readable = [path for name in LOGS if os.access(path := root / name, os.R_OK) and path.is_file()]
    if not readable:
        return unknown("denials", "no audit or kernel log that this user may read")
    for path in readable:
        found = [line for line in _tail(path) if _DENIED.search(line)]
        if found:
            fact = f"{len(found)} in {path}, the last: {found[-1].strip()[:160]}"
            how = "label what containers mount (`:z`), or write a profile that allows it"
            return warning("denials", fact, how)
    return ok("denials", f"none in {', '.join(str(path) for path in readable)}")


def rootless(info: Mapping[str, Any], root: Path) -> Iterator[Finding]:
    """Check the limits of an engine without root: delegated controllers, low ports."""
    user = os.getuid()
    delegated = f"sys/fs/cgroup/user.slice/user-{user}.slice/user@{user}.service/cgroup.controllers"
    controllers = (_read(root / delegated) or "").split()
    missing = [name for name in CONTROLLERS if name not in controllers]
    name = "rootless limits"
    if str(info.get("CgroupVersion", "1")) != "2":
        how = "boot with systemd.unified_cgroup_hierarchy=1; until then memory limits in tests have no effect"
        yield warning(name, "an engine without root on cgroup version 1 can limit nothing", how)
    elif missing:
        how = f"write `Delegate={' '.join(CONTROLLERS)}` into a drop-in of user@.service, and log in again"
        yield warning(name, f"systemd does not delegate {', '.join(missing)} to user {user}", how)
    else:
        yield ok(name, f"{', '.join(CONTROLLERS)} are delegated")
    lowest = int(_read(root / "proc/sys/net/ipv4/ip_unprivileged_port_start") or 1024)
    advice = "for lower ones: sysctl net.ipv4.ip_unprivileged_port_start=80" if lowest > 80 else ""
    yield Finding("rootless ports", Severity.OK, f"from {lowest} up", advice)


def inotify(root: Path) -> Finding:
    """Check the limits for watching files, and this user's free inotify instances."""
    limits = root / "proc/sys/fs/inotify"
    watches, instances = (_read(limits / name) for name in ("max_user_watches", "max_user_instances"))
    if watches is None or instances is None:
        return unknown("inotify", "this kernel has no such limits")
    used = _instances_in_use(root / "proc")
    fact = f"{watches} watches, {used} of {instances} instances in use"
    wanted = [f"fs.inotify.max_user_watches={LEAST_WATCHES * 8}"] if int(watches) < LEAST_WATCHES else []
    if int(instances) - used < LEAST_FREE_INSTANCES:
        wanted.append("fs.inotify.max_user_instances=512")
    if wanted:
        return warning("inotify", fact, f"sysctl {' '.join(wanted)}, or watchers and local clusters fail")
    return ok("inotify", fact)


def _instances_in_use(proc: Path) -> int:
    """Count the inotify instances of this user's processes, as far as visible."""
    count = 0
    for descriptor in proc.glob("[0-9]*/fd/*"):
        # Processes end, descriptors are closed, and those of other users cannot be read.
        with suppress(OSError):
            own = descriptor.lstat().st_uid == os.getuid()
            count += own and str(descriptor.readlink()) == "anon_inode:inotify"
    return count


def open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fact = f"{soft} at a time"
    if 0 <= soft < LEAST_OPEN_FILES:
        most = min(hard, 65_536) if hard > 0 else 65_536
        return warning("open files", fact, f"`ulimit -n {most}` in your shell")
    return ok("open files", fact)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None


def _tail(path: Path) -> list[str]:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LOG_BYTES))
        return file.read().decode("utf-8", "replace").splitlines()
