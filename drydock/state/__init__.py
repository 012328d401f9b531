"""Where drydock keeps things for a user of this machine, and for how long: one table, which `clean` goes by.

A project's own files, such as its last report, are in its ``.drydock`` instead.
"""

import math
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from drydock.programs import FOLDER as TOOLS
from drydock.state.errors import StateNotWritten

DAY = 86_400.0


@dataclass(frozen=True)
class Kept:
    pattern: str  # files or folders below the user's state or cache folder
    days: float = math.inf  # days since a file's last use
    largest: float = math.inf  # bytes of all of them; the least recently used go first
    cache: bool = False

    def paths(self) -> Iterator[Path]:
        yield from (platformdirs.user_cache_path() if self.cache else platformdirs.user_state_path()).glob(
            self.pattern
        )


TABLE = {
    # Authenticates receipts, records of builds and journals; without it, none of them is valid.
    "key": Kept("drydock/key"),
    "receipts": Kept("drydock/receipts", days=90),
    "builds": Kept("drydock/builds", days=90),
    # Each project's last run of its tests: which functions each of them calls.
    "touched": Kept("drydock/touched", days=90),
    # The modules that each gate's verdict depends on, for the state of drydock's source that names the file.
    "closures": Kept("drydock/closures", days=30),
    # The clone that each reference on the engine was built from.
    "clones": Kept("drydock/clones", days=90),
    # What steps of builds said, which builders keep in their caches without it.
    "remarks": Kept("drydock/remarks", days=90),
    # A journal is useful until its version is released.
    "releases": Kept("drydock/releases", days=180),
    # Half a year's trend; a build takes 20 kB.
    "history": Kept("drydock/history.sqlite3*", days=180),
    # The analysis of a 100 MB image takes 1 to 2 MB: room for some hundred builds.
    "images": Kept("drydock/images-v*", days=180, largest=200_000_000, cache=True),
    # Compressed layers: room for some fifty builds with other dependencies.
    "blobs": Kept("drydock/blobs", days=180, largest=1_500_000_000, cache=True),
    # Some thousand layers.
    "blob locations": Kept("drydock/blob-locations", days=180, largest=1_000_000, cache=True),
    "cosign": Kept("drydock/cosign-*", cache=True),
    "tools": Kept(f"{TOOLS}/*", cache=True),
    # The rendered Dockerfile and build scripts of each project without drydock's own.
    "recipes": Kept("drydock/recipes", days=30, cache=True),
    # The compiled templates of rendered files.
    "templates": Kept("drydock/templates", days=180, cache=True),
    # The resolved versions of projects without a lock file.
    "resolutions": Kept("drydock/resolutions", days=180, cache=True),
    # The texts that `drydock init` wrote: the base for merging an edited file.
    "written": Kept("drydock/written"),
    "licences": Kept("drydock/licences", days=180, cache=True),
    # When the files of each row were last looked through for outdated ones.
    "tidied": Kept("drydock/tidied"),
}


def folder(name: str = "") -> Path:
    """Return a folder in the user's state folder; without a name, drydock's own."""
    return platformdirs.user_state_path("drydock") / name


def cache(name: str = "") -> Path:
    """Return a folder in the user's cache folder; without a name, drydock's own."""
    return platformdirs.user_cache_path("drydock") / name


def not_kept(error: OSError) -> StateNotWritten | None:
    """Return the error of a write into one of these folders; None for any other."""
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    for place, variable in ((folder(), "XDG_STATE_HOME"), (cache(), "XDG_CACHE_HOME")):
        if path and (place.is_relative_to(path) or path.is_relative_to(place)):
            return StateNotWritten(path=path, reason=error.strerror or error, variable=variable)
    return None


def beside(path: Path) -> Path:
    """Make the folder of a file in a project's ``.drydock``; git ignores it by a rule of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rule = path.parent / ".gitignore"
    if not rule.exists():
        rule.write_text("*\n", encoding="utf-8")
    return path


def use(path: Path) -> None:
    """Note that a file is used, once a day: Podman's cache misses when a time in a build context changes."""
    if time.time() - path.stat().st_mtime > DAY:
        path.touch()


def prune(name: str) -> int:
    """Remove outdated files of one row of the table, and return their number."""
    oldest = time.time() - TABLE[name].days * DAY
    removed = 0
    for place in TABLE[name].paths():
        for path in [*place.rglob("*"), place] if place.is_dir() else [place]:
            try:
                if not path.is_dir() and path.stat().st_mtime < oldest:
                    path.unlink()
                    removed += 1
                    path.parent.rmdir()
            except OSError:  # the folder is not empty, or another process was faster
                continue
    return removed


def tidy(name: str) -> None:
    """Prune a row, at most once a day: it may have ten thousand files, and no build should look at each."""
    note = folder("tidied") / name
    # Without the note the files are looked through again.
    with suppress(OSError):
        if note.exists() and time.time() - note.stat().st_mtime < DAY:
            return
        note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        note.touch()
    prune(name)


def remove_caches() -> Iterator[Path]:
    """Remove everything that can be made or fetched again, and yield each path."""
    for row in TABLE.values():
        for path in row.paths() if row.cache else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            yield path
