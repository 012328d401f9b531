"""Read a project's state in git: commit, branch and remote; and check out another commit."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from drydock import command, temporary
from drydock.errors import BadConfiguration, CommandMissing
from drydock.project.errors import RepositoryNotTrusted

# Fixed, so that a user's settings and language cannot change git's output.
GIT = ("git", "-c", "core.quotepath=off", "-c", "core.fsmonitor=false")
ENVIRONMENT = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
_NOT_TRUSTED = re.compile(
    r"^fatal: (?:detected dubious ownership in|unsafe) repository (?:at |\()'(.+?)'", re.M
)


@dataclass(frozen=True)
class Checkout:
    """The state of a project's source; fields are empty outside of version control."""

    revision: str = ""  # the commit's full id; also empty before the first commit
    dirty: bool = False  # whether the working tree differs from it, untracked files included
    committed: int | None = None  # in seconds since 1970
    url: str = ""  # the repository's public address: https, without credentials
    branch: str = ""  # the one that is checked out


def epoch(checkout: Checkout, environment: Mapping[str, str] = os.environ) -> int | None:
    """Return the image's time, in seconds since 1970: SOURCE_DATE_EPOCH, else the commit's."""
    given = environment.get("SOURCE_DATE_EPOCH")
    if not given:
        return checkout.committed
    if not given.isascii() or not given.isdigit():
        problem, how = f"{given!r} is not a whole number", "give it seconds since 1970"
        raise BadConfiguration(where="SOURCE_DATE_EPOCH", problem=problem, how=how)
    return int(given)


def read(root: Path) -> Checkout:
    """Read a project's state; empty without git or outside of a repository.

    Only changes below the project's folder count, not those of other projects in the same repository.
    """
    if _git(root, "rev-parse", "--is-inside-work-tree") != "true":
        return Checkout()
    branch = _git(root, "symbolic-ref", "--quiet", "--short", "HEAD")
    url = public_url(_git(root, "remote", "get-url", _remote(root, branch)))
    commit = _git(root, "log", "-1", "--no-show-signature", "--format=%H %ct", "HEAD").split()
    # drydock's own state is not part of the source, whether git ignores it or not.
    paths = (".", ":(exclude).drydock")
    dirty = bool(_git(root, "status", "--porcelain", "--untracked-files=normal", "--", *paths))
    if not commit:
        return Checkout(dirty=dirty, url=url, branch=branch)
    return Checkout(revision=commit[0], dirty=dirty, committed=int(commit[1]), url=url, branch=branch)


def last(root: Path, branch: str, paths: Sequence[str]) -> Checkout:
    """Return a branch's last state before the checked-out one; empty without one, as in a shallow clone.

    That is the branch's tip, on the remote or else here. A checked-out tip is compared with its own past:
    the state before the last change of the files that `paths` names, from the project's folder.
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
    """Return the folder of a project's repository, and the project's folder relative to it."""
    return Path(_git(root, "rev-parse", "--show-toplevel")), _git(root, "rev-parse", "--show-prefix")


def top(root: Path) -> Path:
    """Return the folder of a project's repository; without one, the project's own."""
    found, _ = place(root)
    return found if found.is_absolute() else root


def ask(root: Path, *args: str) -> command.Completed:
    """Run git in a folder; raise RepositoryNotTrusted where it refuses another user's repository."""
    done = command.run([*GIT, *args], cwd=root, env=ENVIRONMENT, check=False)
    if refused := _NOT_TRUSTED.search(done.stderr):
        raise RepositoryNotTrusted(path=refused[1])
    return done


def _git(root: Path, *args: str) -> str:
    """Return git's output; empty if it fails or is not installed."""
    try:
        done = ask(root, *args)
    except CommandMissing:
        return ""
    return done.stdout.strip() if done.code == 0 else ""


def _remote(root: Path, branch: str) -> str:
    """Return a branch's remote, else ``origin``."""
    return (branch and _git(root, "config", f"branch.{branch}.remote")) or "origin"


def public_url(remote: str) -> str:
    """Return a git remote's public address: https, without credentials and ``.git``; empty for a path.

    Only an http address with an explicit port stays http.
    """
    if "://" not in remote:
        # git's short form, user@host:path; a single letter before the colon is a Windows drive.
        short = re.fullmatch(r"(?:[^@/\s]+@)?([\w.-]{2,}):(?!/)(\S+)", remote)
        return f"https://{short[1]}/{_path(short[2])}" if short else ""
    parts = urlsplit(remote)
    if parts.scheme not in ("http", "https", "ssh", "git", "git+ssh", "git+https") or not parts.hostname:
        return ""
    # A port of ssh or of git's protocol is not the web server's; an http port does not answer https.
    web = parts.scheme in ("http", "https", "git+https")
    port = f":{parts.port}" if parts.port and web else ""
    scheme = "http" if parts.scheme == "http" and port else "https"
    return f"{scheme}://{parts.hostname}{port}/{_path(parts.path)}"


def _path(path: str) -> str:
    return path.strip("/").removesuffix(".git").rstrip("/")


@contextmanager
def worktree(root: Path, commit: str) -> Iterator[Path]:
    """Yield a folder with exactly a commit's files: the working tree itself if it is equal."""
    head = command.run(["git", "rev-parse", "HEAD"], cwd=root).stdout.strip()
    wanted = command.run(["git", "rev-parse", f"{commit}^{{commit}}"], cwd=root).stdout.strip()
    dirty = command.run(["git", "status", "--porcelain"], cwd=root).stdout.strip()
    if wanted == head and not dirty:
        yield root
        return
    # Of this repository: tests and labels find the commit and its remote there too.
    git = ["git", "-c", "core.hooksPath=/dev/null", "worktree"]
    with temporary.folder("commit") as parent:
        folder = parent / "tree"
        command.run([*git, "add", "--quiet", "--detach", str(folder), wanted], cwd=root)
        try:
            yield folder
        finally:
            command.run([*git, "remove", "--force", str(folder)], cwd=root)
