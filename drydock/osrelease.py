"""Read os-release, which names a system and its release."""

import re
from pathlib import Path

HOST = Path("/etc/os-release")
_FIELD = re.compile(r"^([A-Z][A-Z0-9_]*)=([\"']?)(.*)\2\s*$", re.MULTILINE)


def fields(text: str) -> dict[str, str]:
    """Return the fields of an os-release text, without quotes."""
    return {name: re.sub(r"\\(.)", r"\1", value) for name, _, value in _FIELD.findall(text)}


def of_host(path: Path = HOST) -> dict[str, str]:
    """Return the fields of this machine's os-release, empty without one."""
    try:
        return fields(path.read_text(encoding="utf-8"))
    except OSError:
        return {}


def codename() -> str:
    """Return the code name of this machine's release, empty without one."""
    return of_host().get("VERSION_CODENAME", "")


def is_debian_family(path: Path = HOST) -> bool:
    found = of_host(path)
    return "debian" in f"{found.get('ID', '')} {found.get('ID_LIKE', '')}".split()
