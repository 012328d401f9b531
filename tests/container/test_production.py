"""The production image lacks nothing, and contains nothing superfluous."""

from __future__ import annotations

import http.client
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drydock import base
from drydock.build import Options, build
from drydock.detect.project import load
from drydock.engine import Engine
from drydock.engine.runtime import Run, started
from tests.conftest import ROOT
from tests.support import certificates

REFERENCE = "drydock-tests/production:live"
MEASURE = ("python3", "/measure", "/opt/image/start.py")
RESTRICTED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")


@pytest.fixture(scope="module")
def image(engine: Engine) -> Iterator[str]:
    project = load(ROOT)
    found = base.resolve(engine, project)
    build(engine, project, Options("production", REFERENCE, build_args={"PYTHON_IMAGE": found.reference}))
    yield REFERENCE
    engine.sdk.images.remove(REFERENCE)


def python(image: str, script: str, *options: str) -> str:
    """Run a script in the image and return its output."""
    command = ["docker", "run", "--rm", *RESTRICTED, *options, image, "python3", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


# Left out by reasons.py with their parts; and modules that CPython has for other systems only.
LEFT_OUT = {"_tkinter", "ensurepip", "idlelib", "tkinter", "turtle", "turtledemo"}
# Debian packages _gdbm separately.
FOREIGN = {
    "_gdbm",
    "_ios_support",
    "_overlapped",
    "_scproxy",
    "_winapi",
    "_wmi",
    "msvcrt",
    "nt",
    "winreg",
    "winsound",
}


def test_every_module_of_the_standard_library_imports_but_those_left_out(image: str) -> None:
    script = """
import importlib, sys, warnings
warnings.simplefilter("ignore")
for name in sorted(sys.stdlib_module_names - {"antigravity", "this"}):
    try:
        importlib.import_module(name)
    except ImportError:
        print(name)
"""
    assert set(python(image, script).split()) <= LEFT_OUT | FOREIGN


def test_every_module_inside_the_standard_librarys_packages_imports(image: str) -> None:
    script = """
import importlib, pkgutil, re, sys, sysconfig, warnings
warnings.simplefilter("ignore")
own = sysconfig.get_path("stdlib")
library = [path for path in sys.path if path.startswith(own) or path.endswith(".zip")]
# Importing these starts a program or prints; is for another system; or wants what is left out. Debian's own
# _distutils_system_mod needs distutils, which slim lacks as well.
other = r".*__main__|antigravity|this|_ios_support|.*windows_.*|.*_win32|encodings.(mbcs|oem)"
other = re.compile(other + "|dbm.n?dbm|dbm.gnu|_pyrepl.*|_distutils_system_mod")
count = 0
for module in pkgutil.walk_packages(library, onerror=lambda name: None):
    if not other.fullmatch(module.name) and "-" not in module.name:
        importlib.import_module(module.name)
        count += 1
print(count > 400)
"""
    assert python(image, script) == "True"


def test_tracebacks_and_inspection_show_the_standard_librarys_source(image: str) -> None:
    script = """
import inspect, json, os, traceback
assert inspect.getsource(json.loads).startswith("def loads(")
assert "OS routines" in inspect.getsource(os)
try:
    json.loads("x")
except ValueError:
    assert "return _default_decoder.decode(s)" in traceback.format_exc()
"""
    assert python(image, script) == ""


def test_every_top_level_module_of_every_distribution_imports(image: str) -> None:
    script = """
import importlib, importlib.metadata, warnings
warnings.simplefilter("ignore")
for name in sorted(importlib.metadata.packages_distributions()):
    if name.isidentifier() and not name.startswith("__"):
        try:
            importlib.import_module(name)
        except Exception as error:
            print(name, repr(error))
"""
    assert python(image, script) == ""


def unloadable(image: str, *folders: str) -> str:
    """Return shared objects that do not load, with the loader's reasons."""
    script = f"""
import ctypes, os, pathlib
for folder in {folders}:
    for path in sorted(pathlib.Path(folder).rglob("*.so*")):
        if path.is_file() and not path.name.startswith("ld-"):
            try:
                ctypes.CDLL(str(path), mode=os.RTLD_NOW)  # every symbol is bound at once
            except OSError as error:
                print(path, error)
"""
    return python(image, script)


def test_every_shared_object_loads_with_all_symbols_bound(image: str) -> None:
    assert unloadable(image, "/usr", "/opt") == ""


def test_records_of_all_distributions_are_true(image: str) -> None:
    script = """
import base64, hashlib, importlib.metadata
count = 0
for found in importlib.metadata.distributions():
    for file in found.files or ():
        content = file.locate().read_bytes()
        count += 1
        if file.hash:
            digest = base64.urlsafe_b64encode(hashlib.new(file.hash.mode, content).digest())
            assert digest.rstrip(b"=").decode() == file.hash.value, file
            assert file.size == len(content), file
print(count > 1000)
"""
    assert python(image, script) == "True"


def test_names_zones_certificates_database_and_encodings_work(image: str) -> None:
    script = """
import datetime, socket, sqlite3, ssl, sys, tempfile, zoneinfo
assert socket.gethostbyname("localhost") == "127.0.0.1"
assert socket.getservbyname("https") == 443
summer = datetime.datetime(2026, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
assert summer.utcoffset() == datetime.timedelta(hours=2)
assert len(ssl.create_default_context().get_ca_certs()) > 100
assert sqlite3.connect(tempfile.mktemp()).execute("select 'ä' || 1").fetchone() == ("ä1",)
assert sys.getfilesystemencoding() == sys.stdout.encoding == "utf-8"
assert "日本".encode("euc_jp").decode("euc_jp") == "日本"
"""
    assert python(image, script) == ""


def test_names_are_resolved_by_a_server(image: str, engine: Engine) -> None:
    network = engine.sdk.networks.create("drydock-tests-names")
    other = None
    try:
        sleep = ["python3", "-c", "import time; time.sleep(120)"]
        other = engine.sdk.containers.create(image, sleep)
        network.connect(other, aliases=["shop.example"])
        other.start()
        script = "import socket; print(socket.getaddrinfo('shop.example', 80)[0][4][0])"
        shown = python(image, script, f"--network={network.name}")
        other.reload()
        assert shown == other.attrs["NetworkSettings"]["Networks"][network.name]["IPAddress"]
    finally:
        if other:
            other.remove(force=True)
        network.remove()


def test_tls_trusts_the_systems_authorities(image: str, tmp_path: Path) -> None:
    certificates.make(["localhost"], ["127.0.0.1"]).write(tmp_path)
    script = """
import http.client, http.server, ssl, threading
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/tls/server.crt", "/tls/server.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
trust = ssl.create_default_context()
# The test's certificates lack an extension that no real authority leaves out.
trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
connection = http.client.HTTPSConnection("localhost", server.server_port, context=trust)
connection.request("GET", "/")
print(connection.getresponse().status)
"""
    for file in tmp_path.iterdir():
        file.chmod(0o644)
    tmp_path.chmod(0o755)
    bundle = f"--volume={tmp_path / 'ca.crt'}:/etc/ssl/certs/ca-certificates.crt:ro"

    assert python(image, script, f"--volume={tmp_path}:/tls:ro", bundle) == "501"
    refused = subprocess.run(
        ["docker", "run", "--rm", f"--volume={tmp_path}:/tls:ro", image, "python3", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr


def test_uvicorn_serves_with_several_workers(image: str, engine: Engine) -> None:
    with started(engine, Run(image, port=8000, environment={"WEB_CONCURRENCY": "2"})) as running:
        deadline = time.monotonic() + 60
        status = 0
        while status != http.client.OK and time.monotonic() < deadline:
            assert running.alive(), running.log()
            try:
                connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=5)
                connection.request("GET", "/readyz")
                status = connection.getresponse().status
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)
        assert status == http.client.OK, running.log()


def test_libraries_are_found_by_name(image: str) -> None:
    assert (
        python(image, "import ctypes.util; print(ctypes.util.find_library('sqlite3'))") == "libsqlite3.so.0"
    )


def test_worker_processes_start(image: str) -> None:
    script = """
import multiprocessing
with multiprocessing.get_context("spawn").Pool(2) as pool:
    print(pool.map(abs, [-1, -2]))
"""
    assert python(image, script) == "[1, 2]"


def test_no_module_is_compiled_on_the_way_to_readiness_and_the_first_chat_turn(image: str) -> None:
    measure = ROOT / "backend/image/measure"
    done = subprocess.run(
        ["docker", "run", "--rm", *RESTRICTED, f"--volume={measure}:/measure:ro", image, *MEASURE],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert [line for line in done.stderr.splitlines() if line.startswith("compiled at run time: ")] == []


def test_no_tool_of_a_builder_or_intruder_is_there(image: str) -> None:
    script = """
import importlib.util, shutil, stat, pathlib
for name in "sh bash apt apt-get dpkg gcc cc curl wget uv pip pip3 perl".split():
    assert shutil.which(name, path="/bin:/sbin:/usr/bin:/usr/sbin:/usr/local/bin:/opt/venv/bin") is None, name
assert importlib.util.find_spec("pip") is None
assert importlib.util.find_spec("ensurepip") is None
for root in ("/usr", "/opt", "/etc", "/app", "/var"):
    for path in pathlib.Path(root).rglob("*"):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode):
            shared = path in (pathlib.Path("/var/tmp"), pathlib.Path("/run/lock"))
            assert shared or not mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWGRP | stat.S_IWOTH), path
            assert path.lstat().st_uid == 0, path
"""
    assert python(image, script) == ""


def test_debians_records_are_those_of_the_packages_whose_files_are_here(image: str) -> None:
    script = """
import pathlib
import hashlib
records = pathlib.Path("/var/lib/dpkg/status.d")
for path in sorted(path for path in records.iterdir() if path.suffix != ".md5sums"):
    assert path.read_text().startswith(f"Package: {path.name}\\n")
    files = (records / f"{path.name}.md5sums").read_text().splitlines()
    assert files, path.name
    for digest, name in (line.split("  ", 1) for line in files):
        assert hashlib.md5(pathlib.Path("/", name).read_bytes()).hexdigest() == digest, name
    print(path.name)
"""
    names = python(image, script).splitlines()

    assert {"ca-certificates", "libc6", "libssl3t64", "tzdata"} <= set(names)
    assert not {"apt", "bash", "dpkg", "perl-base", "python3-pip"} & set(names)
