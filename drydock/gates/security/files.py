"""Checks on the files of an image's final tree, by path, kind, mode and owner."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from drydock.gates.expectations.findings import Finding
from drydock.gates.expectations.model import Packages
from drydock.image import Config, File, Kind
from drydock.image.components import PROGRAM_FOLDERS
from drydock.image.packages import Inventory, Source

SETUID, SETGID, STICKY = 0o4000, 0o2000, 0o1000
ANYBODY_WRITES, GROUP_WRITES, OWNER_WRITES = 0o002, 0o020, 0o200
# File names that hold secrets (dockle CIS-DI-0010); public certificates and examples do not count.
SECRET_FILES = (
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".netrc", ".pgpass", ".pypirc", ".npmrc"),
    ".git-credentials",
    *(".env", ".env.*", "credentials.json", "service-account*.json", "*.p12", "*.pfx", "*.jks", "*.keystore"),
    *("*_rsa.pem", "*private*.pem", "*.key", ".htpasswd", "kubeconfig", "docker-config.json", ".dockercfg"),
)
# Left over from a build or a developer's machine (dockle DKL-LI-0003 and its equivalents for Python).
UNNEEDED_FILES = (
    *("Dockerfile", "Dockerfile.*", ".dockerignore", "docker-compose*.y*ml", "compose.y*ml", "Makefile"),
    *("Vagrantfile", ".DS_Store", "*.swp", ".bash_history", ".python_history", ".coverage"),
)
UNNEEDED_FOLDERS = frozenset(
    {".git", ".hg", ".svn", ".ssh", ".aws", ".vscode", ".idea", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
)
CACHES = re.compile(
    r"^/(?:var/lib/apt/lists/[^/]+_|var/cache/apt/(?:archives/.+\.deb|.*\.bin)$|root/\.cache/"
    r"|home/[^/]+/\.cache/|var/cache/apk/)"
)
# Folders in which packages ship files under such names on purpose.
_SHIPPED = re.compile(r"^/(?:usr/)?(?:lib|share)/|/site-packages/|/dist-packages/|/etc/ssl/certs/")


def check(
    tree: Mapping[str, File], config: Config, sources: tuple[str, ...], volumes: tuple[str, ...] = ()
) -> Iterator[Finding]:
    user = config.user.partition(":")[0]
    groups = {config.user.partition(":")[2] or user}
    for file in tree.values():
        if file.kind is Kind.FILE:
            yield from _file(file)
        if file.kind is Kind.SYMLINK:
            continue  # a link's own mode means nothing
        mode = f"has mode {file.mode:04o}"
        if file.mode & ANYBODY_WRITES and not (file.kind is Kind.FOLDER and file.mode & STICKY):
            if file.kind is not Kind.DEVICE:
                yield Finding("world-writable", file.path, f"{mode}: any user can change it")
            continue
        owned = str(file.uid) == user and file.mode & OWNER_WRITES
        grouped = str(file.gid) in groups and file.mode & GROUP_WRITES
        if (owned or grouped) and _below(file.path, sources) and not _below(file.path, volumes):
            text = f"{mode} and owner {file.uid}:{file.gid}: it can change itself"
            yield Finding("app-writable", file.path, text)


def _file(file: File) -> Iterator[Finding]:
    name = posixpath.basename(file.path)
    if file.mode & (SETUID | SETGID):
        yield Finding("setuid", file.path, f"has mode {file.mode:04o}: it runs with its owner's rights")
    if _named(name, SECRET_FILES) and not _SHIPPED.search(file.path) and file.size:
        yield Finding("secret-file", file.path, "is named like a file of secrets")
    if not _SHIPPED.search(file.path):
        folders = set(file.path.split("/")[:-1]) & UNNEEDED_FOLDERS
        if folders or _named(name, UNNEEDED_FILES):
            yield Finding("unneeded-file", file.path, "is for building or for developers, not for running")
    if CACHES.search(file.path):
        yield Finding("cache-file", file.path, f"is a cache of {file.size} bytes that nothing reads")


def _named(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _below(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in folders)


def installed(
    tree: Mapping[str, File], inventory: Inventory, expected: Packages, target: str
) -> Iterator[Finding]:
    """Yield missing packages, and forbidden packages and programs."""
    if target not in expected.targets:
        return
    packages = (*inventory.of(Source.DEBIAN), *inventory.of(Source.PYTHON))
    names = {package.name.lower() for package in packages}
    for pattern in expected.absent:
        for name in sorted(names):
            if fnmatchcase(name, pattern.lower()):
                yield Finding("packages", name, "is installed")
    for name in expected.present:
        if name.lower() not in names:
            yield Finding("packages", name, "is not installed")
    for path in sorted(tree):
        folder, name = posixpath.split(path)
        if folder in PROGRAM_FOLDERS and _named(name, expected.programs_absent):
            yield Finding("programs", path, "is there")


def accounts(passwd: str, shadow: str, group: str) -> Iterator[Finding]:
    """Yield accounts without a password, and numbers that two accounts share."""
    for line in shadow.splitlines():
        fields = line.split(":")
        if fields[1:2] == [""]:
            yield Finding("empty-password", fields[0], "has an empty password in /etc/shadow")
    for where, text in (("/etc/passwd", passwd), ("/etc/group", group)):
        rows = [line.split(":") for line in text.splitlines() if line.count(":") >= 2]
        holders: dict[str, list[str]] = {}
        for name, password, number, *_ in rows:
            holders.setdefault(number, []).append(name)
            if where == "/etc/passwd" and not password:
                yield Finding("empty-password", name, "has an empty password in /etc/passwd")
        for number, names in holders.items():
            if len(names) > 1:
                yield Finding("duplicate-id", where, f"{', '.join(names)} share the number {number}")
        for name, times in sorted(Counter(fields[0] for fields in rows).items()):
            if times > 1:
                yield Finding("duplicate-id", where, f"{name} is listed twice")
