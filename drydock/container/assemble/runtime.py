"""The lowest layer: the interpreter, its standard library, their libraries, and the system's few files."""

from __future__ import annotations

import os
import ssl
import sys
import sysconfig
from functools import cache
from pathlib import Path

from assemble import bytecode, elf, left_out, packages, reasons, strip
from assemble.tree import Tree

# Opened by name at run time, so no file's list of needed libraries has them.
OPENED_BY_NAME = (
    # glibc, for pthread_exit and thread cancellation.
    "libgcc_s.so.1",
    # ctypes: calls of the C library that it keeps in files of their own.
    *("libanl.so.1", "libcrypt.so.1", "libnsl.so.1", "libresolv.so.2", "libutil.so.1"),
    # glibc, where nsswitch.conf names them; before 2.34 for every name of a host or an account.
    *("libnss_compat.so.2", "libnss_dns.so.2", "libnss_files.so.2", "libnss_hesiod.so.2"),
    # libcrypto, where its configuration asks for old algorithms or an engine.
    *("ossl-modules", "engines-3"),
)
# The C library's tables of encodings, and the call that opens them; the last two make it only for a caller.
CONVERSIONS, ICONV, ON_BEHALF = "gconv", b"\0iconv_open\0", ("libc.so", "libstdc++")

OPENSSL = Path("/etc/ssl/openssl.cnf")
SYSTEM_FILES = (
    "/etc/debian_version",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/inputrc",
    # Without it the loader looks in its own folders, and may name them otherwise: /lib for /usr/lib.
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/networks",
    "/etc/timezone",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/protocols",
    "/etc/rpc",
    "/etc/services",
    str(OPENSSL),
)
# Time zones, the locale that LANG names, terminals, authorities: one file for all, and one each by its hash.
SYSTEM_FOLDERS = (
    *("/usr/share/zoneinfo", "/usr/lib/locale", "/usr/share/terminfo"),
    *("/etc/terminfo", "/etc/ssl/certs"),
)
# Empty folders that programs expect, as the base image has them.
USUAL_FOLDERS = (
    # /bin may link to /usr/bin, where nothing is if Python is in /usr/local.
    *("/usr/bin", "/usr/sbin", "/bin", "/lib", "/sbin", "/boot", "/etc/opt"),
    *("/usr/games", "/usr/include", "/usr/libexec", "/usr/src", "/var/opt"),
    *(f"/usr/local/{name}" for name in ("bin", "etc", "games", "include", "lib", "sbin", "share", "src")),
    *("/home", "/media", "/mnt", "/opt", "/root", "/run", "/run/lock", "/srv", "/tmp"),  # noqa: S108 - the image's
    *(f"/var/{name}" for name in ("backups", "cache", "lib", "local", "lock", "log", "run", "spool", "tmp")),
)
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def assemble(tree: Tree, profile: frozenset[str] | None, installed: packages.Installed) -> None:
    """Put everything that does not depend on the application into an empty tree.

    `profile` names the measured source files, which get bytecode; None for all.
    """
    program = executable()
    root = Path(sysconfig.get_path("stdlib"))
    own = _own_files(program)
    modules = (str(path.relative_to(root)) for path in own if path.is_relative_to(root))
    compiling = bytecode.start(root, root, modules, profile, tree.inside(root))
    for path in own:
        tree.take(path)
    _libraries(tree, program)
    for name in SYSTEM_FILES:
        if Path(name).exists():
            tree.take(Path(name))
    take_folders(tree)
    _certificates(tree)
    _library_list(tree)
    strip_all(tree)
    packages.record(tree, installed, set(tree.files()))
    for name in USUAL_FOLDERS:
        tree.folder(Path(name))
    bytecode.finish(compiling)


def executable() -> Path:
    """Return the interpreter's own file, with links resolved."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))


def loader() -> Path:
    """Return the loader that the interpreter's file names."""
    found = elf.interpreter(executable())
    if found is None:
        sys.exit(f"error: {executable()} names no loader; use a base image with a dynamically linked Python")
    return found


def take_folders(tree: Tree) -> None:
    """Copy the system's folders of locales, zones, terminals and authorities."""
    for name in SYSTEM_FOLDERS:
        if Path(name).is_dir():
            tree.take_all(Path(name))


def _own_files(program: Path) -> list[Path]:
    names = {program.name, "python3", "python", f"python{sysconfig.get_python_version()}"}
    places = {program.parent, Path(sys.base_prefix) / "bin"}
    own = [place / name for place in sorted(places) for name in sorted(names) if (place / name).exists()]
    for key in sorted({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}):
        own += left_out.kept(Path(key), reasons.STANDARD_LIBRARY)
    return own


def _libraries(tree: Tree, program: Path) -> None:
    tree.take(loader())
    take_libraries(tree, tree.binaries())
    known = {name: place for _, name, place in elf.libraries([program], loader()) if place}
    beside = known["libc.so.6"].parent
    for name in OPENED_BY_NAME:
        place = beside / name
        tree.take_all(place) if place.is_dir() else tree.take(place)
    take_libraries(tree, tree.binaries())


def take_libraries(tree: Tree, binaries: list[Path]) -> None:
    """Copy every library that these files need, and report missing ones.

    Importing such a file fails in slim as well; `trace` refuses it if the application does so at start.
    """
    for path, name, place in elf.libraries(binaries, loader()):
        if place is not None:
            tree.take(place)
        elif not path.with_name(name).exists():  # a wheel's module loads its libraries by their names
            sys.stderr.write(
                f"drydock: {path} needs {name}, which was not found; install it in `dependencies`\n"
            )


def take_conversions(tree: Tree) -> None:
    """Copy the C library's tables of encodings if a library calls iconv(), which opens them by name."""
    for path in tree.binaries():
        if not path.name.startswith(ON_BEHALF) and ICONV in tree.inside(path).read_bytes():
            # Debian 11 has them in /usr/lib beside a C library in /lib.
            beside = known_libraries()["libc.so.6"].parent / CONVERSIONS
            tree.take_all(beside if beside.is_dir() else Path(f"/usr{beside}"))
            return


def strip_all(tree: Tree) -> None:
    """Strip every program and library of a tree, and list those that would lose more than symbols."""
    whole = []
    for path in tree.binaries():
        if not strip.strip(tree.inside(path)) and strip.holds_more(tree.inside(path)):
            whole.append(path)
    if whole:
        names = "".join(f"{path}\n" for path in whole)
        tree.write(Path("/usr/share/drydock/unstripped") / tree.root.name, names)


@cache
def known_libraries() -> dict[str, Path]:
    """Return the libraries of the interpreter and its modules: name to the loader's path."""
    own = [path for path in _own_files(executable()) if elf.is_elf(path)]
    return {name: place for _, name, place in elf.libraries(own, loader()) if place}


def _library_list(tree: Tree) -> None:
    """Replace ldconfig by a program that lists as it does; find_library() depends on it."""
    folders = tuple(sorted({str(place.parent) for place in known_libraries().values()}))
    text = Path(__file__).with_name("ldconfig.py").read_text()
    text = text.replace("FOLDERS: tuple[str, ...] = ()", f"FOLDERS: tuple[str, ...] = {folders!r}")
    tree.link(Path("/sbin"), "usr/sbin")
    tree.write(Path("/usr/sbin/ldconfig"), f"#!{executable()} -IS\n{text}", mode=0o755)


def _certificates(tree: Tree) -> None:
    """Link OpenSSL's own paths to the system's certificate bundle, folder and configuration."""
    defaults = ssl.get_default_verify_paths()
    bundle, folder = Path(defaults.openssl_cafile), Path(defaults.openssl_capath)
    configuration = bundle.with_name("openssl.cnf")
    places = {bundle: CERTIFICATES, folder: CERTIFICATES.parent, configuration: OPENSSL}
    for place, target in places.items():
        if target.exists() and place != target and not tree.has(place):
            tree.link(place, str(target))
