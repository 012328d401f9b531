"""Run apt with sources of its own; this machine's sources are read and never changed."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from drydock import command, osrelease, temporary
from drydock.errors import CommandMissing

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Options of `update`: the command that reads the lists indexes them, and would not take update's index.
LISTS_ALONE = ("-o", "pkgCacheFile::Generate=false")


class NotFetched(Exception):
    """apt is not this machine's package manager, or it failed."""


@dataclass(frozen=True)
class Repository:
    uri: str
    suite: str


def repositories() -> list[Repository]:
    """Return the Debian repositories that this machine uses, mirrors included."""
    fields = "$(REPO_URI)|$(RELEASE)|$(ORIGIN)"
    listing = command.run(["apt-get", "indextargets", "--format", fields, "Created-By: Packages"]).stdout
    rows = {tuple(line.split("|")) for line in listing.splitlines() if line.endswith("|Debian")}
    return [Repository(uri, suite) for uri, suite, _ in sorted(rows)]


def sources(known: Iterable[Repository], own: str, *releases: str) -> list[str]:
    """Return sources.list lines for other releases on this machine's mirrors.

    `own` is the code name of this machine's release; without one there are no lines.
    """
    wanted = {
        (one.uri, one.suite.replace(own, release, 1))
        for one in known
        for release in releases
        if own and one.suite.startswith(own)
    }
    return [f"deb [signed-by={KEYRING}] {uri} {suite} main" for uri, suite in sorted(wanted)]


def overlay(folder: Path, lines: Iterable[str], preferences: str = "") -> list[str]:
    """Write sources into an empty folder, and return apt options that use them for this machine's packages.

    The folder must outlive the options.
    """
    caches = {"Dir::Cache::pkgcache": "", "Dir::Cache::srcpkgcache": ""}
    return _options(_sources(folder, lines, preferences) | caches)


def root(
    folder: Path, lines: Iterable[str], status: str = "", more: Mapping[str, object] | None = None
) -> list[str]:
    """Write a separate apt root into an empty folder, and return options that use it without being root.

    The folder must outlive the options.
    """
    (folder / "status").write_text(status, encoding="utf-8")
    own = {
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder,
        # Apt's own user may not enter a private folder.
        "APT::Sandbox::User": "root",
    }
    return _options(_sources(folder, lines, "") | own | dict(more or {}))


def _sources(folder: Path, lines: Iterable[str], preferences: str) -> dict[str, object]:
    (folder / "sources.list").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / "preferences").write_text(preferences, encoding="utf-8")
    (folder / "lists" / "partial").mkdir(parents=True)
    return {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": folder / "preferences",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
    }


def _options(settings: Mapping[str, object]) -> list[str]:
    return [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]


@contextmanager
def unpacked(parent: Path, *packages: str, release: str = "") -> Iterator[Path]:
    """Download packages, signatures checked, and yield the folder with their files.

    The machine's own apt stays unchanged and installs nothing; root is not needed.
    """
    here = osrelease.codename()
    known = repositories() if osrelease.is_debian_family() else []
    lines = sources(known, here, release or here)
    if not lines:
        raise NotFetched("apt here knows no Debian repository")
    parent.mkdir(parents=True, exist_ok=True)
    with temporary.folder("apt", parent) as folder:
        options = root(folder, lines)
        try:
            command.run(["apt-get", "-q", *options, *LISTS_ALONE, "update"])
            command.run(["apt-get", "-q", *options, "download", *packages], cwd=folder)
            for archive in sorted(folder.glob("*.deb")):
                command.run(["dpkg-deb", "--extract", str(archive), str(folder / "root")])
        except (command.CommandFailed, CommandMissing) as error:
            raise NotFetched(str(error)) from error
        yield folder / "root"
