"""Read the one layer of an image that is new, without `docker save`, which writes all of them twice.

After a change of source that is the usual case. A container that is never started shows the image's files.
Those that no other layer has, with their folders, in the order and with the headers that engines write, are
the layer, byte for byte. Its digest tells; if it is another one, `docker save` has the last word.
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from drydock.engine import Engine, files
from drydock.image.cache import Analyst, Former
from drydock.image.file import File, Kind
from drydock.image.model import Image
from drydock.image.record import Record, absolute, identify
from drydock.image.tree import merge, parents

# Bytes of a layer, and of other layers' files in the same folders: all of them pass through memory.
LARGEST = 30_000_000
MOST_FOLDERS = 16
BLOCK = tarfile.BLOCKSIZE
_KINDS = {Kind.FILE: b"0", Kind.SYMLINK: b"2", Kind.FOLDER: b"5"}
_NAME, _PREFIX = 100, 155  # bytes of these fields in a header
_END = bytes(2 * BLOCK)


class _Unlike(Exception):
    """The layer has something that is not rebuilt here."""


def note(image: Image, looking: Analyst) -> None:
    """Store which layer is where: the next image with the same layers below has most of its paths."""
    below: list[str] = []
    for layer in image.layers:
        if layer.on_disk <= LARGEST:
            looking.cache.add_former(below, Former(layer.diff_id, image.id))
        below.append(layer.diff_id)


def read(engine: Engine, inspected: Mapping[str, Any], looking: Analyst) -> bool:
    """Analyse the only layer that the cache lacks, and tell whether that was possible."""
    diff_ids: list[str] = inspected["RootFS"].get("Layers") or []
    known = [looking.known(diff_id) for diff_id in diff_ids]
    if known.count(None) != 1:
        return False
    place = known.index(None)
    former = looking.cache.former(diff_ids[:place])
    pattern = looking.cache.record(former.layer) if former else None
    if former is None or pattern is None:
        return False
    others = [record for record, _ in filter(None, known)]
    try:
        folders = _folders(pattern)
        with files.opened(engine, inspected["Id"], "weigh") as fetch:
            archive = _rebuilt(pattern, others, folders, fetch)
    except (_Unlike, tarfile.TarError):
        return False
    diff_id = diff_ids[place]
    if f"sha256:{hashlib.sha256(archive).hexdigest()}" != diff_id:
        return False
    looking.examine(
        diff_id,
        diff_id,
        lambda: io.BufferedReader(io.BytesIO(archive)),
        inspected["Id"],
    )
    if configuration := _configuration(inspected, former, diff_id, looking):
        looking.cache.add_configuration(inspected["Id"], configuration)
    return True


def _folders(pattern: Record) -> list[str]:
    """Return the uppermost folders that hold a layer's files."""
    if pattern.on_disk > LARGEST or any(file.kind not in _KINDS for file in pattern.files):
        raise _Unlike
    holding = {posixpath.dirname(file.path) for file in pattern.files if file.kind is not Kind.FOLDER}
    found = sorted(folder for folder in holding if not holding.intersection(parents(folder)))
    if not found or "/" in found or len(found) > MOST_FOLDERS:
        raise _Unlike
    return found


def _rebuilt(
    pattern: Record, others: Sequence[Record], folders: Iterable[str], fetch: Callable[[str], bytes | None]
) -> bytes:
    """Return the layer's archive, if it resembles the pattern."""
    inside = tuple(f"{folder}/" for folder in folders)
    elsewhere = merge([file for file in record.files if file.path.startswith(inside)] for record in others)
    if sum(file.size for file in elsewhere.values()) > LARGEST:
        raise _Unlike
    found: dict[str, tuple[File, bytes]] = {}
    for folder in folders:
        found |= _entries(posixpath.dirname(folder), fetch(folder))
    usual = {file.path: (file, b"") for file in pattern.files if file.kind is Kind.FOLDER}
    own = {path: one for path, one in found.items() if _own(one[0], elsewhere.get(path), path in usual)}
    for path in [*own]:
        for parent in parents(path):
            if parent != "/" and parent not in own:
                known = found.get(parent) or usual.get(parent)
                if known is None:
                    raise _Unlike
                own[parent] = known
    ordered = sorted(own.values(), key=lambda one: one[0].path.encode().split(b"/"))
    return b"".join(_header(file) + content for file, content in ordered) + _END


def _own(file: File, other: File | None, usual: bool) -> bool:
    """Tell whether the layer itself has an entry; a folder may also be one of its files' parents."""
    if other is None or (file.kind is Kind.FOLDER and usual):
        return True
    return file.kind is not Kind.FOLDER and replace(other, layer=file.layer) != file


def _entries(folder: str, archive: bytes | None) -> dict[str, tuple[File, bytes]]:
    """Return the entries of an archive whose names begin in a folder, each with its padded content."""
    found = {}
    if archive is None:  # the folder is gone
        return {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as opened:
        for member in opened:
            path, kind = identify(member)
            path = absolute(posixpath.join(folder, path.lstrip("/")))
            source = opened.extractfile(member) if kind is Kind.FILE else None
            content = source.read() if source else b""
            digest = hashlib.sha256(content).hexdigest() if source else ""
            owned = (member.mode & 0o7777, member.uid, member.gid, int(member.mtime))
            made = File(path, kind, len(content), *owned, member.linkname, digest, "")
            found[path] = (made, content + bytes(-len(content) % BLOCK))
    return found


def _header(file: File) -> bytes:
    """Return an entry's header as Go writes it; extended headers are not rebuilt."""
    if file.kind not in _KINDS:
        raise _Unlike
    name = file.path.lstrip("/") + "/" * (file.kind is Kind.FOLDER)
    prefix = ""
    if len(name) > _NAME:
        prefix, name = _split(name)
    try:
        texts = [text.encode("ascii") for text in (name, file.link, prefix)]
    except UnicodeEncodeError:
        raise _Unlike from None
    if len(texts[1]) > _NAME:
        raise _Unlike
    numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (file.mode, file.uid, file.gid, file.size, file.mtime)
    before = texts[0].ljust(_NAME, b"\0") + numbers
    after = _KINDS[file.kind] + texts[1].ljust(_NAME, b"\0") + b"ustar\00000" + bytes(64)
    after += b"0000000\0" * 2 + texts[2].ljust(_PREFIX, b"\0")
    total = sum(before) + sum(after) + 8 * ord(" ")
    return (before + b"%06o\0 " % total + after).ljust(BLOCK, b"\0")


def _split(name: str) -> tuple[str, str]:
    """Divide a long name at its last slash that leaves both parts short enough."""
    end = name.rfind("/", 0, min(len(name) - 1, _PREFIX + 1))
    prefix, rest = name[: max(end, 0)], name[end + 1 :]
    if not prefix or len(rest) > _NAME:
        raise _Unlike
    return prefix, rest


def _configuration(
    inspected: Mapping[str, Any], former: Former, diff_id: str, looking: Analyst
) -> bytes | None:
    """Return the exact configuration, made from the former image's; None without it.

    An engine does not show it. A push needs it, and reads it from `docker save` otherwise.
    """
    content = looking.cache.configuration(former.image)
    if content is None:
        return None
    before, text = json.loads(content), content.decode()
    changes = [(former.layer, diff_id), (str(before.get("created")), str(inspected.get("Created")))]
    labels, now = ((one.get("Labels") or {}) for one in (before.get("config") or {}, inspected["Config"]))
    changes += [(_label(name, labels[name]), _label(name, now[name])) for name in labels.keys() & now.keys()]
    for old, new in changes:
        text = text.replace(old, new)
    made = text.encode()
    return made if f"sha256:{hashlib.sha256(made).hexdigest()}" == inspected["Id"] else None


def _label(name: str, text: str) -> str:
    return f"{json.dumps(name)}:{json.dumps(text, ensure_ascii=False)}"
