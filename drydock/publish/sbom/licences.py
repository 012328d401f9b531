"""Licences as packages state them, turned into SPDX expressions where that takes no guess."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

# Trove classifiers that stand for exactly one licence. "BSD License" does not: there are four.
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
}
# Debian's own short names, where they are not SPDX's in another case.
DEBIAN_NAMES = {"expat": "MIT", "artistic": "Artistic-1.0-Perl", "psf-2": "PSF-2.0", "zlib/libpng": "Zlib"}
_GNU = re.compile(r"\b(AGPL|LGPL|GPL|GFDL)-(\d)(?:\.(\d))?(\+)?(?![\w.+-])", re.I)
LONGEST_NAME = 60


@dataclass(frozen=True)
class Licences:
    """The licences that a package states.

    Args:
        expression: An SPDX expression; empty where the package's words are not one.
        names: The package's own words where there is no expression; several apply together.
    """

    expression: str = ""
    names: tuple[str, ...] = ()


def of_distribution(metadata: Message) -> Licences:
    """Read a distribution's METADATA: the expression, else the classifiers, else the free text."""
    if expression := _spdx(str(metadata.get("License-Expression", ""))):
        return Licences(expression)
    classifiers = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier", [])
        if text.startswith("License :: ") and not text.endswith(":: OSI Approved")
    ]
    stated = str(metadata.get("License", "")).strip()
    if expression := _spdx(stated):
        return Licences(expression)
    if classifiers:
        return _together(CLASSIFIERS.get(text, text) for text in classifiers)
    # Some put the whole licence there; its first line is what people call it.
    first = stated.splitlines()[0].strip() if stated else ""
    return Licences(names=(first[:LONGEST_NAME],)) if first else Licences()


def of_copyright(text: str) -> Licences:
    """Read a Debian copyright file; nothing is known from one that is not in the machine-readable form."""
    if not re.match(r"\s*Format: *https?://\S*copyright-format", text):
        return Licences()
    found = re.findall(r"^License:[ \t]*(\S.*)$", text, re.M)
    return _together(_debian(name.strip()) for name in found)


def _debian(name: str) -> str:
    """Spell a Debian licence name, or a combination of some, as SPDX does."""

    def gnu(match: re.Match[str]) -> str:
        family, major, minor, later = match.groups()
        return f"{family.upper()}-{major}.{minor or 0}-{'or-later' if later else 'only'}"

    words = _GNU.sub(gnu, name).split()
    return " ".join(DEBIAN_NAMES.get(word.lower(), word) for word in words)


def _together(names: Iterable[str]) -> Licences:
    """Join licences that all apply; the result is an expression only when each of them is one."""
    unique = tuple(dict.fromkeys(names))
    expressions = [_spdx(name) for name in unique]
    if unique and all(expressions):
        several = len(set(expressions)) > 1
        parts = [f"({text})" if several and " OR " in text else text for text in sorted(set(expressions))]
        return Licences(" AND ".join(parts))
    return Licences(names=tuple(sorted(unique)))


def _spdx(text: str) -> str:
    """Return the canonical form of an SPDX expression; empty where the text is none."""
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return ""
