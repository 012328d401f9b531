"""Write the gates' expectations of an image: its start, forbidden contents, and licences."""

import json
import posixpath
from collections.abc import Iterable
from fnmatch import fnmatchcase

from drydock.project.network import INDEX_VARIABLES
from drydock.recipe.blueprint import Blueprint
from drydock.recipe.templates import fill

PLACE = "image/expectations.toml"
# Programs that install, compile, test or download do not belong in an image.
PACKAGES = (
    *("apt", "dpkg", "perl*", "gcc*", "g++*", "binutils", "make", "git", "curl", "wget", "sudo"),
    *("openssh*", "pip", "setuptools", "wheel", "uv", "pytest*"),
)
PROGRAMS = (
    *("sh", "bash", "dash", "busybox", "su", "sudo", "mount", "umount", "apt*", "dpkg*", "perl*", "pip*"),
    *("uv", "uvx", "curl", "wget", "git", "gcc*", "ld", "nc", "ssh"),
)


def render(blueprint: Blueprint) -> dict[str, str]:
    """Return a project's expectations: text by path."""
    runs = {posixpath.basename(path) for path in blueprint.extra_files} | {*blueprint.system_run}
    secrets = (setting.name for setting in blueprint.settings if setting.kind == "secret")
    values = {
        "workdir": _toml(blueprint.workdir),
        "blueprint": blueprint,
        "volumes": _toml(sorted(blueprint.storage.folders)),
        "secrets": _toml([*secrets, *INDEX_VARIABLES, "HTTP_PROXY", "HTTPS_PROXY"]),
        "packages": _toml(_but(PACKAGES, runs)),
        "programs": _toml(_but(PROGRAMS, runs)),
        "pythons": _pythons(blueprint),
    }
    return {PLACE: fill("expectations.template", values)}


def _but(patterns: Iterable[str], runs: Iterable[str]) -> list[str]:
    """Leave out the application's own programs; git brings Perl."""
    wanted = {*runs, *(["perl"] if "git" in runs else [])}
    return [one for one in patterns if not any(fnmatchcase(name, one) for name in wanted)]


def _pythons(blueprint: Blueprint) -> list[str]:
    """Return the Debian packages of Python: their copyright files list every included licence."""
    parts = ("{}", "{}-minimal", "{}-venv", "lib{}-minimal", "lib{}-stdlib")
    versions = [f"python{version}" for version in (blueprint.python, *blueprint.python_also)]
    whole = ("python3-distutils", "python3-lib2to3")
    return [*(part.format(python) for python in ("python3", *versions) for part in parts), *whole]


def _toml(value: str | list[str]) -> str:
    """Write a text or a list as TOML: JSON has the same form."""
    return json.dumps(value, ensure_ascii=False)
