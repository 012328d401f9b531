"""Install and start a Docker Engine if none answers, on a Debian-family machine as root."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from drydock import command, osrelease, temporary
from drydock.engine import OLDEST, Engine, apt, compaction, connect, find
from drydock.engine.errors import EngineInstallFailed, EngineStartFailed, NoEngine
from drydock.progress import Say
from drydock.spelling import spelled

# Debian 12's own engine (20.10) has no buildx; the packages of Debian 13 run on Debian 12 as they are.
PACKAGES = ("docker.io", "docker-cli", "docker-buildx")
NEWER_RELEASE = "trixie"
START_SECONDS = 60.0

STATE = Path("/var/lib/drydock")
LOG = Path("/var/log/drydock-dockerd.log")
PID_FILE = STATE / "dockerd.pid"
SETTINGS = Path("/etc/docker/daemon.json")
DATA = Path("/var/lib/docker")
# How Go's runtime begins its report of a crash; the stacks of thousands of goroutines may follow.
CRASH = re.compile(r"^(?:panic: |fatal error: |SIG[A-Z]+: )", re.MULTILINE)
LOG_BYTES = 10_000_000
STARTED = 'msg="Starting up"'


def say(line: str) -> None:
    """Print a line of progress on standard error, which keeps a command's own output clean."""
    print(f"drydock: {line}", file=sys.stderr, flush=True)  # noqa: T201


def advice(platform: str = sys.platform, release: Path = osrelease.HOST) -> str:
    """Return how to get an engine on this machine, in one clause."""
    if platform == "darwin":
        return "install and start Docker Desktop, OrbStack or Colima"
    if platform == "win32":
        return "install Docker Desktop and run drydock inside WSL"
    if osrelease.is_debian_family(release):
        if os.geteuid() == 0:
            return "install and start one with `drydock engine.start`"
        return "install and start one as root with `drydock engine.start`"
    return "install Docker Engine with your distribution's packages and start it, or set DOCKER_HOST"


def ensure(say: Say = say) -> Engine:
    """Return an engine that answers; if none does, install and start one where possible."""
    try:
        return connect()
    except NoEngine as error:
        chosen = any(candidate.chosen for candidate in find.candidates())
        if chosen or os.geteuid() != 0 or not osrelease.is_debian_family():
            raise
        say(str(error.values["tried"]) + ": no Docker Engine answers, setting one up")
    if missing_packages():
        install(say)
    start(say)
    return connect()


def missing_packages() -> bool:
    """Tell whether the daemon, the CLI or its buildx plugin is missing."""
    if not (shutil.which("dockerd") and shutil.which("docker")):
        return True
    return command.run(["docker", "buildx", "version"], check=False).code != 0


def install(say: Say) -> None:
    """Install the engine's packages, from a newer Debian release if this one's are too old.

    Installed packages are not upgraded, and no apt source remains.
    """
    say(f"installing {', '.join(PACKAGES)} (about 90 MB, half a minute)")
    _apt(["update"], say)
    with temporary.folder("apt") as folder:
        options: list[str] = []
        if not _candidate_is_usable():
            release = osrelease.codename()
            options = newer_release_options(folder, apt.repositories(), release)
            _apt([*options, "update"], say)
        with _no_autostart():
            _apt([*options, "install", "--yes", "--no-install-recommends", "--no-upgrade", *PACKAGES], say)
    say("installed " + command.run(["dockerd", "--version"]).stdout.strip())


def _candidate_is_usable() -> bool:
    policy = command.run(["apt-cache", "policy", PACKAGES[0], PACKAGES[2]], env={"LC_ALL": "C"}).stdout
    versions = [line.split(":", 1)[1].strip() for line in policy.splitlines() if "Candidate:" in line]
    return len(versions) == 2 and versions[1] != "(none)" and major(versions[0]) >= OLDEST


def major(version: str) -> int:
    """Return the first number of a Debian version, 0 for ``(none)``."""
    digits = version.split(":")[-1].split(".")[0]
    return int(digits) if digits.isdigit() else 0


def newer_release_options(folder: Path, known: Sequence[apt.Repository], release: str) -> list[str]:
    """Write apt files for this release and a newer one, and return the options that use them."""
    lines = apt.sources(known, release, release, NEWER_RELEASE)
    if not lines:
        raise EngineInstallFailed(reason="its packages are too old here and no Debian mirror is configured")
    preferences = (
        f"Package: *\nPin: release n={NEWER_RELEASE}*\nPin-Priority: -1\n\n"
        f"Package: {' '.join(PACKAGES)}\nPin: release n={NEWER_RELEASE}*\nPin-Priority: 990\n"
    )
    return apt.overlay(folder, lines, preferences)


def _apt(args: Sequence[str], say: Say) -> None:
    def show(line: str) -> None:
        if line.startswith(("Get:", "Setting up", "Fetched")):
            say("  " + line)

    environment = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = command.stream(["apt-get", "-q", *args], command.by_line(show), env=environment)
    if done.code != 0:
        lines = done.stdout.splitlines()
        faults = [line for line in lines if line.startswith("E:")] or lines[-1:]
        raise EngineInstallFailed(reason="; ".join(faults), evidence="\n".join(lines[-15:]))


@contextmanager
def _no_autostart() -> Iterator[None]:
    """Keep packages from starting services on a machine without systemd."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists() or under_systemd():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def under_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def start(say: Say) -> None:
    """Start a daemon that outlives this process, and wait until it answers."""
    compact(say)
    if under_systemd():
        say("starting docker.service")
        command.run(["systemctl", "start", "docker"], check=False)
        return
    STATE.mkdir(parents=True, exist_ok=True)
    with LOG.open("ab") as log:
        offset = log.tell()
        daemon = subprocess.Popen(
            ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
        )
    PID_FILE.write_text(f"{daemon.pid}\n")
    say(spelled(f"starting dockerd (pid {daemon.pid}, log {LOG}); stop it with `drydock engine.stop`"))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if daemon.poll() is not None:
            reason = f"dockerd exited with {daemon.returncode}"
            raise EngineStartFailed(reason=reason, log=LOG, evidence=_tail(offset))
        if find.answers(find.DEFAULT) is None:
            return
        time.sleep(0.2)
    raise EngineStartFailed(reason=f"no answer after {START_SECONDS:g} s", log=LOG, evidence=_tail(offset))


def compact(say: Say) -> None:
    """Compact BuildKit's databases; each is left alone that something has open, or that is not understood."""
    folder = Path(find.settings(SETTINGS).get("data-root") or DATA, "buildkit")
    for path in sorted(folder.glob("*.db")):
        with suppress(OSError, compaction.NotBbolt):
            if smaller := compaction.compact(path):
                say(f"compacted {path}: {smaller / 1e6:.0f} MB of removed records")


def _tail(offset: int, lines: int = 15) -> str:
    return "\n".join(_log(offset).splitlines()[-lines:])


def _log(offset: int) -> str:
    with LOG.open("rb") as log:
        log.seek(offset)
        return log.read().decode("utf-8", "replace")


def last_words(host: str, lines: int = 15) -> str:
    """Return why a daemon that `start` started has ended by itself: its crash, else the end of its log."""
    if host != find.DEFAULT.host or not PID_FILE.exists() or not LOG.exists() or _runs():
        return ""
    own = _log(max(0, LOG.stat().st_size - LOG_BYTES)).rpartition(STARTED)[2].strip()
    crash = CRASH.search(own)
    return "\n".join(own[crash.start() :].splitlines()[:lines] if crash else own.splitlines()[-lines:])


def _runs() -> bool:
    """Whether the daemon that `start` started runs."""
    try:
        process = Path("/proc", PID_FILE.read_text().strip())
        name, _, state = (process / "stat").read_text().partition("(")[2].rpartition(")")
    except OSError:
        return False
    # A child that its parent does not wait for stays as a zombie. The number may be another program's by now.
    return name == "dockerd" and state.split()[0] != "Z"


def stop(say: Say = say) -> bool:
    """Stop the daemon that `start` started, and no other one; tell whether there was one."""
    if not _runs():
        PID_FILE.unlink(missing_ok=True)
        return False
    pid = int(PID_FILE.read_text())
    os.kill(pid, 15)
    deadline = time.monotonic() + START_SECONDS
    while _runs() and time.monotonic() < deadline:
        time.sleep(0.1)
    PID_FILE.unlink(missing_ok=True)
    say(f"stopped dockerd (pid {pid})")
    return True
