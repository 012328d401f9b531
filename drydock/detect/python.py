"""Choose the Python version: the newest that metadata, pins and locked wheels allow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from drydock.detect import tools
from drydock.detect.dependencies import Chosen, installed
from drydock.detect.dockerfiles import Dockerfile
from drydock.detect.locks import Lock, Locked
from drydock.detect.model import Conflict, Found
from drydock.detect.requirements import versions
from drydock.detect.tree import Tree, decode, folder_of, join, parents, read_bounded

ASKED_FOR = "3.15"  # lacks many wheels: it is chosen only if files ask for it
KNOWN = ("3.14", "3.13", "3.12", "3.11", "3.10", "3.9", "3.8", "3.7", ASKED_FOR)
NEWEST_DEFAULT = "3.13"  # without any evidence: the default base image's version
# python:3.13-slim; and as one of a tag's words, such as astral-sh/uv:python3.13-bookworm-slim.
IMAGE = re.compile(r"(?:(?:^|/)python:(?:\d+-)?|:(?:[\w.]+-)*python-?)(?P<version>3\.\d+)")
PIN = re.compile(r"(?:\s|#.*\n)*(?:python-|cpython[-@])?(3\.\d+)(?:\.\d+)?[ \t]*(?:[\r\n#]|$)")
# The files that pin the developers' version.
PIN_FILES = {
    ".python-version": PIN,
    "runtime.txt": PIN,
    ".tool-versions": re.compile(r"(?s:.*?)^python[ \t]+(3\.\d+)", re.M),
    **dict.fromkeys(("mise.toml", ".mise.toml"), re.compile(r"(?s:.*?)^python\b[^\n\d]*(3\.\d+)", re.M)),
    **dict.fromkeys(
        ("environment.yml", "environment.yaml"),
        re.compile(r"(?s:.*?)^[ \t]*-[ \t]*[\"']?python[ \t]*={1,2}[ \t]*(3\.\d+)", re.M),
    ),
}
PINNED = tuple(PIN_FILES)
SERIES = re.compile(r"(^|,)\s*~?\s*(\d+\.\d+)(?=\s*(?:,|$))")


class Choice(NamedTuple):
    """The chosen version, all supported ones, the contradiction if there is one, and notes."""

    version: Found[str] | None
    supported: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[Found[str], ...] = ()


def bounds(tree: Tree, chosen: Chosen | None, folder: str) -> list[Found[str]]:
    """Return the version ranges and pins in metadata and pin files, as PEP 440 specifiers."""
    found = []
    for place in dict.fromkeys((folder, *([chosen.source.folder] if chosen else []), ".")):
        stated = [one for tool in tools.TOOLS for one in tool.pythons(tree, place)]
        found += [Found(text, one.where) for one in stated if (text := specifier(one.value))]
        texts = {name: tree.text(join(place, name)) or "" for name in PIN_FILES}
        pins = [(join(place, name), PIN_FILES[name].match(text)) for name, text in texts.items()]
        found += [Found(f"=={pin.group(1)}.*", path) for path, pin in pins if pin]
    found += [] if any(f.where.endswith(PINNED) for f in found) else _pin_above(tree)
    lock = chosen.source.lock if chosen else None
    if lock and lock.python and (text := specifier(lock.python)):
        found.append(Found(text, lock.path))
    return list(dict.fromkeys(found))


def _pin_above(tree: Tree) -> list[Found[str]]:
    """Return the .python-version of a folder above in the same repository, which uv and pyenv read too."""
    above = parents(tree.root)
    for level, folder in enumerate(above if any((a / ".git").exists() for a in above) else (), 1):
        match = PIN.match(decode(read_bounded(folder / ".python-version", 1_000)) or "")
        if match:
            return [Found(f"=={match.group(1)}.*", "../" * level + ".python-version")]
    return []


def specifier(text: str) -> str:
    """Convert a range of Pythons, possibly in Poetry's syntax, to PEP 440; `||` stays."""
    # A series is meant, not its first release: 3.11 and ~3.11.
    series = (SERIES.sub(r"\1\2.*", part.strip()) for part in text.split("||"))
    return "||".join(str(SpecifierSet(found)) for part in series if (found := versions(part)))


def release(limits: Iterable[Found[str]], version: str) -> Found[str] | None:
    """Return the patch release that metadata pin a version to, None without such a pin."""
    for limit in limits:
        ranges = SpecifierSet("" if "||" in limit.value else limit.value)
        exact = [one.version for one in ranges if one.operator in {"==", "==="}]
        found = next((text for text in exact if "*" not in text and _minor(text) == version), "")
        if found.count(".") > 1:
            return Found(found, limit.where)
    return None


def allows(text: str, version: str) -> bool:
    """Tell whether a range allows any patch release of a version such as `3.13`."""
    if "||" in text:
        return any(allows(part, version) for part in text.split("||"))
    try:
        ranges = SpecifierSet(text)
    except InvalidSpecifier:
        return True
    exact = [s.version for s in ranges if s.operator in {"==", "==="} and "*" not in s.version]
    if any(_minor(e) == version for e in exact):
        return True
    # Bounds name patch releases too (`>=3.9.1`, `<3.13.5`): a series fits if one of its releases does.
    return any(ranges.contains(f"{version}.{patch}") for patch in (0, 1, 2, 3, 5, 8, 10, 15, 20, 99))


def _minor(text: str) -> str:
    try:
        version = Version(text)
    except InvalidVersion:
        return ""
    return f"{version.major}.{version.minor}"


def fits(wheel: str, python: str) -> bool:
    """Tell whether a wheel's file name is for CPython `python` on 64-bit glibc Linux."""
    parts = wheel.removesuffix(".whl").split("-")
    if len(parts) < 5:
        return False
    tags, abis, platforms = parts[-3].split("."), parts[-2].split("."), parts[-1].split(".")
    if not any(p == "any" or (p.endswith("x86_64") and "linux" in p and "musl" not in p) for p in platforms):
        return False
    minor = int(python.split(".")[1])
    exact = f"cp3{minor}"
    if {"py3", "py2.py3", f"py3{minor}"} & set(tags) or (exact in tags and exact in {*abis, exact}):
        return "none" in abis or exact in abis or "abi3" in abis
    older = (int(t[3:]) for t in tags if re.fullmatch(r"cp3\d{1,2}", t))
    return ("abi3" in abis and any(o <= minor for o in older)) or (exact in tags and "none" in abis)


def unfit(packages: Iterable[Locked], python: str) -> list[Locked]:
    """Return the packages that have wheels, but none for this Python on Linux."""
    return [p for p in packages if p.wheels and not any(fits(w, python) for w in p.wheels)]


def choose(
    limits: list[Found[str]],
    chosen: Chosen | None,
    image: Found[str] | None,
    selected: list[str],
    overrides: Mapping[str, str],
) -> Choice:
    """Return the version that fits the limits, the existing image and the locked wheels.

    Args:
        limits: The ranges of `bounds`.
        image: The Python of the project's own Dockerfile.
        selected: The extras and groups to install.
    """
    if "python" in overrides:
        return Choice(Found(overrides["python"], "set by hand: python"), (overrides["python"],))
    limits, notes = _agreed(limits, image)
    found = _within(limits, chosen, image, selected)
    if image and found.version and image.value != found.version.value:
        fact = f"it names Python {image.value}, but {found.version.value} is taken"
        fact += ": set python if that is wrong"
        notes = (*notes, Found(fact, image.where))
    own = (*PINNED, *([image.where] if image else []))
    hard = [limit for limit in limits if not limit.where.endswith(own)]
    supported = found.supported
    if found.version and len(hard) < len(limits):
        # Pin files and a Dockerfile name the project's own; metadata and wheels tell which others fit.
        wider = _within(hard, chosen, image, selected).supported
        supported = tuple(dict.fromkeys((found.version.value, *wider)))
    return Choice(found.version, supported, found.conflicts, notes)


def _agreed(
    limits: list[Found[str]], image: Found[str] | None
) -> tuple[list[Found[str]], tuple[Found[str], ...]]:
    """Drop pin files that the Dockerfile's base contradicts, and note each."""
    pins = [f for f in limits if f.where.endswith(PINNED) and image and not allows(f.value, image.value)]
    rest = [one for one in limits if one not in pins]
    if image is None or not pins or not all(allows(one.value, image.value) for one in rest):
        return limits, ()
    fact = "it names Python {}, but {} decides: set python if that is wrong"
    notes = tuple(Found(fact.format(one.value.strip("=*."), image.where), one.where) for one in pins)
    return [*rest, Found(f"=={image.value}.*", image.where)], notes


def _within(
    limits: list[Found[str]], chosen: Chosen | None, image: Found[str] | None, selected: list[str]
) -> Choice:
    allowed = [v for v in KNOWN if all(allows(limit.value, v) for limit in limits)]
    if not allowed:
        conflict = Conflict("python", "no Python version satisfies all of", tuple(limits), "python")
        return Choice(None, (), (conflict,))
    if not (image and image.value == ASKED_FOR):
        allowed = [v for v in allowed if v != ASKED_FOR] or allowed
    lock = chosen.source.lock if chosen else None
    if chosen and lock and any(p.wheels for p in lock.packages.values()):
        return _by_wheels(chosen, lock, allowed, limits, image, selected)
    if image and image.value in allowed:
        return Choice(image, tuple(dict.fromkeys((image.value, *allowed))))
    pin = next((limit for limit in reversed(limits) if limit.value.startswith("==")), None)
    if pin:
        return Choice(Found(allowed[0], pin.where), tuple(allowed))
    usual = sorted(allowed, key=lambda v: Version(v) > Version(NEWEST_DEFAULT))
    where = limits[0].where if limits else "default"
    return Choice(Found(usual[0], where, "" if limits else "nothing names a version"), tuple(usual))


def _by_wheels(
    chosen: Chosen,
    lock: Lock,
    allowed: list[str],
    limits: list[Found[str]],
    image: Found[str] | None,
    selected: list[str],
) -> Choice:
    """Return the version with the fewest missing wheels; one without a source rules a version out.

    Of several, the existing image's is taken.
    """
    missing: dict[str, list[Locked]] = {}
    for version in allowed:
        names = sorted(installed(chosen, version, selected))
        missing[version] = unfit([lock.packages[n] for n in names if n in lock.packages], version)
    possible = [v for v in allowed if all(p.sdist for p in missing[v])]
    if not possible:
        first = allowed[0]
        lacking = (f"{p.name} {p.version} has no wheel for {first}" for p in missing[first] if not p.sdist)
        listed = tuple(Found(fact, lock.path) for fact in lacking)
        fact = "the locked wheels fit no allowed Python version"
        return Choice(None, (), (Conflict("python", fact, listed, "python"),))
    fewest = min(len(missing[v]) for v in possible)
    best = [v for v in possible if len(missing[v]) == fewest]
    if image and image.value in best:
        return Choice(image, tuple(dict.fromkeys((image.value, *best))))
    skipped = next((v for v in allowed[: allowed.index(best[0])] if v not in best), None)
    why = f"{missing[skipped][0].name} has no wheel for {skipped}" if skipped else ""
    exact = [limit.where for limit in limits if limit.value.startswith("==")]
    where = [*exact, *(limit.where for limit in limits), lock.path][0]
    return Choice(Found(best[0], where, why or "all locked wheels exist for it"), tuple(best))


def base(files: list[Dockerfile], folder: str) -> Found[str] | None:
    """Return the Python of a Dockerfile's official base image, from `folder`'s Dockerfiles first."""
    for file in sorted(files, key=lambda f: folder_of(f.path) != folder):
        for name in file.bases:
            if match := IMAGE.search(name):
                return Found(match["version"], f"{file.path} FROM {name}")
    return None
