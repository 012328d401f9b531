"""Write what gates hold an image against: how it starts, what must not be in it, which licences may be."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable
from fnmatch import fnmatchcase
from string import Template

from drydock.project.network import INDEX_VARIABLES
from drydock.recipe.blueprint import Blueprint

PLACE = "image/expectations.toml"
# Nothing that installs, compiles, tests or downloads.
PACKAGES = (
    *("apt", "dpkg", "perl*", "gcc*", "g++*", "binutils", "make", "git", "curl", "wget", "sudo"),
    *("openssh*", "pip", "setuptools", "wheel", "uv", "pytest*"),
)
PROGRAMS = (
    *("sh", "bash", "dash", "busybox", "su", "sudo", "mount", "umount", "apt*", "dpkg*", "perl*", "pip*"),
    *("uv", "uvx", "curl", "wget", "git", "gcc*", "ld", "nc", "ssh"),
)
TEXT = Template("""\
# What the image must be: `nox -s security`, `nox -s audit` and `nox -s licences` hold every build against it.
# `drydock init --with expectations` writes it. A text that begins with ~ is a regular expression.

[image]
user = "10001:10001"
workdir = $workdir
entrypoint = ["/opt/venv/bin/python3", "-P", "/opt/image/start.py"]
cmd = ["serve"]
ports = ["$port/tcp"]
volumes = $volumes
stop-signal = "SIGTERM"
# Secrets come from outside, at run time.
env-absent = $secrets

[image.env]
HOME = "/tmp"
PYTHONUNBUFFERED = "1"

[image.health]
test = ["/opt/venv/bin/python3", "-I", "-S", "/opt/image/probe.py"]
interval = 10
timeout = 3
retries = 3

[packages]
present = ["fastapi", "uvicorn"]
# Nothing that installs, compiles, tests or downloads, but what the application itself runs.
absent = $packages
programs-absent = $programs

[[file]]
path = "/opt/image/*.py"
owner = "0:0"

[[file]]
path = "/tmp"
kind = "folder"
mode = "1777"

[[file]]
path = "/etc/ssl/certs/ca-certificates.crt"
contains = ["^-----BEGIN CERTIFICATE-----$$"]
lacks = ["PRIVATE KEY"]

# Scanners tell from these what ships.
[[file]]
path = "/etc/os-release"

[[file]]
path = "/opt/venv/lib/python3.*/site-packages/fastapi-*.dist-info/METADATA"
contains = ["^Name: fastapi$$"]

[[command]]
run = ["python3", "-c", "import os; print(os.getuid(), os.getgid())"]
stdout = ["^10001 10001$$"]

# What is accepted for a time: [[security.ignore]] with check, subject, reason, and until, at most a year
# away. Past it, the gate fails.

# Programs and libraries that no package names, and why that is accepted.
[audit.unchecked]

[licences]
# SPDX identifiers, * for other characters: decide here what you may ship.
allow = [
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CNRI-Python", "ISC", "LGPL-*", "MIT", "MIT-0",
    "MIT-CMU", "MPL-2.0", "PSF-2.0", "Python-2.0", "Unlicense", "Zlib",
    "LicenseRef-BSD-License",  # the classifier, which names one of four permissive licences
]
# For Debian packages besides: unchanged parts of a free system, whose files come under many names. Not AGPL.
# SPDX does not list those that begin with LicenseRef: the names are Debian's, in the packages of a slim base.
allow-debian = [
    "GPL-*", "LGPL-*", "GFDL-*", "SMAIL-GPL", "BSD-*", "Artistic-*", "MPL-*", "0BSD", "BSL-1.0", "Beerware",
    "CC0-1.0", "CC-BY-*", "FSFAP", "FSFUL*", "Kazlib", "Latex2e", "MS-PL", "OLDAP-*", "PostgreSQL", "RSA-MD",
    "Sleepycat", "SunPro", "TCL", "Unicode-*", "X11", "Zlib", "curl", "libutil-David-Nugent", "OpenSSL",
    "LicenseRef-BSD-*", "LicenseRef-MIT-*", "LicenseRef-ISC-*", "LicenseRef-public-domain*", "LicenseRef-PD*",
    "LicenseRef-probably-PD", "LicenseRef-permissive*", "LicenseRef-Custom-*", "LicenseRef-HSIEH-*",
    "LicenseRef-GFDL-1.3--no-invariant", "LicenseRef-BSLA", "LicenseRef-CORE-MATH", "LicenseRef-Carnegie",
    "LicenseRef-DEC", "LicenseRef-GAP", "LicenseRef-IBM", "LicenseRef-Inner-Net", "LicenseRef-TCL-like",
    "LicenseRef-Univ-Coimbra", "LicenseRef-verbatim",
    "LicenseRef-BZIP", "LicenseRef-SSLeay", "LicenseRef-OpenLDAP", "LicenseRef-Unicode", "LicenseRef-pcre",
    "LicenseRef-Autoconf", "LicenseRef-FSF-manpages", "LicenseRef-IBM-as-is", "LicenseRef-REGCOMP",
    "LicenseRef-RRA-KEEP-THIS-NOTICE", "LicenseRef-SDBM-PUBLIC-DOMAIN", "LicenseRef-TEXT-TABS",
    "LicenseRef-DONT-CHANGE-THE-GPL", "LicenseRef-ad-hoc", "LicenseRef-config-h", "LicenseRef-none",
    "LicenseRef-noderivs", "LicenseRef-double-metaphone", "LicenseRef-nagaysau-ishii",
]

# Where a component's own metadata names no licence, or only that of its packaging.
[licences.declared]
libcrypt1 = "LGPL-2.1-or-later"
$declared
""")


def render(blueprint: Blueprint) -> str:
    """Return the text of the file."""
    runs = {posixpath.basename(path) for path in blueprint.extra_files} | {*blueprint.system_run}
    secrets = (setting.name for setting in blueprint.settings if setting.kind == "secret")
    return TEXT.substitute(
        workdir=_toml(blueprint.workdir),
        port=blueprint.port,
        volumes=_toml(sorted(blueprint.storage.folders)),
        secrets=_toml([*secrets, *INDEX_VARIABLES, "HTTP_PROXY", "HTTPS_PROXY"]),
        packages=_toml(_but(PACKAGES, runs)),
        programs=_toml(_but(PROGRAMS, runs)),
        declared="\n".join(f'{_toml(name)} = "PSF-2.0"' for name in _pythons(blueprint)),
    )


def _but(patterns: Iterable[str], runs: Iterable[str]) -> list[str]:
    """Leave out what the application runs; git brings Perl."""
    wanted = {*runs, *(["perl"] if "git" in runs else [])}
    return [one for one in patterns if not any(fnmatchcase(name, one) for name in wanted)]


def _pythons(blueprint: Blueprint) -> list[str]:
    """Return the Debian packages that are Python: their copyright files name all that they include."""
    parts = ("{}", "{}-minimal", "{}-venv", "lib{}-minimal", "lib{}-stdlib")
    versions = [f"python{version}" for version in (blueprint.python, *blueprint.python_also)]
    whole = ("python3-distutils", "python3-lib2to3")
    return [*(part.format(python) for python in ("python3", *versions) for part in parts), *whole]


def _toml(value: str | list[str]) -> str:
    """Return a text or a list as TOML: JSON writes both alike."""
    return json.dumps(value, ensure_ascii=False)
