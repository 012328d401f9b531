"""Programs from Debian packages, unpacked into a folder of their own and never installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drydock import command, osrelease, temporary
from drydock.engine import apt, install
from drydock.errors import CommandMissing


class NotFetched(Exception):
    """apt is not this machine's package manager, or it failed."""


@contextmanager
def unpacked(parent: Path, *packages: str, release: str = "") -> Iterator[Path]:
    """Download packages with apt, signatures checked, and yield the folder with their files.

    The machine's own apt stays unchanged and installs nothing; root is not needed.
    """
    here = osrelease.codename()
    known = apt.repositories() if install.is_debian_family() else []
    lines = apt.sources(known, here, release or here)
    if not lines:
        raise NotFetched("apt here knows no Debian repository")
    parent.mkdir(parents=True, exist_ok=True)
    with temporary.folder("apt", parent) as folder:
        options = apt.root(folder, lines)
        try:
            command.run(["apt-get", "-q", *options, "update"])
            command.run(["apt-get", "-q", *options, "download", *packages], cwd=folder)
            for archive in sorted(folder.glob("*.deb")):
                command.run(["dpkg-deb", "--extract", str(archive), str(folder / "root")])
        except (command.CommandFailed, CommandMissing) as error:
            raise NotFetched(str(error)) from error
        yield folder / "root"
