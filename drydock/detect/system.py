"""Suggest Debian packages for the build and the running program."""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from drydock.detect.code import Startup
from drydock.detect.commands import parts_of
from drydock.detect.dependencies import Chosen, place_of
from drydock.detect.dockerfiles import ONLY_FOR_BUILDS, Dockerfile, only_builds
from drydock.detect.model import Found, Package, distinct
from drydock.detect.python import unfit
from drydock.detect.syntax import Site, argument, constant, is_true
from drydock.detect.values import reader

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


class Runtime(NamedTuple):
    """A Debian package that a running program needs."""

    distributions: tuple[str, ...] = ()  # call its program or load its library, which no wheel contains
    programs: tuple[str, ...] = ()
    # What Python programs open by name: production has these. The build itself finds the libraries that an
    # extension module links against.
    files: tuple[str, ...] = ()


FFMPEG = ("ffmpeg", "ffprobe")
# Its formats are modules, and it reads which ones there are.
MAGICK = (
    *("libMagickWand-7.Q16.so.10", "/usr/lib/*/ImageMagick-*"),
    *("/usr/share/ImageMagick-7", "/etc/ImageMagick-7"),
)
RUNTIME = {
    "curl": Runtime((), ("curl",), ("curl",)),
    "ffmpeg": Runtime(("pydub", "ffmpeg-python", "openai-whisper"), FFMPEG, FFMPEG),
    "ghostscript": Runtime((), ("gs",), ("gs", "/usr/share/ghostscript")),
    "git": Runtime(("gitpython",), ("git",), ("git", "/usr/lib/git-core")),
    "graphviz": Runtime(("graphviz",), ("dot",), ("dot", "/usr/lib/*/graphviz")),
    "imagemagick": Runtime((), ("convert",)),
    "libcairo2": Runtime((), (), ("libcairo.so.2",)),
    "libgl1": Runtime(("opencv-python",)),
    "libimage-exiftool-perl": Runtime(("pyexiftool",), ("exiftool",), ("perl",)),
    "libmagic1": Runtime(
        ("python-magic",), (), ("libmagic.so.1", "/usr/lib/file/magic*", "/usr/share/misc/magic*")
    ),
    "libmagickwand-7.q16-10": Runtime(("wand",), (), MAGICK),
    "libpango-1.0-0": Runtime(
        ("weasyprint",),
        (),
        ("libpango-1.0.so.0", "libpangoft2-1.0.so.0", "libgobject-2.0.so.0", "/etc/fonts"),
    ),
    "libportaudio2": Runtime((), (), ("libportaudio.so.2",)),
    "libpq5": Runtime(("psycopg",), (), ("libpq.so.5",)),
    "libreoffice": Runtime((), ("libreoffice", "soffice")),
    "libvips42": Runtime((), (), ("libvips.so.42",)),
    "libzbar0": Runtime(("pyzbar",), (), ("libzbar.so.0",)),
    "openssh-client": Runtime((), ("ssh",), ("ssh",)),
    "pandoc": Runtime(("pypandoc",), ("pandoc",), ("pandoc",)),
    "poppler-utils": Runtime(("pdf2image",), ("pdftotext",), ("pdftotext", "pdftoppm", "pdfinfo")),
    "postgresql-client": Runtime(
        (), ("pg_dump",), ("/usr/lib/postgresql/*/bin/pg_dump", "/usr/lib/postgresql/*/bin/psql")
    ),
    "tesseract-ocr": Runtime(("pytesseract",), ("tesseract",), ("tesseract", "/usr/share/tesseract-ocr")),
    "xmlsec1": Runtime(("pysaml2",), ("xmlsec1",), ("xmlsec1",)),
}
# Programs that Debian had until 12, and the distributions that call them.
FORMER = {"wkhtmltopdf": ("pdfkit", "imgkit")}
BY_DISTRIBUTION = {name: package for package, row in RUNTIME.items() for name in row.distributions}
BY_PROGRAM = {name: package for package, row in RUNTIME.items() for name in row.programs}
# Wheels that load a library which the base lacks. It is installed for code that imports them, and only named
# where that import may fail.
LIBRARIES = {
    "lightgbm": ("libgomp.so.1", "libgomp1"),
    "cairocffi": ("libcairo.so.2", "libcairo2"),
    "cairosvg": ("libcairo.so.2", "libcairo2"),
    "pyodbc": ("libodbc.so.2", "libodbc2"),
    "pyvips": ("libvips.so.42", "libvips42"),
    "sounddevice": ("libportaudio.so.2", "libportaudio2"),
}
# Whether OpenMP's threads are wanted in a container is a person's decision: the build without it is refused.
NAMED_ONLY = frozenset({"lightgbm"})
# Some of these libraries open others by name, from packages that apt does not install by itself.
BESIDE = {"libpango-1.0-0": ("libpangoft2-1.0-0", "fontconfig-config"), "libmagic1": ("libmagic-mgc",)}
# Programs that the slim base has, and production lacks.
OF_THE_BASE = frozenset(
    {"sh", "bash", "dash", "ls", "cat", "cp", "mv", "rm", "mkdir", "rmdir", "ln", "touch", "chmod"}
    | {"chown", "df", "du", "date", "echo", "env", "head", "tail", "sort", "uniq", "wc", "cut", "tr", "tee"}
    | {"sleep", "stat", "id", "whoami", "hostname", "uname", "nproc", "md5sum", "sha256sum", "base64"}
    | {"split", "timeout", "true", "grep", "egrep", "sed", "awk", "find", "xargs", "tar", "gzip", "gunzip"}
    | {"diff", "which", "perl", "mount", "lsblk", "getconf", "mktemp", "readlink", "realpath", "shred"}
    | {"nohup", "kill", "openssl"}
)
# Programs that neither image has without a package.
OF_NO_IMAGE = frozenset(
    {"ps", "top", "free", "uptime", "pgrep", "pkill", "ping", "dig", "nslookup", "ip", "ifconfig"}
    | {"netstat", "wget", "psql", "mysql", "mysqldump", "mongodump", "redis-cli", "sqlite3", "rsync", "zip"}
    | {"unzip", "7z", "node", "npm", "npx", "java", "docker", "kubectl", "systemctl", "crontab", "sox"}
    | {"gcc", "make", "gpg", "ssh-keygen", "scp", "rclone", "lp", "qpdf", "pdftk", "inkscape", "xvfb-run"}
    | {"latex", "pdflatex", "wkhtmltopdf", "wkhtmltoimage"}
)
CALLERS = re.compile(
    r"^(subprocess\.(run|Popen|call|check_call|check_output)|shutil\.which|"
    r"asyncio\.(subprocess\.)?create_subprocess_exec|os\.(exec[lv]p?e?|posix_spawnp?|spawn[lv]p?e?)|"
    r"(anyio|trio)\.(run|open)_process|pty\.spawn|pexpect\.(spawn|run)|.*\.subprocess_exec)$"
)
# Their first argument is how to wait, or a protocol.
SECOND = re.compile(r"^os\.spawn|\.subprocess_exec$")
SHELLS = re.compile(
    r"^(os\.(system|popen)|subprocess\.(getoutput|getstatusoutput)|asyncio\.(subprocess\.)?create_subprocess_shell|"
    r"invoke\.(run|sudo)|invoke\.(context\.)?Context|.*\.subprocess_shell)$"
)
# Run a text in a shell, and a list without one.
SHELL_FOR_TEXT = re.compile(r"^anyio\.(run|open)_process$")
# Modules that stand for programs of the system.
OF_PROGRAMS = re.compile(r"^(sh|plumbum(\.cmd)?)$")


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
    own = (*_linked(chosen, names), *_imported(startup, names), *_from_code(startup))
    called = {name for site in (startup.calls if startup else ()) for name in _programs(site)}
    run = [*own, *_from_dockerfiles(files, kept, run=True, called=called)]
    return distinct(build), distinct(run)


def libraries(chosen: Chosen | None, names: set[str], run: Iterable[Package]) -> Iterator[Found[str]]:
    """Yield the libraries that a wheel loads and that no known package of the image provides."""
    known = {package.value for package in run}
    for name in sorted(names & LIBRARIES.keys()):
        library, package = LIBRARIES[name]
        if package not in known:
            fact = f"{name} loads {library}, which the base lacks: system-packages={package} installs it"
            yield Found(fact, _where(chosen, name))
    for program, callers in FORMER.items():
        for name in sorted(names & set(callers)):
            fact = f"{name} calls {program}, which Debian 13 lacks: use an older base"
            yield Found(f"{fact}, with system-packages={program}", _where(chosen, name))


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
        if name in BY_DISTRIBUTION and name not in bundled:
            yield Package(BY_DISTRIBUTION[name], _where(chosen, name), f"{name} uses it")


def _imported(startup: Startup | None, names: set[str]) -> Iterator[Package]:
    for module in startup.modules if startup else ():
        for one in module.imports:
            name = one.module.partition(".")[0]
            if name in (names & LIBRARIES.keys()) - NAMED_ONLY and not (one.scope.tried or one.scope.typing):
                library, package = LIBRARIES[name]
                yield Package(package, module.path, f"{name} loads {library}")


def _where(chosen: Chosen | None, name: str) -> str:
    return place_of(chosen.source, name) if chosen else ""


def _from_code(startup: Startup | None) -> Iterator[Package]:
    for site in startup.calls if startup else ():
        for called in _programs(site):
            if called in BY_PROGRAM:
                yield Package(BY_PROGRAM[called], site.where, f"the program calls {called}", "code")


def wants_shell(site: Site) -> bool:
    """Tell whether a call runs a command in a shell."""
    bound = site.name in {"functools.partial", "partial"} and site.node.args
    name = site.module.dotted(site.node.args[0]) if bound else site.name
    if SHELL_FOR_TEXT.match(name):
        return isinstance(site.argument(0, "command"), ast.JoinedStr) or bool(
            reader(site).text(site.argument(0, "command"))
        )
    asked = name.startswith("subprocess.") and is_true(site.keyword("shell"))
    return asked or bool(SHELLS.match(name))


def _programs(site: Site) -> list[str]:
    """Return the programs that a call runs, also through a shell."""
    first = program(site)
    node, own = site.argument(0, "cmd"), reader(site)
    if first in ("sh", "bash"):
        text = (own.texts(site.argument(0, "args")) or [""])[-1]
    elif SHELLS.match(site.name) or is_true(site.keyword("shell")):
        # Of an f-string, what is written down before its first unknown part.
        heads = node.values if isinstance(node, ast.JoinedStr) else [node]
        text = own.text(node) or "".join(constant(head) or "\0" for head in heads).partition("\0")[0]
    else:
        return [first]
    return [first, *(part.partition(" ")[0].rpartition("/")[2] for part in parts_of(text))]


def program(site: Site) -> str:
    """Return the program that a call runs, without its folder; `""` for an unknown one and other calls."""
    if not CALLERS.match(site.name):
        return ""
    node, own = site.argument(1 if SECOND.search(site.name) else 0, "args"), reader(site)
    if isinstance(node, ast.Call) and site.module.dotted(node.func) == "shlex.split":
        node = argument(node, 0, "s")
    words = own.texts(node)
    text = words[0] if words else own.text(node) or ""
    return text.partition(" ")[0].rpartition("/")[2]


def _from_dockerfiles(
    files: list[Dockerfile], kept: list[Found[str]], run: bool, called: Container[str] = ()
) -> Iterator[Package]:
    lists = ((file.path, file.packages if run else file.compilers) for file in files[:1])
    named = [Found(name, f"{path}:{line}") for path, packages in lists for name, line in packages]
    for one in (*named, *kept):
        spare = one.value in ONLY_FOR_BUILDS and one.value not in called
        if only_builds(one.value) != run and not spare:
            yield Package(one.value, one.where, "the existing Dockerfile installs it", "dockerfile")


def opened_files(packages: Iterable[str]) -> tuple[str, ...]:
    """Return the packages' files; none for packages that are only linked against or unknown here."""
    rows = (RUNTIME.get(package, Runtime()) for package in packages)
    return tuple(dict.fromkeys(name for row in rows for name in row.files))


def with_beside(packages: Iterable[str]) -> tuple[str, ...]:
    """Add the packages that these need without depending on them."""
    return tuple(dict.fromkeys(name for package in packages for name in (package, *BESIDE.get(package, ()))))
