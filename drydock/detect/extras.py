"""List the files of Debian packages that programs open by name, for the final image."""

from __future__ import annotations

from collections.abc import Iterable

# The programs, libraries and data that Python programs use, by package. The build itself finds the libraries
# that an extension module links against.
BY_PACKAGE = {
    "curl": ("curl",),
    "ffmpeg": ("ffmpeg", "ffprobe"),
    "ghostscript": ("gs", "/usr/share/ghostscript"),
    "git": ("git", "/usr/lib/git-core"),
    "graphviz": ("dot", "/usr/lib/*/graphviz"),
    "libmagic1": ("libmagic.so.1", "/usr/lib/file/magic*", "/usr/share/misc/magic*"),
    "libpango-1.0-0": ("libpango-1.0.so.0", "libpangoft2-1.0.so.0", "libgobject-2.0.so.0", "/etc/fonts"),
    "libpq5": ("libpq.so.5",),
    "libzbar0": ("libzbar.so.0",),
    "openssh-client": ("ssh",),
    "pandoc": ("pandoc",),
    "poppler-utils": ("pdftotext", "pdftoppm", "pdfinfo"),
    "postgresql-client": ("/usr/lib/postgresql/*/bin/pg_dump", "/usr/lib/postgresql/*/bin/psql"),
    "tesseract-ocr": ("tesseract", "/usr/share/tesseract-ocr"),
}
# Some of these libraries open others by name, from packages that apt does not install by itself.
BESIDE = {"libpango-1.0-0": ("libpangoft2-1.0-0", "fontconfig-config"), "libmagic1": ("libmagic-mgc",)}


def files(packages: Iterable[str]) -> tuple[str, ...]:
    """Return the packages' files; none for packages that are only linked against or unknown here."""
    return tuple(dict.fromkeys(name for package in packages for name in BY_PACKAGE.get(package, ())))


def with_beside(packages: Iterable[str]) -> tuple[str, ...]:
    """Add the packages that these need without depending on them."""
    return tuple(dict.fromkeys(name for package in packages for name in (package, *BESIDE.get(package, ()))))
