"""Copyright files of Debian packages, for an image that leaves documentation out."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from drydock import command, osrelease, state, temporary
from drydock.gates import debian
from drydock.image.components import Component
from drydock.state.sealed import write_whole

FETCH_SECONDS = 300.0
DOCUMENTS = Path("usr/share/doc")


def fetch(packages: Sequence[Component], codename: str, cache: Path | None = None) -> dict[Component, str]:
    """Return the copyright files of exactly these versions, which never change and stay cached."""
    folder = cache or state.cache("licences")
    kept = {one: folder / f"{one.name}_{quote(one.version, safe='')}" for one in packages}
    known = {one: path.read_text(encoding="utf-8") for one, path in kept.items() if path.is_file()}
    missing = [one for one in kept if one not in known]
    fetched = _fetch(missing, codename) if missing else {}
    for one, text in fetched.items():
        write_whole(kept[one], text.encode())
    return known | fetched


def _fetch(packages: Sequence[Component], codename: str) -> dict[Component, str]:
    host = osrelease.codename()
    sources = debian.source_lines(debian.mirrors(), host, codename)
    with temporary.folder("licences") as folder:
        options = debian.private_root(folder, sources, packages)
        for one in packages:
            _unpack(f"{one.name}={one.version}", folder, options)
        return {one: text for one in packages if (text := _text(one, folder, options))}


def _unpack(wanted: str, folder: Path, options: Sequence[str]) -> None:
    """Unpack one package, where the archive has it."""
    download = ["apt-get", "-q", *options, "download", wanted]
    fetched = command.run(download, check=False, cwd=folder, timeout=FETCH_SECONDS)
    for archive in folder.glob("*.deb"):
        if fetched.code == 0:
            command.run(["dpkg-deb", "--extract", str(archive), str(folder)], check=False)
        archive.unlink()


def _text(one: Component, folder: Path, options: Sequence[str]) -> str:
    """Return a package's copyright file, which may be in the folder of a package of the same source."""
    own = folder / DOCUMENTS / one.name
    if own.is_symlink() and not own.exists():
        other = os.path.basename(os.readlink(own))  # noqa: PTH115, PTH119 - the link leads nowhere yet
        _unpack(f"{other}={one.version}", folder, options)
    path = (own / "copyright").resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return ""
    return path.read_text(encoding="utf-8", errors="replace")
