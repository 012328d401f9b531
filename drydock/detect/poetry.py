"""Write what Poetry's own table asks for as requirements that every installer reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from drydock.detect.tree import strings

NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})*")


def requirements(name: str, spec: object) -> Iterator[str]:
    """Yield the requirements that one entry of `[tool.poetry.dependencies]` stands for."""
    for item in spec if isinstance(spec, list) else [spec]:
        details = item if isinstance(item, dict) else {"version": item}
        yield _requirement(name, details)


def _requirement(name: str, details: dict[str, Any]) -> str:
    extras = f"[{','.join(strings(details.get('extras')))}]" if details.get("extras") else ""
    if isinstance(url := details.get("git"), str):
        at = next((str(details[key]) for key in ("rev", "tag", "branch") if key in details), "")
        wanted = f"{name}{extras} @ git+{url}" + (f"@{at}" if at else "")
    elif isinstance(url := details.get("url"), str):
        wanted = f"{name}{extras} @ {url}"
    else:
        wanted = f"{name}{extras}{versions(str(details.get('version') or '*'))}"
    marker = _marker(details)
    return f"{wanted} ; {marker}" if marker else wanted


def _marker(details: dict[str, Any]) -> str:
    found = [text] if isinstance(text := details.get("markers"), str) else []
    python = versions(str(details["python"])) if "python" in details else ""
    found += [f"python_full_version {one.operator} '{one.version}'" for one in SpecifierSet(python)]
    if isinstance(platform := details.get("platform"), str):
        found.append(f"sys_platform == '{platform}'")
    return " and ".join(f"({text})" if len(found) > 1 else text for text in found)


def versions(text: str) -> str:
    """Return a PEP 440 specifier for a range in Poetry's words, `""` for any version.

    A union of ranges (`^1.0 || ^2.0`) becomes any version: PEP 440 has no or.
    """
    split = re.split(r"\s*,\s*|\s+(?=[<>=!~^])", re.sub(r"([<>=!~^])\s+", r"\1", text.strip()))
    found = ",".join(filter(None, (_one(part.strip()) for part in split)))
    try:
        SpecifierSet(found)
    except InvalidSpecifier:
        return ""
    return found


def _one(part: str) -> str:
    """Return the specifier of one comparison: caret, tilde, wildcard, bare version, or PEP 440's own."""
    bare = part.lstrip("^~")
    if part[:1] in ("^", "~") and part[1:2] != "=" and NUMBER.fullmatch(bare):
        return f">={bare},<{_above(bare, caret=part[0] == '^')}"
    if part in ("", "*"):
        return ""
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})*\.\*", part) or re.match(r"\d", part):
        return f"=={part}"
    return part


def _above(version: str, *, caret: bool) -> str:
    """Return the first version that a range leaves out: the next of its first number that is not zero
    (caret), or of its second one (tilde)."""
    numbers = [int(number) for number in version.split(".")]
    if caret:
        at = next((i for i, number in enumerate(numbers) if number), len(numbers) - 1)
    else:
        at = min(1, len(numbers) - 1)
    return ".".join(str(number) for number in [*numbers[:at], numbers[at] + 1])
