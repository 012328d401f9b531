"""Programs from Debian packages, unpacked beside what is installed and never into it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drydock import command, errors
from drydock.engine import install


class NotFetched(Exception):
    """apt is not this machine's package manager, or refused."""


@contextmanager
def unpacked(package: str, parent: Path, release: str = "") -> Iterator[Path]:
    """Let apt download a package, its signatures checked, and yield the folder that it is unpacked into.

    The machine's own apt is neither changed nor asked to install anything, and this needs no root.

    Args:
        package: Its name.
        parent: An existing folder for the temporary one, on the same file system as its later place.
        release: The Debian release to take it from; this machine's own by default.

    Raises:
        NotFetched: Says why.
    """
    here = install.read_os_release().get("VERSION_CODENAME", "")
    known = install.repositories() if install.is_debian_family() else []
    if not here or not known:
        raise NotFetched("apt here knows no Debian repository")
    mirrors = {(one.uri, one.suite.replace(here, release or here)) for one in known}
    lines = [f"deb [signed-by={install.KEYRING}] {uri} {suite} main\n" for uri, suite in sorted(mirrors)]
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"drydock-{package}-", dir=parent) as name:
        apt = Path(name)
        (apt / "sources.list").write_text("".join(lines))
        (apt / "lists/partial").mkdir(parents=True)
        (apt / "status").touch()
        settings = {
            "Dir::Etc::sourcelist": apt / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": apt / "lists",
            "Dir::State::status": apt / "status",
            "Dir::Cache": apt,
            # Debian's user _apt may not enter this private folder.
            "APT::Sandbox::User": "root",
        }
        options = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
        try:
            command.run(["apt-get", "-q", *options, "update"])
            command.run(["apt-get", "-q", *options, "download", package], cwd=apt)
            (archive,) = apt.glob(f"{package}_*.deb")
            command.run(["dpkg-deb", "--extract", str(archive), str(apt / "root")])
        except (command.CommandFailed, errors.CommandMissing) as error:
            raise NotFetched(str(error)) from error
        yield apt / "root"
