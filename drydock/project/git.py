"""Where an image's source stands in version control."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from drydock import command
from drydock.errors import BadConfiguration, CommandMissing

# Fixed, so that a user's own settings and language cannot change what git prints.
GIT = ("git", "-c", "core.quotepath=off", "-c", "core.fsmonitor=false")
ENVIRONMENT = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}


@dataclass(frozen=True)
class Checkout:
    """The state of a project's source.

    Args:
        revision: The full id of the commit; empty outside of version control or before the first commit.
        dirty: Whether the working tree differs from that commit, files that git does not know included.
        committed: When the commit was made, in seconds since 1970; None without one.
        url: Where others find the repository: https, without credentials; empty where it has no such place.
        branch: The branch that is checked out; empty where none is.
    """

    revision: str = ""
    dirty: bool = False
    committed: int | None = None
    url: str = ""
    branch: str = ""


def epoch(checkout: Checkout, environment: Mapping[str, str] = os.environ) -> int | None:
    """Return the time for an image, in seconds since 1970: SOURCE_DATE_EPOCH, else the commit's."""
    given = environment.get("SOURCE_DATE_EPOCH")
    if not given:
        return checkout.committed
    if not given.isascii() or not given.isdigit():
        raise BadConfiguration(
            where="SOURCE_DATE_EPOCH",
            problem=f"{given!r} is not a whole number",
            how="give it seconds since 1970",
        )
    return int(given)


def read(root: Path) -> Checkout:
    """Ask git about a project.

    Only changes below the project's folder count: another project in the same repository does not make this
    one dirty.

    Returns:
        An empty Checkout where the folder is in no git repository or git is not installed.
    """
    if _git(root, "rev-parse", "--is-inside-work-tree") != "true":
        return Checkout()
    branch = _git(root, "symbolic-ref", "--quiet", "--short", "HEAD")
    url = public_url(_git(root, "remote", "get-url", _remote(root, branch)))
    commit = _git(root, "log", "-1", "--no-show-signature", "--format=%H %ct", "HEAD").split()
    # What drydock remembers about the project is not part of its source, whether git ignores it or not.
    paths = (".", ":(exclude).drydock")
    dirty = bool(_git(root, "status", "--porcelain", "--untracked-files=normal", "--", *paths))
    if not commit:
        return Checkout(dirty=dirty, url=url, branch=branch)
    return Checkout(revision=commit[0], dirty=dirty, committed=int(commit[1]), url=url, branch=branch)


def last(root: Path, branch: str, paths: Sequence[str]) -> Checkout:
    """Return the last state of a branch before the one that is checked out.

    That is where the branch ends, as the remote has it or else as it is here. What stands there already is
    compared with its own past: with the state before some files changed last.

    Args:
        paths: Pathspecs of those files, from the project's folder.

    Returns:
        An empty Checkout where there is no such state: without the branch, or in a clone that ends here.
    """
    here = read(root)
    if not here.revision:
        return Checkout()
    ends = (f"refs/remotes/{_remote(root, branch)}/{branch}", f"refs/heads/{branch}")
    tips = (_git(root, "rev-parse", "--verify", "--quiet", f"{end}^{{commit}}") for end in ends)
    found = next(filter(None, tips), "")
    if found == here.revision and not here.dirty:
        changed = _git(root, "rev-list", "--max-count=1", found, "--", *paths)
        found = changed and _git(root, "rev-parse", "--verify", "--quiet", f"{changed}^")
    time = _git(root, "log", "-1", "--no-show-signature", "--format=%ct", found) if found else ""
    return Checkout(found, committed=int(time), branch=branch) if time else Checkout()


def place(root: Path) -> tuple[Path, str]:
    """Return the folder of the repository that a project is in, and the project's folder from there."""
    return Path(_git(root, "rev-parse", "--show-toplevel")), _git(root, "rev-parse", "--show-prefix")


def _git(root: Path, *args: str) -> str:
    """Return what git prints; empty when it refuses or is not installed."""
    try:
        done = command.run([*GIT, *args], cwd=root, env=ENVIRONMENT, check=False)
    except CommandMissing:
        return ""
    return done.stdout.strip() if done.code == 0 else ""


def _remote(root: Path, branch: str) -> str:
    """Return the remote that a branch follows, else ``origin``."""
    return (branch and _git(root, "config", f"branch.{branch}.remote")) or "origin"


def public_url(remote: str) -> str:
    """Return a git remote's address as others can open it: https, without credentials and ``.git``.

    Only an http address with a port of its own stays http.

    Returns:
        Empty for a path on this machine.
    """
    if "://" not in remote:
        # git's short form, user@host:path; a single letter before the colon is a drive of Windows.
        short = re.fullmatch(r"(?:[^@/\s]+@)?([\w.-]{2,}):(?!/)(\S+)", remote)
        return f"https://{short[1]}/{_path(short[2])}" if short else ""
    parts = urlsplit(remote)
    if parts.scheme not in ("http", "https", "ssh", "git", "git+ssh", "git+https") or not parts.hostname:
        return ""
    # A port of ssh or of git's own protocol says nothing about the web server's; one of http is no https.
    web = parts.scheme in ("http", "https", "git+https")
    port = f":{parts.port}" if parts.port and web else ""
    scheme = "http" if parts.scheme == "http" and port else "https"
    return f"{scheme}://{parts.hostname}{port}/{_path(parts.path)}"


def _path(path: str) -> str:
    return path.strip("/").removesuffix(".git").rstrip("/")
