"""Nothing is missing from the production image, and nothing is in it that should not be."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from drydock import base
from drydock.build import Options, build
from drydock.engine import Engine
from drydock.project import load
from tests.conftest import ROOT

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
    """Run a script in the image and return what it printed."""
    command = ["docker", "run", "--rm", *RESTRICTED, *options, image, "python3", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def test_every_module_of_the_standard_library_imports(image: str) -> None:
    script = """
import importlib, os, pkgutil, sysconfig, warnings
warnings.simplefilter("ignore")
library = sysconfig.get_path("stdlib")
# Importing these prints, opens a browser, or is for another system.
skipped = {"antigravity", "this", "__main__", "_ios_support"}
foreign = {"_winapi", "winreg", "msvcrt", "winsound", "nt", "_overlapped", "_scproxy"}
for path in (library, sysconfig.get_config_var("DESTSHARED")):
    for module in pkgutil.iter_modules([path]):
        if module.name not in skipped:
            try:
                importlib.import_module(module.name)
            except ImportError as error:
                if error.name not in foreign:
                    print(module.name, error)
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


def test_every_shared_object_loads_with_all_symbols_bound(image: str) -> None:
    script = """
import ctypes, os, pathlib, sys
for root in ("/usr", "/opt"):
    for path in sorted(pathlib.Path(root).rglob("*.so*")):
        if path.is_file() and not path.name.startswith("ld-"):
            try:
                ctypes.CDLL(str(path), mode=os.RTLD_NOW)
            except OSError as error:
                print(path, error)
"""
    assert python(image, script) == ""


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


def test_worker_processes_start(image: str) -> None:
    script = """
import multiprocessing
with multiprocessing.get_context("spawn").Pool(2) as pool:
    print(pool.map(abs, [-1, -2]))
"""
    assert python(image, script) == "[1, 2]"


def test_no_module_is_compiled_on_the_way_to_readiness_and_the_first_chat_turn(image: str) -> None:
    measure = ROOT / "image" / "measure"
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
            assert not mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWGRP | stat.S_IWOTH), path
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
