"""Suggest Debian packages for the build and the running program."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from drydock.detect.code import Startup
from drydock.detect.dependencies import Chosen, place_of
from drydock.detect.dockerfiles import ONLY_FOR_BUILDS, Dockerfile, only_builds
from drydock.detect.model import Found, Package, distinct
from drydock.detect.python import unfit
from drydock.detect.syntax import constant

# Distributions without wheels for Linux: their sources compile and link against these packages.
SOURCES = {
    "psycopg2": (("build-essential", "libpq-dev"), ("libpq5",)),
    "mysqlclient": (("build-essential", "pkg-config", "default-libmysqlclient-dev"), ("libmariadb3",)),
    "python-ldap": (("build-essential", "libldap-dev", "libsasl2-dev"), ("libldap2",)),
    "pygraphviz": (("build-essential", "libgraphviz-dev"), ("graphviz",)),
    "pycairo": (("build-essential", "pkg-config", "libcairo2-dev"), ("libcairo2",)),
    "pyaudio": (("build-essential", "portaudio19-dev"), ("libportaudio2",)),
    "pylibmc": (("build-essential", "libmemcached-dev"), ("libmemcached11",)),
    "gssapi": (("build-essential", "libkrb5-dev"), ("libgssapi-krb5-2",)),
    "uwsgi": (("build-essential",), ()),
    "pysqlcipher3": (("build-essential", "libsqlcipher-dev"), ("libsqlcipher1",)),
}
# Distributions that call a program or load a library which no wheel contains.
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
# Wheels that load a library which the base lacks: only named, since not every program needs it.
LIBRARIES = {
    "lightgbm": ("libgomp.so.1", "libgomp1"),
    "cairocffi": ("libcairo.so.2", "libcairo2"),
    "cairosvg": ("libcairo.so.2", "libcairo2"),
    "pyvips": ("libvips.so.42", "libvips42"),
    "sounddevice": ("libportaudio.so.2", "libportaudio2"),
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
    kept: list[Found[str]],
) -> tuple[tuple[Package, ...], tuple[Package, ...]]:
    """Return the Debian packages for the build and for the run, each with its evidence."""
    build = [*_built(chosen, names, python), *_from_dockerfiles(files, kept, run=False)]
    run = [*_linked(chosen, names), *_from_code(startup), *_from_dockerfiles(files, kept, run=True)]
    return distinct(build), distinct(run)


def libraries(chosen: Chosen | None, names: set[str], run: Iterable[Package]) -> Iterator[Found[str]]:
    """Yield the libraries that a wheel loads and that no known package of the image provides."""
    known = {package.value for package in run}
    for name in sorted(names & LIBRARIES.keys()):
        library, package = LIBRARIES[name]
        if package not in known:
            fact = f"{name} loads {library}, which the base lacks: system-packages={package} installs it"
            yield Found(fact, _where(chosen, name))


def _built(chosen: Chosen | None, names: set[str], python: str) -> Iterator[Package]:
    for name in sorted(names & SOURCES.keys()):
        for package in SOURCES[name][0]:
            yield Package(package, _where(chosen, name), f"{name} has no wheel for Linux")
    if chosen is None:
        return
    for item in (wanted for wanted in chosen.source.wanted if wanted.repository):
        yield Package("git", item.where, f"{item.name} comes from a repository")
    lock, where = chosen.source.lock, chosen.source.where
    locked = [lock.packages[n] for n in sorted(names) if n in lock.packages] if lock else []
    for one in unfit(locked, python):
        yield Package("build-essential", where, f"{one.name} {one.version} has no wheel for {python}")
    for one in locked:
        if one.repository:
            yield Package("git", where, f"{one.name} comes from a repository")


def _linked(chosen: Chosen | None, names: set[str]) -> Iterator[Package]:
    bundled = {w.name for w in chosen.source.wanted if "binary" in w.extras} if chosen else set()
    bundled |= {"psycopg"} if names & {"psycopg-binary", "psycopg-c"} else set()
    for name in sorted(names):
        for package in SOURCES.get(name, ((), ()))[1]:
            yield Package(package, _where(chosen, name), f"{name} links against it")
        if name in RUNTIME and name not in bundled:
            yield Package(RUNTIME[name], _where(chosen, name), f"{name} uses it")


def _where(chosen: Chosen | None, name: str) -> str:
    return place_of(chosen.source, name) if chosen else ""


def _from_code(startup: Startup | None) -> Iterator[Package]:
    for site in startup.calls if startup else ():
        if CALLERS.match(site.name):
            first = site.argument(0, "args")
            word = constant(first) or constant(next(iter(getattr(first, "elts", [])), None)) or ""
            program = word.split(" ")[0].rpartition("/")[2]
            if program in PROGRAMS:
                yield Package(PROGRAMS[program], site.where, f"the program calls {program}", "code")


def _from_dockerfiles(files: list[Dockerfile], kept: list[Found[str]], run: bool) -> Iterator[Package]:
    lists = ((file.path, file.packages if run else file.compilers) for file in files[:1])
    named = [Found(name, f"{path}:{line}") for path, packages in lists for name, line in packages]
    for one in (*named, *kept):
        if only_builds(one.value) != run and one.value not in ONLY_FOR_BUILDS:
            yield Package(one.value, one.where, "the existing Dockerfile installs it", "dockerfile")
