"""Print the entries of a requirements file if an environment lacks the setuptools that it imports.

    python3 undeclared.py setuptools.txt /opt/venv [MODULE] > undeclared.txt

Before 3.12, Python's official images and new environments had setuptools: nothing declares its pkg_resources.
MODULE is one of the application's own that imports it.
"""

import re
import sys
from pathlib import Path

IMPORTED = re.compile(rb"^[ \t]*(?:import|from)[ \t]+pkg_resources\b", re.MULTILINE)


def importer(environment: Path, own: str = "") -> str:
    """Return a module that imports pkg_resources; empty without one, or where setuptools is installed."""
    for site in environment.glob("lib/python3*/site-packages"):
        if (site / "setuptools").is_dir():
            return ""
        for path in () if own else sorted(site.rglob("*.py")):
            if IMPORTED.search(path.read_bytes()):
                return str(path.relative_to(site))
    return own


def main(lock: str, environment: str, own: str = "") -> None:
    if sys.version_info < (3, 12) and (found := importer(Path(environment), own)):
        print(f"drydock: {found} imports pkg_resources: setuptools is installed", file=sys.stderr)  # noqa: T201
        sys.stdout.write(Path(lock).read_text())


if __name__ == "__main__":
    main(*sys.argv[1:])
