"""Print the entries of a requirements file whose distributions an environment lacks.

    python3 difference.py requirements-test.lock /opt/venv > rest.txt

The last part of the tests' lock, which names the tools of the project's own build, is left out.

The tests must run against the versions that ship, so another installed version is an error. With
--any-version at the end it is accepted: the file lists tools, and the shipped versions of them are used.

A distribution from a file of the project, or from a repository where git is missing, is told and left out.
"""

import re
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

# The line above that part.
BUILD = "# What builds the project"


def normal(name: str) -> str:
    """Normalize a distribution's name as package indexes do."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, version (empty for an address) and full text of each entry, hashes included."""
    for entry in re.findall(r"^[^\s#-].*(?:\n[ \t]+--hash.*)*", text, re.MULTILINE):
        if found := re.match(r"([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?(?:==([^\s;\\]+)|\s*@\s)", entry):
            yield normal(found[1]), found[2] or "", entry
        elif found := re.match(r"(?:\S*/)?([A-Za-z0-9][\w.]*)-\d[^\s/]*\.(?:whl|zip|tar\.gz)(?=\s|$)", entry):
            yield normal(found[1]), "", entry


def missing(text: str, installed: dict[str, str], *, any_version: bool = False) -> str:
    """Return the entries that are not installed, and tell those that cannot be.

    `installed` maps distributions to versions.

    Raises:
        SystemExit: Another version than the locked one is installed, and `any_version` is not set.
    """
    rest = []
    has_hashes = "--hash" in text
    schemes = r"https?|git\+https?" if shutil.which("git") else "https?"
    # A lock may hold several versions, each for other Pythons.
    locked: dict[str, list[str]] = {}
    for name, version, entry in entries(text):
        if version:
            locked.setdefault(name, []).append(version)
        if name in installed:
            continue
        # Where entries have hashes, uv takes no address without one.
        is_accepted = "--hash" in entry or not has_hashes
        if version or (is_accepted and re.search(rf"\s@\s(?:{schemes})://", entry)):
            rest.append(entry)
        else:
            told = f"drydock: the test image lacks {name}: it is of a repository or a file, or has no hash"
            print(told, file=sys.stderr)  # noqa: T201
    wrong = [
        f"error: the image ships {name} {installed[name]}, the tests' lock has {' or '.join(versions)};"
        " lock both again"
        for name, versions in locked.items()
        if not any_version and name in installed and installed[name] not in versions
    ]
    if wrong:
        sys.exit("\n".join(wrong))
    return "".join(entry + "\n" for entry in rest)


def main() -> None:
    lock, environment = map(Path, sys.argv[1:3])
    folders = [str(folder) for folder in environment.glob("lib/python3*/site-packages")]
    installed = {normal(found.metadata["Name"]): found.version for found in distributions(path=folders)}
    any_version = "--any-version" in sys.argv[3:]
    text = lock.read_text().partition(BUILD)[0]
    sys.stdout.write(missing(text, installed, any_version=any_version))


if __name__ == "__main__":
    main()
