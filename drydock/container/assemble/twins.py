"""Replace a wheel's copy of a library by a link where the system has the same one.

A wheel's copy is named `libcrypto-3a0647ea.so.3`: the library's own name with a hash. If the runtime layer
holds `libcrypto.so.3` with every symbol and version that the wheel's files need, the copy becomes a link.
Then one library is on disk and in memory, and Debian's security updates reach it.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from assemble.tree import Tree

VENDORED = re.compile(r"(?P<stem>lib[\w.+-]+)-[0-9a-f]{8}(?P<rest>\.so(\.\d+)*)")


def link_twins(tree: Tree, site: Path, known: dict[str, Path], loader: Path) -> list[Path]:
    """Replace wheels' copies of the system's libraries by links, and return the copies.

    `site` is an absolute path of the image; `known` maps the runtime layer's libraries to their paths.
    """
    linked = []
    for copy in sorted(tree.inside(site).glob("*.libs/*.so*")):
        match = VENDORED.fullmatch(copy.name)
        twin = known.get(match["stem"] + match["rest"]) if match else None
        if match is None or twin is None or not _same_promises(copy, twin):
            continue
        users = [path for path in copy.parent.iterdir() if path != copy and not path.is_symlink()]
        before = [complaints(path, loader) for path in users]
        kept = copy.with_name(copy.name + ".kept")
        copy.rename(kept)
        copy.symlink_to(twin)
        if all(complaints(path, loader) <= earlier for path, earlier in zip(users, before)):  # noqa: B905 - 3.9 lacks it
            kept.unlink()
            linked.append(site / copy.relative_to(tree.inside(site)))
        else:
            copy.unlink()
            kept.rename(copy)
    return linked


def complaints(path: Path, loader: Path) -> frozenset[str]:
    """Return the libraries, versions and symbols that a file needs and the loader does not find.

    This is `ldd -r`: the loader relocates everything and complains on standard error. A file may leave
    symbols to its user: a module to the interpreter, a wheel's library to its siblings. So only a complaint
    that was not there before a change shows harm.
    """
    environment = {**os.environ, "LD_TRACE_LOADED_OBJECTS": "1", "LD_WARN": "yes", "LD_BIND_NOW": "yes"}
    done = subprocess.run([loader, path], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return frozenset({f"the loader refuses it ({done.returncode})"})
    return frozenset(
        line.partition("\t(")[0].strip()
        for line in (done.stdout + done.stderr).splitlines()
        if "not found" in line or "undefined symbol" in line
    )


def _same_promises(copy: Path, twin: Path) -> bool:
    """Tell whether the system's library has every symbol version of the copy."""
    wanted, offered = (set(VERSIONS.findall(path.read_bytes())) for path in (copy, twin))
    # The C library's versions are needed, not offered.
    return {version for version in wanted if not version.startswith(b"GLIBC")} <= offered


# Symbol versions in an ELF file's string table.
VERSIONS = re.compile(rb"\0([A-Z][A-Z0-9]+_[0-9]+(?:\.[0-9]+)*)(?=\0)")
