"""Licences as Python's metadata and Debian's copyright files name them, in SPDX's spelling."""

from __future__ import annotations

import re
from email import message_from_string

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

# What classifiers and the free field `License` mean, where that is beyond doubt.
SPDX = {
    "mit license": "MIT",
    "the mit license": "MIT",
    "bsd license": "BSD-3-Clause",
    "bsd": "BSD-3-Clause",
    "new bsd license": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "apache software license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "isc license (iscl)": "ISC",
    "the unlicense (unlicense)": "Unlicense",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "gnu lesser general public license v3 or later (lgplv3+)": "LGPL-3.0-or-later",
    "gnu affero general public license v3": "AGPL-3.0-only",
    "gnu affero general public license v3 or later (agplv3+)": "AGPL-3.0-or-later",
}
# Debian's short names (copyright-format 1.0, section 7.1) that SPDX spells otherwise.
DEBIAN = {
    "expat": "MIT",
    "public-domain": "LicenseRef-Public-Domain",
    "psf": "PSF-2.0",
    "psf-2": "PSF-2.0",
    "artistic": "Artistic-1.0-Perl",
    "zlib/libpng": "Zlib",
    "gfdl-niv-1.3+": "GFDL-1.3-no-invariants-or-later",
}
_DEBIAN_FAMILY = re.compile(r"(A?GPL|LGPL|GFDL|MPL|Apache|Artistic|BSL)-?(\d(?:\.\d)?)(\+?)", re.IGNORECASE)
_COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z]+(?:-[\d.]*\d)?)")
_OPERATORS = re.compile(r"\s+(?:and|or|with)\s+|[()]|,\s*", re.IGNORECASE)


def of_metadata(text: str) -> str:
    """Return the SPDX expression that a distribution's METADATA states; empty when it states none clearly."""
    message = message_from_string(text)
    if expression := str(message.get("License-Expression", "")):
        return _canonical(expression)
    classifiers = [
        value.rsplit(" :: ", 1)[-1]
        for value in message.get_all("Classifier", [])
        if value.startswith("License :: ") and value != "License :: OSI Approved"
    ]
    stated = str(message.get("License", "")).strip()
    # The free field may hold the whole text: its first line is a title.
    title = stated.splitlines()[0].strip() if stated else ""
    # A classifier such as "BSD License" names a family; a field that is SPDX already is more exact.
    if title and (exact := _canonical(title)):
        return exact
    known = [SPDX.get(value.lower(), _canonical(value)) for value in classifiers or [title]]
    return " AND ".join(known) if all(known) else ""


def _canonical(text: str) -> str:
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return SPDX.get(text.lower(), "")


def of_copyright(text: str) -> str:
    """Return the SPDX expression of a Debian copyright file; empty when it names no licence that is known.

    A machine-readable file names each licence; all of them count. Another one refers to Debian's folder of
    common licences; what else it says is not understood.
    """
    if re.search(r"^Format:\s*\S*copyright-format", text, re.MULTILINE | re.IGNORECASE):
        lines = re.findall(r"^License:[ \t]*(\S[^\n]*)$", text, re.MULTILINE)
        names = [debian_expression(line) for line in lines]
    else:
        names = [debian_expression(name) for name in _COMMON.findall(text)]
    return " AND ".join(f"({name})" if " " in name else name for name in dict.fromkeys(names) if name)


def debian_expression(text: str) -> str:
    """Return a Debian licence expression in SPDX's spelling; a name that SPDX lacks stays as a LicenseRef."""
    text = re.sub(r",\s*(?=and |or )", " ", text)
    parts = re.split(r"(\s+(?:and|or|with)\s+|[()])", text, flags=re.IGNORECASE)
    exact = [part.upper() if _OPERATORS.fullmatch(part) else _debian_name(part.strip()) for part in parts]
    return re.sub(r"\s+", " ", "".join(exact)).strip()


def _debian_name(name: str) -> str:
    if not name:
        return ""
    if known := DEBIAN.get(name.lower()):
        return known
    if match := _DEBIAN_FAMILY.fullmatch(name):
        family, version, later = match.groups()
        number = version if "." in version else f"{version}.0"
        gnu = family.upper() in ("GPL", "LGPL", "AGPL", "GFDL")
        return f"{family}-{number}" + (("-or-later" if later else "-only") if gnu else "")
    return _canonical(name) or f"LicenseRef-{re.sub(r'[^A-Za-z0-9.-]+', '-', name).strip('-')}"
