"""Programs that gates call, each installed at first use from a hashed lock file of its own.

They stay out of drydock's own environment: checkov alone brings a hundred packages, whose pins would conflict
with drydock's. Every ``<program>.lock`` in this folder is one tool; its first line names the requirement that
``python -m drydock.programs <program>`` resolves to remake it.
"""

import fcntl
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from drydock import command
from drydock.programs.errors import ToolNotInstalled, UnknownTool
from drydock.progress import Say, silent

LOCKS = Path(__file__).parent
# Written last: an installation without it was interrupted.
MARKER = ".complete"
# Tools of Python projects are locked once, beside the scripts of the image's build, which install them too.
BUILD_LOCKS = LOCKS.parent / "container" / "install"
# In the user's cache folder.
FOLDER = "drydock-tools"
HASH_LENGTH = 16
# The oldest Python that drydock runs on; a lock holds markers for every newer one.
OLDEST_PYTHON = "3.11"
# The machine's certificates: behind a company's proxy, uv's own are not enough. No interpreters: uv would
# download one to resolve for a Python version, which does not need it.
UV_ENVIRONMENT = {"UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never"}


def names() -> list[str]:
    return sorted(path.stem for path in LOCKS.glob("*.lock"))


def locked(name: str) -> Path:
    own = LOCKS / f"{name}.lock"
    return own if own.is_file() else BUILD_LOCKS / f"{name}.txt"


def home(name: str) -> Path:
    """Return a tool's folder: one for each content of its lock, shared by all projects of the user."""
    digest = hashlib.sha256(locked(name).read_bytes()).hexdigest()[:HASH_LENGTH]
    return platformdirs.user_cache_path(FOLDER) / f"{name}-{digest}"


def version(name: str) -> str:
    distribution = re.split(r"[^\w.-]", requirement(name))[0]
    text = (LOCKS / f"{name}.lock").read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(distribution)}==(\S+)", text, re.MULTILINE)
    return found[1] if found else "unpinned"


def tool(name: str, say: Say = silent) -> Path:
    """Return the path of a tool's program, and install it at the first call."""
    if not locked(name).is_file():
        raise UnknownTool(tool=name, known=", ".join(names()))
    folder = home(name)
    if not _is_installed(folder):
        with _only_one(folder):
            # Another process may have installed it meanwhile.
            if not _is_installed(folder):
                _install(name, folder, say)
    return folder / "bin" / name


def program(name: str, say: Say = silent) -> Path:
    """Return the program on the user's PATH, or else the locked tool of that name."""
    found = shutil.which(name)
    return Path(found) if found else tool(name, say)


def _is_installed(folder: Path) -> bool:
    # An upgrade of the machine's Python leaves the environment's link to it dangling.
    return (folder / MARKER).is_file() and (folder / "bin" / "python").exists()


def _install(name: str, folder: Path, say: Say) -> None:
    say(f"installing {name} (once, into {folder})")
    shutil.rmtree(folder, ignore_errors=True)
    python = folder / "bin" / "python"
    steps = (
        [uv(), "venv", "--quiet", "--no-config", "--python", sys.executable, str(folder)],
        [
            *(uv(), "pip", "sync", "--no-config", "--python", str(python), "--require-hashes", "--strict"),
            str(locked(name)),
        ],
    )
    environment = {**UV_ENVIRONMENT, "UV_LINK_MODE": os.environ.get("UV_LINK_MODE", "copy")}
    try:
        for step in steps:
            done = command.stream(step, command.by_line(narrated(say)), env=environment)
            if done.code != 0:
                raise _failed(name, f"`{' '.join(step[:3])}` exited with {done.code}", done.stdout)
        if not (folder / "bin" / name).is_file():
            raise _failed(name, f"{locked(name).name} installs no program of that name")
        (folder / MARKER).touch()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _failed(name: str, reason: str, output: str = "") -> ToolNotInstalled:
    return ToolNotInstalled(tool=name, reason=reason, evidence="\n".join(output.splitlines()[-10:]))


def narrated(say: Say) -> Say:
    """Return a function that passes on uv's lines, but no names of packages: there may be a hundred."""

    def tell(line: str) -> None:
        if line.strip() and not line.startswith(" "):
            say(f"  {line.strip()}")

    return tell


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Let one process at a time install into a folder; the lock ends with its process."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".flock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def uv() -> str:
    """Return the uv that is locked with drydock, or else the one on PATH."""
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.is_file() else "uv"


def requirement(name: str) -> str:
    """Return the requirement of a lock file: its first line, ``# <requirement>``."""
    return (LOCKS / f"{name}.lock").read_text(encoding="utf-8").splitlines()[0].removeprefix("#").strip()


def relock(name: str, wanted: str = "") -> None:
    """Resolve a tool's requirement again and write its lock file."""
    wanted = wanted or requirement(name)
    resolve = [uv(), "pip", "compile", "-", "--universal", "--python-version", OLDEST_PYTHON]
    style = ["--generate-hashes", "--no-annotate", "--no-header", "--upgrade", "--quiet"]
    done = command.run([*resolve, *style], stdin=f"{wanted}\n", env=UV_ENVIRONMENT)
    (LOCKS / f"{name}.lock").write_text(f"# {wanted}\n{done.stdout}", encoding="utf-8")
