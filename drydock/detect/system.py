"""Hint at Debian packages that the build and the running program need beyond Python."""

from __future__ import annotations

import re

from drydock.detect.code import Startup
from drydock.detect.dependencies import Chosen
from drydock.detect.dockerfiles import COMPILERS, ONLY_FOR_BUILDS, Dockerfile
from drydock.detect.model import Package, PackageOrigin
from drydock.detect.python import unfit
from drydock.detect.syntax import argument, constant

# Distributions that publish no wheels for Linux: what their sources compile and link against.
SOURCES = {
    "psycopg2": (("build-essential", "libpq-dev"), ("libpq5",)),
    "mysqlclient": (("build-essential", "pkg-config", "default-libmysqlclient-dev"), ("libmariadb3",)),
    "python-ldap": (("build-essential", "libldap-dev", "libsasl2-dev"), ("libldap2",)),
    "pygraphviz": (("build-essential", "libgraphviz-dev"), ("graphviz",)),
    "pycairo": (("build-essential", "pkg-config", "libcairo2-dev"), ("libcairo2",)),
    "pyaudio": (("build-essential", "portaudio19-dev"), ("libportaudio2",)),
    "pylibmc": (("build-essential", "libmemcached-dev"), ("libmemcached11",)),
    "uwsgi": (("build-essential",), ()),
    "pysqlcipher3": (("build-essential", "libsqlcipher-dev"), ("libsqlcipher1",)),
}
# Distributions that call a program or load a library which no wheel carries.
RUNTIME = {
    "gitpython": "git",
    "pydub": "ffmpeg",
    "ffmpeg-python": "ffmpeg",
    "pytesseract": "tesseract-ocr",
    "python-magic": "libmagic1",
    "weasyprint": "libpango-1.0-0",
    "pdf2image": "poppler-utils",
    "pdfkit": "wkhtmltopdf",
    "wand": "libmagickwand-6.q16-6",
    "graphviz": "graphviz",
    "opencv-python": "libgl1",
    "psycopg": "libpq5",
    "pyzbar": "libzbar0",
}
PROGRAMS = {
    "git": "git",
    "ffmpeg": "ffmpeg",
    "ffprobe": "ffmpeg",
    "convert": "imagemagick",
    "pdftotext": "poppler-utils",
    "tesseract": "tesseract-ocr",
    "wkhtmltopdf": "wkhtmltopdf",
    "dot": "graphviz",
    "pandoc": "pandoc",
    "libreoffice": "libreoffice",
    "soffice": "libreoffice",
    "pg_dump": "postgresql-client",
    "ssh": "openssh-client",
    "curl": "curl",
    "exiftool": "libimage-exiftool-perl",
    "gs": "ghostscript",
}
CALLERS = re.compile(
    r"^(subprocess\.(run|Popen|call|check_call|check_output)|shutil\.which|"
    r"asyncio\.(subprocess\.)?create_subprocess_exec|os\.execvp)$"
)


def packages(
    startup: Startup | None,
    chosen: Chosen | None,
    names: set[str],
    python: str,
    files: list[Dockerfile],
) -> tuple[tuple[Package, ...], tuple[Package, ...]]:
    """Return hints at Debian packages for the build and for the run, each with what asks for it."""
    build: dict[str, Package] = {}
    run: dict[str, Package] = {}

    def add(
        into: dict[str, Package], package: str, where: str, why: str, origin: PackageOrigin = "dependency"
    ) -> None:
        into.setdefault(package, Package(package, where, why, origin))

    for name in sorted(names):
        where = _where(chosen, name)
        compiles, links = SOURCES.get(name, ((), ()))
        for package in compiles:
            add(build, package, where, f"{name} has no wheel for Linux")
        for package in links:
            add(run, package, where, f"{name} links against it")
        if name in RUNTIME and not (
            (name == "psycopg" and names & {"psycopg-binary", "psycopg-c"}) or _binary(chosen, name)
        ):
            add(run, RUNTIME[name], where, f"{name} uses it")
    if chosen:
        if any(w.repository for w in chosen.source.wanted):
            item = next(w for w in chosen.source.wanted if w.repository)
            add(build, "git", item.where, f"{item.name} comes from a repository")
        lock = chosen.source.lock
        locked = [lock.packages[n] for n in sorted(names) if n in lock.packages] if lock else []
        for unbuilt in unfit(locked, python):
            why = f"{unbuilt.name} {unbuilt.version} has no wheel for {python}"
            add(build, "build-essential", chosen.source.where, why)
        for cloned in (p for p in locked if p.repository):
            add(build, "git", chosen.source.where, f"{cloned.name} comes from a repository")
    for package, where, why in _from_code(startup):
        add(run, package, where, why, "code")
    for into in (run, build):
        for package, where in _from_dockerfiles(files, run=into is run):
            add(into, package, where, "the existing Dockerfile installs it", "dockerfile")
    return tuple(build.values()), tuple(run.values())


def _binary(chosen: Chosen | None, name: str) -> bool:
    return bool(chosen and any(w.name == name and "binary" in w.extras for w in chosen.source.wanted))


def _where(chosen: Chosen | None, name: str) -> str:
    if chosen is None:
        return ""
    direct = next((w.where for w in chosen.source.wanted if w.name == name), "")
    return direct or f"{chosen.source.label} [{name}]"


def _from_code(startup: Startup | None) -> list[tuple[str, str, str]]:
    found = []
    for module in startup.modules if startup else []:
        for site in module.calls:
            if not CALLERS.match(site.name):
                continue
            first = argument(site.node, 0, "args")
            word = constant(first) or constant(next(iter(getattr(first, "elts", [])), None)) or ""
            program = word.split(" ")[0].rpartition("/")[2]
            if program in PROGRAMS:
                found.append((PROGRAMS[program], module.at(site.node), f"the program calls {program}"))
    return found


def _from_dockerfiles(files: list[Dockerfile], run: bool) -> list[tuple[str, str]]:
    found = []
    for file in files[:1]:
        for package, line in file.packages:
            builds = package in COMPILERS or package.endswith("-dev")
            if builds != run and package not in ONLY_FOR_BUILDS:
                found.append((package, f"{file.path}:{line}"))
    return found
