"""Read requirements files, with their includes, single requirements, and ranges of versions."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from drydock.detect.tree import Tree, folder_of, join
from drydock.project.lock import encoding

# The first words of a lock file from `drydock init`; the name of its source follows.
LOCKED_FROM = "# Locked by uv. After a change of "
MAX_INCLUDES = 20
INCLUDE = re.compile(r"^(?:-r|--requirement|-c|--constraint)[ =]?\s*(?P<path>\S+)")
FIND_LINKS = re.compile(r"^(?:-f|--find-links)[ =]?\s*(?:file:)?(?P<path>[\w./-]+)$")
ARCHIVES = (".whl", ".tar.gz", ".zip")
EDITABLE = re.compile(r"^(-e|--editable)[ =]\s*")
# A folder, a wheel or a source archive on this machine: for pip, any text with a slash is one.
LOCAL = re.compile(
    r"^(?:[\w.-]+\s*@\s*)?(?:file:(?:///?(?=\.))?)?(?P<path>\.{1,2}(?![\w-])[^\s\[;]*|(?![\w+.-]+:)[\w.-]+/[^\s\[;:@]+|"
    r"[\w.-]+\.(?:whl|tar\.gz|zip))(?:\[(?P<extras>[\w, .-]*)\])?\s*(?:;.*)?$"
)
# A repository at one commit: a branch or a tag may move.
COMMIT = re.compile(r"@[0-9a-f]{40}(?=[#\s;]|$)")
NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})*")
EGG = re.compile(r"[#&]egg=([\w.-]+)")
DIRECT = re.compile(
    r"^(?:(?P<name>[\w.-]+)(?:\[[\w,. -]*\])?\s*@\s*)?(?P<url>(?:git|hg|svn|bzr)\+\S+|https?://\S+)"
)


@dataclass(frozen=True)
class Wanted:
    """One requirement: its normalised name, text and extras, whether it is pinned, and its place."""

    name: str
    text: str
    extras: frozenset[str]
    pinned: bool
    where: str
    marker: str = ""
    repository: bool = False


@dataclass(frozen=True)
class RequirementsFile:
    """A requirements file with all its includes."""

    path: str
    files: tuple[str, ...]
    wanted: tuple[Wanted, ...]
    hashed: bool
    itself: bool  # whether it installs its own project
    own_extras: tuple[str, ...] = ()  # of its own project
    local: tuple[str, ...] = ()  # the other folders and files that it installs
    readable: bool = True  # whether uv reads it unchanged


def wanted(text: str, where: str) -> Wanted | None:
    """Parse a requirement, None if the text is not one."""
    try:
        parsed = Requirement(text)
    except (InvalidRequirement, RecursionError):
        return _direct(text, where)
    pinned = any(s.operator in {"==", "==="} and "*" not in s.version for s in parsed.specifier)
    pinned = pinned or bool(parsed.url and COMMIT.search(parsed.url))
    repository = bool(parsed.url and parsed.url.startswith(("git+", "hg+", "svn+")))
    marker = str(parsed.marker) if parsed.marker else ""
    name = canonicalize_name(parsed.name)
    return Wanted(name, text, frozenset(parsed.extras), pinned, where, marker, repository)


def _direct(text: str, where: str) -> Wanted | None:
    match = DIRECT.match(text)
    egg = EGG.search(text)
    name = (match and match["name"]) or (egg and egg.group(1))
    if not match or not name:
        return None
    repository = not match["url"].startswith("http")
    pinned = bool(COMMIT.search(match["url"]))
    return Wanted(canonicalize_name(name), text, frozenset(), pinned, where, "", repository)


def read_requirements(tree: Tree, path: str, written: str | None = None) -> RequirementsFile:
    """Read a requirements file, and inside the tree the files that it includes.

    Args:
        written: The file's text if it is not written yet.
    """
    files: list[str] = []
    found: list[Wanted] = []
    local: list[str] = []
    hashed = itself = False
    extras: list[str] = []
    pending = [(path, True)]
    while pending and len(files) < MAX_INCLUDES:
        current, wants = pending.pop()
        text = written if current == path and written is not None else tree.text(current)
        if text is None or current in files:
            continue
        files.append(current)
        for line, number in _lines(text):
            if include := INCLUDE.match(line):
                inner = join(folder_of(current), include["path"].strip("\"'"))
                pending.append((inner, wants and not line.startswith(("-c", "--c"))))
                continue
            if found_in := FIND_LINKS.match(line):
                folder = join(folder_of(current), found_in["path"])
                files += [path for path in tree.under(folder) if path.endswith(ARCHIVES) and folder != "."]
                continue
            has_hash = "--hash" in line
            hashed = hashed or has_hash
            line = re.sub(r"\s--?[a-z][\w-]*(=|\s).*$", "", EDITABLE.sub("", line)).strip()
            line = line.replace("\t", " ")
            if not wants or line.startswith("-") or not line.isprintable():
                continue
            if match := LOCAL.match(line):
                inner = join(folder_of(current), match["path"])
                itself = itself or inner == folder_of(current)
                extras += re.findall(r"[\w.-]+", match["extras"] or "") if inner == folder_of(current) else []
                local += [inner] if inner != folder_of(current) else []
            elif item := wanted(line, f"{current}:{number}"):
                found.append(replace(item, pinned=item.pinned or has_hash))
    marked = any(encoding(tree.data(file) or b"") != "utf-8-sig" for file in files)
    archives = [path for path in local if tree.exists(path)]
    readable = not marked and len(archives) == len(local)
    files += [path for path in archives if readable and path not in files]
    own = tuple(extras)
    return RequirementsFile(path, tuple(files), tuple(found), hashed, itself, own, tuple(local), readable)


def _lines(text: str) -> list[tuple[str, int]]:
    found = []
    pending, start = "", 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = re.sub(r"(^|\s)#.*$", "", raw).strip()
        start = start if pending else number
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        if (pending + line).strip():
            found.append(((pending + line).strip(), start))
        pending = ""
    return found


def versions(text: str) -> str:
    """Convert a range in Poetry's syntax to a PEP 440 specifier, `""` for any version.

    A union of ranges (`^1.0 || ^2.0`) becomes any version: PEP 440 has no union.
    """
    split = re.split(r"\s*,\s*|\s+(?=[<>=!~^])", re.sub(r"([<>=!~^])\s+", r"\1", text.strip()))
    found = ",".join(filter(None, (_one(part.strip()) for part in split)))
    try:
        SpecifierSet(found)
    except InvalidSpecifier:
        return ""
    return found


def _one(part: str) -> str:
    """Convert one comparison: caret, tilde, wildcard, bare version, or PEP 440's own."""
    bare = part.lstrip("^~")
    if part[:1] in ("^", "~") and part[1:2] != "=" and NUMBER.fullmatch(bare):
        return f">={bare},<{_above(bare, caret=part[0] == '^')}"
    if part in ("", "*"):
        return ""
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})*\.\*", part) or re.match(r"\d", part):
        return f"=={part}"
    return part


def _above(version: str, *, caret: bool) -> str:
    """Return a range's upper limit: its first non-zero number plus one (caret), or its second (tilde)."""
    numbers = [int(number) for number in version.split(".")]
    if caret:
        at = next((i for i, number in enumerate(numbers) if number), len(numbers) - 1)
    else:
        at = min(1, len(numbers) - 1)
    return ".".join(str(number) for number in [*numbers[:at], numbers[at] + 1])
