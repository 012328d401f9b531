"""Licences from Python's metadata and Debian's copyright files, as SPDX expressions.

Every reader of an image uses these functions, so the licence gate and the SBOM agree. Words that SPDX lacks
are kept as ``LicenseRef-`` and the words. If statements disagree, all of them count.
"""

import functools
import re
from collections.abc import Iterable
from email import message_from_string
from typing import Any

# Unambiguous titles that `_named` cannot derive. "BSD License" could mean four.
TITLES = {
    "apache software license": "Apache-2.0",
    "new bsd license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "simplified bsd license": "BSD-2-Clause",
    "2-clause bsd license": "BSD-2-Clause",
    "isc license (iscl)": "ISC",
    "mozilla public license 2.0": "MPL-2.0",
    "public domain": "LicenseRef-public-domain",
    "python software foundation license": "PSF-2.0",
    "zlib/libpng license": "Zlib",
}
# Debian's short names (copyright-format 1.0, section 7.1) that SPDX spells differently. By the GNU licences'
# own text, a program that names no version may be used under any.
DEBIAN = {
    "artistic": "Artistic-1.0-Perl",
    "bsd": "BSD-3-Clause",  # the text in /usr/share/common-licenses
    "expat": "MIT",
    "gfdl-niv-1.3": "GFDL-1.3-no-invariants-only",
    "gfdl-niv-1.3+": "GFDL-1.3-no-invariants-or-later",
    "gpl": "GPL-1.0-or-later",
    "lgpl": "LGPL-2.0-or-later",
    "psf": "PSF-2.0",
    "python": "PSF-2.0",
    "psf-2": "PSF-2.0",
    "zlib/libpng": "Zlib",
}
LONGEST_NAME = 60
REFERENCE = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")
_FAMILY = re.compile(r"(AGPL|LGPL|GPL|GFDL|MPL|Apache|Artistic|BSL)-?v?(\d(?:\.\d)?)(\+?)", re.IGNORECASE)
_GNU = re.compile(
    r"gnu (?:(affero|lesser|library or lesser) )?general public license v(\d(?:\.\d)?)( or later)?"
    r"(?: \(.*\))?",
    re.IGNORECASE,
)
# "with" between words, and within a name, where it may be left out: `LGPL-2.1+-with-link-exception`,
# `GPL-2+-libtool-exception`.
_WITH = re.compile(
    r"^(.+?)\s+with\s+(.+)$|^((?:A|L)?GPL-[^-]+(?:-or-later|-only)?)-(?:with-|(?=[\w-]+-exception$))(.+)$",
    re.IGNORECASE,
)
_COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z]+(?:-[\d.]*\d)?)")
_NOISE = re.compile(r"\b(?:the|licen[sc]e|version)\b|,", re.IGNORECASE)


def parse(text: str) -> Any:
    """Return the tree of an SPDX expression; None for other text, or for an unknown or leftover token."""
    import license_expression  # type: ignore[import-untyped]

    try:
        tree = _spdx().parse(text, strict=True)
    except (license_expression.ExpressionError, license_expression.ParseError):
        return None
    unknown = _spdx().unknown_license_keys(tree) if tree is not None else []
    return tree if all(REFERENCE.fullmatch(key) for key in unknown) else None


@functools.cache
def _spdx() -> Any:
    import license_expression  # its index takes 0.4 s to load

    return license_expression.get_spdx_licensing()


def canonical(text: str) -> str:
    """Return an SPDX expression in its canonical spelling; empty for other text."""
    tree = parse(text)
    return "" if tree is None else str(tree.render())


def of_metadata(text: str) -> str:
    """Return the expression in a distribution's METADATA; empty if it states none."""
    message = message_from_string(text)
    if stated := str(message.get("License-Expression", "")).strip():
        return canonical(stated) or own(stated)
    classifiers = [
        value.rpartition(" :: ")[2]
        for value in message.get_all("Classifier", [])
        if re.fullmatch(r"License :: (?!(?:OSI|DFSG) approved$).*", value, re.IGNORECASE)
    ]
    # The free field may hold a whole licence: its first line is the title.
    lines = str(message.get("License", "")).strip().splitlines()
    titles = [lines[0].strip()] if lines and not (len(lines) > 1 and classifiers) else []
    if lines and not titles and _named(lines[0].strip()):
        titles = [lines[0].strip()]
    words = [*titles, *classifiers]
    exact = [name for name in map(_named, words) if name]
    # "MIT OR Apache-2.0" covers a classifier of either, "BSD-3-Clause" covers "BSD License".
    said = re.split(r"[\s()]+", exact[0]) if titles and exact and _named(titles[0]) else []
    vague = [word for word in words if not _named(word) and not _is_family(word, exact)]
    return _together([*exact[:1], *(name for name in exact[1:] if name not in said), *map(own, vague)])


def _named(title: str) -> str:
    """Return the expression for a title; empty if it is ambiguous."""
    if match := _GNU.fullmatch(title):
        kind = {"affero": "AGPL", "": "GPL"}.get((match[1] or "").lower(), "LGPL")
        return _versioned(kind, match[2], match[3])
    if match := _FAMILY.fullmatch(title):
        return canonical(_versioned(*match.groups()))
    inner = re.search(r"\(([\w. -]+)\)$", title)
    tries = (title, _NOISE.sub(" ", title), inner[1] if inner else "", re.sub(r"\s*\(.*\)$", "", title))
    known = (TITLES.get(text.lower()) or _one("-".join(text.split())) for text in tries if text)
    return canonical(title) or next(filter(None, known), "")


def _one(name: str) -> str:
    """Return one identifier in SPDX's spelling; empty if SPDX lacks the name."""
    return canonical(name) if re.fullmatch(r"[\w.+-]+", name) else ""


def _is_family(word: str, exact: Iterable[str]) -> bool:
    """Tell whether one of the exact names belongs to the family at the start of a vague one."""
    family = re.split(r"[\s(]", word, maxsplit=1)[0].lower()
    return any(name.lower().startswith(f"{family}-") for text in exact for name in re.split(r"[\s()]+", text))


def of_copyright(text: str) -> str:
    """Return the expression of a Debian copyright file; empty if it names no licence.

    A machine-readable file names each licence; all of them count. Other files refer to Debian's folder of
    common licences, and may allow later versions; the rest is not understood.
    """
    if re.search(r"^Format(-Specification)?:.*(copyright-format|dep-?5)", text, re.MULTILINE | re.IGNORECASE):
        names = re.findall(r"^License:[ \t]*(\S[^\n]*)$", text, re.MULTILINE)
    else:
        later = "+" if re.search(r"any\s+later\s+version", text) else ""
        names = [f"{name}{later if 'GPL-' in name else ''}" for name in _COMMON.findall(text)]
    return _together(map(of_debian, dict.fromkeys(names)))


def of_debian(text: str) -> str:
    """Convert a Debian licence statement to an SPDX expression; a name that SPDX lacks becomes a reference.

    A comma binds less tightly than ``and`` and ``or``. Alone it means ``and``; so does ``and/or``.
    """
    text = re.sub(r"\band/or\b", "and", text)
    first, *rest = re.split(r"\s*,\s*(and\s|or\s|)\s*", text.strip(), flags=re.IGNORECASE)
    found = _operands(first)
    for operator, clause in zip(rest[::2], rest[1::2], strict=True):
        if clause:
            found = f"({found}) {operator.strip().upper() or 'AND'} ({_operands(clause)})"
    return canonical(found) or own(text)


def _operands(text: str) -> str:
    parts = re.split(r"(\s+(?:and|or)\s+|[()])", text, flags=re.IGNORECASE)
    return "".join(part.upper() if odd % 2 else _debian_name(part.strip()) for odd, part in enumerate(parts))


def _debian_name(name: str) -> str:
    if match := _WITH.match(name):
        licence, exception = match[1] or match[3], match[2] or match[4]
        # An exception only adds permissions: if SPDX lacks it, the licence alone is the stricter reading.
        base = _debian_name(licence)
        exact = f"{base} WITH {'-'.join(exception.split())}"
        return exact if canonical(exact) else base
    if match := _FAMILY.fullmatch(name):
        return _versioned(*match.groups())
    return name and (DEBIAN.get(name.lower()) or _one(name) or own(name))


def _versioned(family: str, version: str, later: str | None) -> str:
    number = version if "." in version else f"{version}.0"
    gnu = family.upper() in ("GPL", "LGPL", "AGPL", "GFDL")
    return f"{family}-{number}" + (("-or-later" if later else "-only") if gnu else "")


def own(words: str) -> str:
    """Return SPDX's reference to a licence that it does not list, made from a package's own words."""
    return f"LicenseRef-{re.sub(r'[^A-Za-z0-9.-]+', '-', words[:LONGEST_NAME]).strip('-') or 'unnamed'}"


def _together(expressions: Iterable[str]) -> str:
    """Join expressions that all apply, without repetitions."""
    joined = " AND ".join(f"({text})" for text in dict.fromkeys(expressions))
    return str(_spdx().dedup(joined).render()) if joined else ""
