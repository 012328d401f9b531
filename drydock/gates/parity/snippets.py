"""Questions for both images: each is Python code that leaves JSON values in `answer`.

Each runs in an interpreter of its own, so that a crash affects no other.
"""

import re
from collections.abc import Mapping

# Available to every snippet.
PRELUDE = '''
import sys
loaded = sorted(name for name in sys.modules if not name.startswith("_"))
# What a question alone uses, it imports itself: a slim Python compiles it each time.
import importlib, json, os

def attempt(ask, *args, **options):
    """Return an answer, or the error in place of one."""
    try:
        return ask(*args, **options)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"

def missing(modules):
    """Return the modules that cannot be imported, each with its error."""
    import contextlib, io
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        found = {name: attempt(importlib.import_module, name) for name in modules}
    return {name: error for name, error in found.items() if isinstance(error, str)}

def python(*args, **variables):
    """Return how another interpreter ends, and what it prints."""
    import subprocess
    done = subprocess.run([sys.executable, *args], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **variables}, stdin=subprocess.DEVNULL)
    return [done.returncode, done.stdout.strip(), done.stderr.strip()[-300:]]

def names(folder):
    """Return what is in a folder, without bytecode."""
    found = (one.name for one in folder.iterdir())
    return sorted(name for name in found if name != "__pycache__" and not name.endswith(".pyc"))

def top_level():
    """Return the importable modules of the installed distributions."""
    import importlib.metadata
    return sorted(name for name in importlib.metadata.packages_distributions() if name.isidentifier())
'''

# Runs every snippet and prints the answers; its only argument is prelude and table, as JSON.
PROGRAM = """
import concurrent.futures, json, subprocess, sys
prelude, snippets = json.loads(sys.argv[1])
printed = "\\nprint('\\\\n' + json.dumps(answer, default=str, sort_keys=True))"

def ask(source):
    run = [sys.executable, "-c", prelude + source + printed]
    try:
        done = subprocess.run(run, capture_output=True, stdin=subprocess.DEVNULL, timeout=300)
        if done.returncode == 0:
            return {"answer": json.loads(done.stdout.splitlines()[-1])}
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        return {"error": f"exit code {done.returncode}: {said[-1]}"}
    except subprocess.TimeoutExpired as late:
        return {"late": f"no answer in {late.timeout} s"}
    except (ValueError, IndexError) as error:
        return {"error": f"{type(error).__name__}: {error}"}

with concurrent.futures.ThreadPoolExecutor(2) as pool:
    print(json.dumps(dict(zip(snippets, pool.map(ask, snippets.values())))))
"""

# A cell for each question: its name in the first line, as editors know cells.
_CELLS = r"""
# %% version
answer = [sys.version, sys.api_version, sys.implementation.cache_tag, sys.abiflags]
# %% flags
answer = str(sys.flags)
# %% executable
answer = [sys.executable, sys._base_executable, sys.prefix, sys.base_prefix, sys.platlibdir]
# %% path
answer = sys.path
# %% modules at start
answer = loaded
# %% environment
answer = {k: v for k, v in os.environ.items() if k not in ("HOSTNAME", "TERM")}
# %% folder at start
answer = [os.getcwd(), oct(os.umask(0)), sorted(os.listdir("."))]
# %% paths of sysconfig
import sysconfig
answer = sysconfig.get_paths()
# %% site
import site
answer = [site.getsitepackages(), site.ENABLE_USER_SITE, attempt(site.getusersitepackages)]
# %% platform
import platform
answer = [
    attempt(platform.freedesktop_os_release), platform.libc_ver(), platform.machine(),
    platform.python_implementation(), platform.python_build(),
]
# %% modules of the standard library
skipped = {"antigravity", "this", "idlelib", "turtledemo"}
answer = missing(sorted(sys.stdlib_module_names - skipped))
# %% names of the standard library
from pathlib import Path
import json as package, pkgutil
folder = Path(os.__file__).parent
answer = sorted(one.name for one in pkgutil.iter_modules([str(folder)]))
# %% source files of the standard library
from pathlib import Path
folder = Path(os.__file__).parent
answer = [
    os.__file__, json.__file__, json.decoder.__file__,
    sorted(path.name for path in Path(json.__file__).parent.glob("*.py")),
]
# %% source of a function
import inspect, textwrap
answer = [
    inspect.getsource(textwrap.dedent), inspect.getsourcefile(textwrap),
    str(inspect.signature(textwrap.wrap)), inspect.getdoc(textwrap.wrap),
]
# %% traceback
import traceback
try:
    json.loads("{")
except ValueError:
    answer = traceback.format_exc()
# %% traceback of an end
answer = python("-c", 'import json; json.loads("{")')
# %% linecache
import linecache
answer = [len(linecache.getlines(os.__file__)), linecache.getline(json.__file__, 1)]
# %% distributions
import importlib.metadata as metadata
answer = sorted(f"{one.name} {one.version}" for one in metadata.distributions())
# %% metadata of distributions
import importlib.metadata as metadata
answer = {
    one.name: [
        one.metadata["Summary"], one.requires, one.read_text("INSTALLER"),
        bool(one.read_text("METADATA")),
    ] for one in metadata.distributions()
}
# %% entry points
import importlib.metadata as metadata
answer = sorted(f"{one.group}: {one.name} = {one.value}" for one in metadata.entry_points())
# %% entry points that load
import contextlib
import io
import importlib.metadata as metadata
with contextlib.redirect_stdout(io.StringIO()):
    found = {
        f"{one.group}: {one.name}": attempt(one.load) for one in metadata.entry_points()
        if one.group != "console_scripts"
    }
answer = {name: one for name, one in found.items() if isinstance(one, str) and "Error" in one}
# %% console scripts
from pathlib import Path
import importlib.metadata as metadata
import shutil
answer = {one.name: shutil.which(one.name) for one in metadata.entry_points(group="console_scripts")}
answer["python"] = sorted(one.name for one in Path(sys.executable).parent.glob("*.py"))
# %% files of distributions
import importlib.metadata as metadata
answer = sorted(
    str(file) for one in metadata.distributions()
    for file in one.files or () if not file.locate().exists() and file.suffix != ".pyc"
)
# %% packages
import importlib.resources as resources, pkgutil
answer = {}
for name in top_level():
    if error := missing([name]):
        answer.update(error)
        continue
    modules = pkgutil.iter_modules(getattr(sys.modules[name], "__path__", None) or [])
    answer[name] = [sorted(one.name for one in modules), attempt(names, resources.files(name))]
# %% data of the standard library
import importlib.resources as resources
answer = {name: attempt(names, resources.files(name)) for name in ("json", "email", "zoneinfo")}
# %% sources of packages
from pathlib import Path
import importlib.util
specs = {name: attempt(importlib.util.find_spec, name) for name in top_level()}
answer = {
    name: bool(spec.origin and Path(spec.origin).is_file()) for name, spec in specs.items()
    if hasattr(spec, "origin") and spec.has_location
}
# %% multiprocessing
import math, multiprocessing
answer = {}
for kind in multiprocessing.get_all_start_methods():
    def ask():
        with multiprocessing.get_context(kind).Pool(1) as pool:
            return pool.map(math.sqrt, [4, 9])
    answer[kind] = attempt(ask)
answer["default"] = multiprocessing.get_start_method()
# %% another interpreter
answer = [
    python("-c", "import sys; print(sys.path, sys.flags)"), python("-m", "json.tool", "--help"),
    python("-V"),
]
# %% isolated interpreter
answer = [
    python("-I", "-c", "import sys, json; print(sys.path)"),
    python("-S", "-c", "import sys, json; print(sys.path)"), python("-E", "-c", "print(1)"),
]
# %% optimised interpreter
ask = "import json, inspect; print(__debug__, bool(json.__doc__), json.dumps([1])); assert 0"
answer = [python("-O", "-c", ask), python("-OO", "-c", ask), python("-c", ask, PYTHONOPTIMIZE="1")]
# %% PYTHONPATH
from pathlib import Path
Path("/tmp/parity-path").mkdir(exist_ok=True)
Path("/tmp/parity-path/parity_of_drydock.py").write_text("print('mine')")
Path("/tmp/parity-path/sitecustomize.py").write_text("print('customised')")
answer = python("-c", "import parity_of_drydock", PYTHONPATH="/tmp/parity-path")
# %% bytecode
from pathlib import Path
import py_compile
Path("/tmp/parity_bytecode.py").write_text("x = 1\n")
answer = [
    py_compile.compile("/tmp/parity_bytecode.py", cfile="/tmp/parity.pyc"), sys.dont_write_bytecode,
    sys.pycache_prefix, importlib.util.MAGIC_NUMBER.hex(),
]
# %% programs of Python
import shutil
answer = {name: shutil.which(name) for name in ("python", "python3", "python%d.%d" % sys.version_info[:2])}
# %% pip
answer = python("-m", "pip", "--version")[0]
# %% venv
answer = python("-m", "venv", "--without-pip", "/tmp/parity-venv")
# %% a shell
import subprocess
answer = attempt(lambda: subprocess.run("echo $0", shell=True, capture_output=True, text=True).stdout)
# %% programs of the system
import shutil
answer = sorted(
    name for name in (
        "env", "sh", "bash", "ls", "cat", "date", "id", "uname", "apt-get", "dpkg", "perl", "ldconfig",
        "gzip", "tar", "openssl", "mount", "su", "ps", "hostname", "tzselect",
    ) if shutil.which(name)
)
# %% locale
import locale
answer = [
    attempt(locale.setlocale, locale.LC_ALL, ""), locale.getlocale(), locale.getpreferredencoding(),
    locale.localeconv()["decimal_point"], attempt(locale.setlocale, locale.LC_ALL, "C.UTF-8"),
    attempt(locale.setlocale, locale.LC_ALL, "en_US.UTF-8"), locale.nl_langinfo(locale.CODESET),
]
# %% other locales
answer = [
    python(
        "-c", "import sys, locale; print(sys.flags.utf8_mode, locale.getlocale(), sys.stdout.encoding)",
        LC_ALL=name,
    ) for name in ("C", "POSIX", "C.UTF-8", "de_DE.UTF-8", "")
]
# %% encodings of the streams
answer = [
    sys.stdin.encoding, sys.stdout.encoding, sys.stderr.errors, sys.getfilesystemencoding(),
    sys.getfilesystemencodeerrors(), sys.flags.utf8_mode,
]
# %% codecs
import codecs, encodings.aliases
names = sorted(
    {*encodings.aliases.aliases.values(), "idna", "punycode", "utf-8-sig", "unicode_escape", "oem"}
)
answer = {name: error for name in names if isinstance(error := attempt(codecs.lookup, name), str)}
# %% text in old encodings
answer = [
    attempt("größe € 日本".encode, name, "replace").hex()
    for name in ("cp1252", "gb18030", "shift_jis", "euc_kr")
]
# %% zones
import zoneinfo
names = sorted(zoneinfo.available_timezones())
answer = [
    names, zoneinfo.TZPATH,
    {name: error for name in names if isinstance(error := attempt(zoneinfo.ZoneInfo, name), str)},
]
# %% time of day
import datetime, time, zoneinfo
told = datetime.datetime(2026, 7, 1, tzinfo=datetime.timezone.utc)
os.environ["TZ"] = "Asia/Tokyo"
before = [time.tzname, time.timezone]
time.tzset()
answer = [
    before, time.tzname,
    [
        attempt(lambda: str(told.astimezone(zoneinfo.ZoneInfo(name))))
        for name in ("Europe/Berlin", "US/Pacific", "Asia/Kathmandu", "Etc/UTC", "localtime")
    ],
    [os.path.exists(path) for path in ("/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo/tzdata.zi")],
]
# %% dates in words
import time
answer = [time.strftime("%A %B %x %X", time.gmtime(0)), str(time.strptime("Mon Jan 05 2026", "%a %b %d %Y"))]
# %% TLS
import ssl
context = ssl.create_default_context()
answer = [
    ssl.OPENSSL_VERSION, ssl.get_default_verify_paths(), len(context.get_ca_certs()),
    [one["name"] for one in context.get_ciphers()], str(context.minimum_version),
]
# %% TLS with a mounted authority
from pathlib import Path
import ssl
whole = Path(ssl.get_default_verify_paths().openssl_cafile)
bundle = next((path for path in (whole, Path("/etc/ssl/certs/ca-certificates.crt")) if path.is_file()), None)
end = "-----END CERTIFICATE-----"
one = (bundle.read_text().partition(end)[0] + end + "\n") if bundle else ""
Path("/tmp/parity-ca.pem").write_text(one)
Path("/tmp/parity-none").mkdir(exist_ok=True)
ask = "import ssl; print([one['subject'] for one in ssl.create_default_context().get_ca_certs()])"
answer = [str(bundle), python("-c", ask, SSL_CERT_FILE="/tmp/parity-ca.pem", SSL_CERT_DIR="/tmp/parity-none")]
# %% folder of certificates
answer = [
    os.path.isdir("/etc/ssl/certs"),
    len(os.listdir("/etc/ssl/certs")) if os.path.isdir("/etc/ssl/certs") else 0,
    os.path.exists("/etc/ssl/openssl.cnf"),
]
# %% digests
import hashlib
answer = [
    sorted(hashlib.algorithms_available),
    {
        name: attempt(lambda: hashlib.new(name, b"x").hexdigest())
        for name in sorted(hashlib.algorithms_available)
        if not name.startswith("shake")
    },
    hashlib.scrypt(b"a", salt=b"b", n=2, r=8, p=1).hex()[:8],
]
# %% sqlite
import contextlib
import sqlite3
with contextlib.closing(sqlite3.connect("/tmp/parity.sqlite3")) as base:
    options = sorted(
        row[0] for row in base.execute("PRAGMA compile_options") if not row[0].startswith("COMPILER")
    )
    base.execute("CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5(text)")
    answer = [
        sqlite3.sqlite_version, options,
        base.execute("SELECT json_extract('[1, 2]', '$[1]'), sqrt(4)").fetchone(),
    ]
# %% dbm
import dbm
def ask(kind):
    module = importlib.import_module(kind)
    with module.open("/tmp/parity-" + kind, "c") as base:
        base[b"a"] = b"b"
        return base[b"a"].decode()
answer = [attempt(ask, kind) for kind in ("dbm.dumb", "dbm.gnu", "dbm.ndbm", "dbm.sqlite3")]
# %% compression
import bz2, gzip, lzma, zlib
round = [one.decompress(one.compress(b"x" * 99)) == b"x" * 99 for one in (bz2, gzip, lzma, zlib)]
answer = [zlib.ZLIB_RUNTIME_VERSION, round, missing(["compression.zstd"])]
# %% ctypes
import ctypes, ctypes.util
answer = [
    {
        name: ctypes.util.find_library(name)
        for name in ("c", "m", "ssl", "crypto", "sqlite3", "z", "ffi", "uuid", "magic", "xml2")
    },
    ctypes.CDLL(None).abs(-3), attempt(lambda: ctypes.CDLL("libgcc_s.so.1") and "there"),
]
# %% find_library of the compiler's
import ctypes.util
answer = {name: ctypes.util.find_library(name) for name in ("stdc++", "crypt", "gcc_s", "gomp", "atomic")}
# %% libraries by name
import ctypes
names = (
    "libssl.so.3 libcrypto.so.3 libsqlite3.so.0 libz.so.1 libstdc++.so.6 libcrypt.so.1 libgcc_s.so.1 "
    "libffi.so.8 libuuid.so.1 libexpat.so.1 libbz2.so.1.0 liblzma.so.5 libresolv.so.2 libutil.so.1 "
    "libanl.so.1 libnsl.so.1 libnss_compat.so.2 libnss_hesiod.so.2"
).split()
answer = {name: error for name in names if isinstance(error := attempt(ctypes.CDLL, name), str)}
# %% libraries that distributions name
from pathlib import Path
import ctypes, re, sysconfig
found = set()
for path in Path(sysconfig.get_path("purelib")).rglob("*.py"):
    if b".so" in (code := path.read_bytes()):
        found.update(re.findall(rb"[\x22\x27](lib[\w+.-]+?\.so(?:\.\d+)*)[\x22\x27]", code))
names = sorted(name.decode() for name in found)
answer = {name: error for name in names if isinstance(error := attempt(ctypes.CDLL, name), str)}
# %% starters of programs
from pathlib import Path
import re
def starter(path):
    with path.open("rb") as file:
        first = re.match(rb"#!\s*(/\S+)", file.read(256))
    return os.path.exists(first[1]) if first else None
programs = (path for path in sorted(Path(sys.prefix, "bin").iterdir()) if path.is_file())
answer = {path.name: starter(path) for path in programs if os.access(path, os.X_OK)}
# %% data of the system
from pathlib import Path
places = (
    "/usr/share/fonts /etc/fonts /usr/lib/locale /usr/share/hunspell /usr/share/myspell /usr/share/iso-codes "
    "/usr/share/dict /usr/share/tdsodbc /usr/lib/*/girepository-1.0 /usr/lib/*/gio/modules /usr/lib/*/odbc "
    "/usr/lib/*/gdk-pixbuf-2.0 /usr/lib/*/sasl2"
).split()
files = (file for place in places for one in Path("/").glob(place[1:]) for file in one.rglob("*"))
answer = sorted(str(file) for file in files if file.is_file())
# %% mime types
import mimetypes
names = (
    "a.html a.js a.mjs a.css a.svg a.woff2 a.webp a.wasm a.json a.tar.gz a.docx a.md a.yaml a.avif a.mp4 "
    "a.parquet"
).split()
answer = [
    [mimetypes.guess_type(name) for name in names], len(mimetypes.types_map),
    [path for path in mimetypes.knownfiles if os.path.exists(path)],
]
# %% the user
import getpass, grp, pwd
answer = [
    os.getuid(), os.getgid(), os.getgroups(), attempt(getpass.getuser),
    attempt(lambda: list(pwd.getpwuid(os.getuid()))), attempt(lambda: list(grp.getgrgid(os.getgid()))),
    attempt(os.getlogin),
]
# %% home
from pathlib import Path
answer = [
    str(attempt(Path.home)), os.path.expanduser("~"), os.path.expanduser("~root"),
    attempt(lambda: (Path.home() / "parity").write_text("x")),
]
# %% accounts
import grp, pwd
answer = [sorted(one.pw_name for one in pwd.getpwall()), sorted(one.gr_name for one in grp.getgrall())]
# %% temporary files
import tempfile
with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryDirectory() as folder:
    answer = [
        tempfile.gettempdir(), os.path.dirname(file.name), os.path.isdir(folder),
        oct(os.stat("/tmp").st_mode),
    ]
# %% usual folders
names = (
    "/bin /boot /dev/shm /etc /home /lib /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr/bin "
    "/usr/lib /usr/local/bin /usr/share /var/cache /var/lib /var/log /var/run /var/tmp"
).split()
answer = sorted(name for name in names if os.path.isdir(name))
# %% files of the system
names = (
    "/etc/passwd /etc/group /etc/nsswitch.conf /etc/services /etc/protocols /etc/hosts /etc/host.conf "
    "/etc/resolv.conf /etc/os-release /etc/ld.so.cache /etc/debian_version /etc/mime.types /etc/gai.conf "
    "/etc/shells /etc/ld.so.conf"
).split()
answer = sorted(name for name in names if os.path.exists(name))
# %% names in the network
import socket
answer = [
    attempt(socket.gethostbyname, "localhost"), attempt(socket.getservbyname, "https"), socket.has_ipv6,
    attempt(socket.getprotobyname, "tcp"),
    str(attempt(socket.getaddrinfo, "nowhere.invalid", 1)).split(":")[0],  # the rest is the name server's
    sorted({one[4][0] for one in socket.getaddrinfo("localhost", 80)}),
]
# %% asyncio
import asyncio
async def ask():
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(3)", stdout=-1)
    said = (await process.communicate())[0].decode()
    return [type(asyncio.get_running_loop()).__name__, said, await asyncio.to_thread(os.path.exists, "/")]
answer = asyncio.run(ask())
# %% signals
import subprocess
import faulthandler, signal
faulthandler.enable()
ended = subprocess.run(
    [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"]
).returncode
answer = [
    str(signal.getsignal(signal.SIGPIPE)), str(signal.getsignal(signal.SIGINT)), ended,
    str(signal.getsignal(signal.SIGTERM)),
]
# %% a crash
import subprocess
import re
crashes = [sys.executable, "-X", "faulthandler", "-c", "import faulthandler; faulthandler._sigsegv()"]
answer = re.sub("0x[0-9a-f]+", "0x", subprocess.run(crashes, capture_output=True, text=True).stderr)
# %% warnings
answer = [
    python("-W", "always", "-c", 'import warnings; warnings.warn("old")'),
    python("-W", "default", "-c", 'import ast; ast.parse("1 is 1"); compile("1 is 1", "x", "exec")'),
]
# %% logging
import io
import logging.config, logging.handlers
stream = io.StringIO()
form = {"format": "%(levelname)s %(name)s %(filename)s %(funcName)s %(message)s"}
logging.config.dictConfig(
    {
        "version": 1, "formatters": {"f": form}, "root": {"level": "DEBUG", "handlers": ["h"]},
        "handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f", "stream": stream}},
    }
)
logging.getLogger("a.b").warning("seen")
answer = [stream.getvalue(), attempt(logging.handlers.SysLogHandler, "/dev/log")]
answer[1] = answer[1] if isinstance(answer[1], str) else "there"
# %% XML
import pyexpat, xml.dom.minidom, xml.etree.ElementTree as tree, xml.sax
answer = [
    pyexpat.EXPAT_VERSION, tree.fromstring("<a><b/></a>")[0].tag,
    xml.dom.minidom.parseString("<a/>").toxml(),
]
# %% mail and the web
import email.message, html, http.cookies, urllib.parse, urllib.request
mail = email.message.EmailMessage()
mail["Subject"], mail["To"] = "grüße", "a@example.invalid"
mail.set_content("x")
answer = [str(mail), html.unescape("&eacute;&nbsp;"), urllib.request.getproxies(), urllib.parse.quote("ü")]
# %% pickle and shelve
import copy, decimal, pickle, shelve
with shelve.open("/tmp/parity-shelf") as shelf:
    shelf["a"] = decimal.Decimal("1.10")
    answer = [
        str(shelf["a"]), pickle.DEFAULT_PROTOCOL, str(copy.deepcopy(decimal.getcontext())),
        decimal.HAVE_THREADS,
    ]
# %% documentation
import pydoc
answer = [pydoc.render_doc("json", renderer=pydoc.plaintext)[:200], python("-m", "doctest", "/dev/null")]
# %% terminals
answer = missing(["curses", "readline", "termios", "tty", "pty", "tkinter"])
# %% what installs
answer = missing(["ensurepip", "pip", "setuptools", "wheel", "venv", "distutils"])
# %% limits
import resource
answer = [
    resource.getrlimit(one) for one in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_STACK)
] + [sys.getrecursionlimit(), sys.get_int_max_str_digits()]
# %% memory
import gc
answer = [
    gc.isenabled(), gc.get_threshold(), gc.get_freeze_count() > 0,
    python("-c", "x = bytearray(10**8); print(len(x))"),
]
# %% what may be written
from pathlib import Path
def writes(folder):
    try:
        Path(folder, "parity-writes").write_text("x")
    except OSError as error:
        return error.errno
answer = {folder: writes(folder) for folder in ("/", "/tmp", "/app", "/opt/venv", "/var/tmp", "/dev/shm")}
"""
SNIPPETS: Mapping[str, str] = dict(re.findall(r"^# %% (.+)\n((?:(?!# %%).+\n)+)", _CELLS, re.MULTILINE))
