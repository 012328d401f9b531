"""Install programs for tests and benchmarks: PostgreSQL, PgBouncer, Redis, Chromium, wrk, Node's modules."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from drydock import command
from drydock.engine import install
from drydock.publish import debian

NODE = Path(__file__).parent / "node"
MANIFESTS = ("package.json", "npm-shrinkwrap.json")

# The first version that keeps prepared statements in transaction mode; Debian 12 has 1.18.
PGBOUNCER_SINCE = (1, 21)
# The Debian release whose packages are unpacked where this machine's are too old.
RELEASE = "trixie"
# Libraries of PgBouncer's release, with its loader and libc: so it runs on an older release without replacing
# any of its files.
PGBOUNCER_PACKAGES = (
    "pgbouncer",
    "libaudit1",
    "libc6",
    "libcap-ng0",
    "libcap2",
    "libcares2",
    "libevent-2.1-7t64",
    "libpam0g",
    "libssl3t64",
    "libsystemd0",
    "libzstd1",
    "zlib1g",
)


class PackagesMissing(Exception):
    """A program is missing, and this machine or user cannot install it."""


def postgres_bin() -> Path:
    """Return the folder of PostgreSQL's server programs; install Debian's package if needed."""
    if (found := _newest_postgres()) is None:
        # The package would otherwise create and start a cluster.
        with _file("/etc/postgresql-common/createcluster.d/drydock.conf", "create_main_cluster = false\n"):
            _apt_install("postgresql")
        found = _newest_postgres()
    if found is None:
        raise PackagesMissing("Debian's package postgresql brought no /usr/lib/postgresql/*/bin/postgres")
    return found


def _newest_postgres() -> Path | None:
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


def node() -> list[str]:
    """Return Node's command; install Debian's package if needed."""
    missing = [name for name, program in (("nodejs", "node"), ("npm", "npm")) if not shutil.which(program)]
    if missing:
        _apt_install(*missing)
    return ["node"]


def wrk() -> list[str]:
    """Return the command of wrk, a load generator; install Debian's package if needed."""
    if not shutil.which("wrk"):
        _apt_install("wrk")
    return ["wrk"]


def redis() -> list[str]:
    """Return Redis's command; install Debian's package if needed."""
    if not shutil.which("redis-server"):
        _apt_install("redis-server")
    return ["redis-server"]


def chromium() -> str:
    """Return Chromium's path; install Debian's package if needed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    if not any(map(shutil.which, names)):
        _apt_install("chromium")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise PackagesMissing("Debian's package chromium brought no program of that name")
    return found


def pgbouncer() -> list[str]:
    """Return the command of a PgBouncer that keeps prepared statements in transaction mode.

    It is the machine's own if new enough, or else Debian 13's from the cache, with its libraries and loader.
    """
    for program in (shutil.which("pgbouncer"), "/usr/sbin/pgbouncer"):
        if program and Path(program).exists() and _pgbouncer_version([program]) >= PGBOUNCER_SINCE:
            return [program]
    root = _unpacked("pgbouncer", *PGBOUNCER_PACKAGES)
    (loader,) = root.glob("usr/lib/*/ld-linux-*.so.*")
    return [str(loader), "--library-path", str(loader.parent), str(root / "usr/sbin/pgbouncer")]


def _pgbouncer_version(program: Sequence[str]) -> tuple[int, ...]:
    words = command.run([*program, "--version"]).stdout.split()
    return tuple(int(part) for part in words[1].split("."))


def compose() -> list[str]:
    """Return Docker Compose's command: the docker CLI's plugin, else Debian 13's program from the cache."""
    plugin = ["docker", "compose"]
    if shutil.which("docker") and command.run([*plugin, "version"], check=False).code == 0:
        return plugin
    return [str(_unpacked("docker-compose", "docker-compose") / "usr/bin/docker-compose")]


def _unpacked(program: str, *packages: str) -> Path:
    """Return the folder of the cache with the files of Debian packages.

    Raises:
        PackagesMissing: This machine does not use apt, or apt failed.
    """

    def fill(folder: Path) -> None:
        try:
            with debian.unpacked(folder.parent, *packages, release=RELEASE) as root:
                for path in root.iterdir():
                    path.rename(folder / path.name)
        except debian.NotFetched as error:
            raise PackagesMissing(
                f"error: {program} is too old or missing, and cannot be fetched: {error}; "
                f"install a newer {program}"
            ) from error

    name = hashlib.sha256(" ".join((RELEASE, *packages)).encode()).hexdigest()[:12]
    return _cached(f"{program}-{name}", fill)


def node_modules() -> Path:
    """Install the pinned npm modules into the cache and return their folder.

    Its name is the hash of the manifest and its lock, so a changed pin makes a new folder.
    """
    node()
    content = b"".join((NODE / name).read_bytes() for name in MANIFESTS)

    def fill(folder: Path) -> None:
        for name in MANIFESTS:
            shutil.copy(NODE / name, folder)
        command.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)

    return _cached(f"node-{hashlib.sha256(content).hexdigest()[:12]}", fill)


def script(name: str) -> list[str]:
    """Return the command of a Node script beside its modules."""
    # Node searches modules from the script's folder, and the checkout must stay free of node_modules.
    folder = node_modules()
    with _locked(folder):
        copy = folder / name
        if not copy.exists() or copy.read_bytes() != (NODE / name).read_bytes():
            shutil.copy(NODE / name, copy)
    return [*node(), str(copy)]


def _cached(name: str, fill: Callable[[Path], None]) -> Path:
    """Return a folder of the user's cache, filled once even if several test runs start together."""
    root = Path(platformdirs.user_cache_dir("drydock")) / "tests"
    root.mkdir(parents=True, exist_ok=True)
    folder = root / name
    with _locked(folder):
        if not folder.exists():
            with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=root) as unfinished:
                fill(Path(unfinished))
                # PgBouncer runs as an unprivileged user.
                Path(unfinished).chmod(0o755)
                Path(unfinished).rename(folder)
                Path(unfinished).mkdir()
    return folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _apt_install(*names: str) -> None:
    """Install Debian packages.

    Raises:
        PackagesMissing: Not root, or this machine does not use apt.
    """
    if os.geteuid() != 0 or not install.is_debian_family():
        raise PackagesMissing(
            f"error: {' and '.join(names)} is not installed and only root on a Debian-family machine can "
            "install it; install it with your package manager and run the tests again"
        )
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    command.run(["apt-get", "-q", "update"])
    command.run(["apt-get", "-q", "install", "--yes", "--no-install-recommends", *names], env=environment)


@contextmanager
def _file(path: str, text: str) -> Iterator[None]:
    """Create a file, with its missing parents, while the block runs."""
    file = Path(path)
    made = [parent for parent in file.parents if not parent.exists()]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    try:
        yield
    finally:
        file.unlink()
        for parent in made:
            if not any(parent.iterdir()):
                parent.rmdir()
