"""What the final image takes of Debian packages whose programs and libraries are opened by name."""

from __future__ import annotations

from collections.abc import Iterable

# By package: the programs, libraries and data that Python programs use it for. What an extension module links
# against needs no mention: the build finds it.
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
# Libraries that one of the above opens by name in its turn come with packages that apt leaves out otherwise.
BESIDE = {"libpango-1.0-0": ("libpangoft2-1.0-0", "fontconfig-config"), "libmagic1": ("libmagic-mgc",)}


def files(packages: Iterable[str]) -> tuple[str, ...]:
    """Return what to take of packages; nothing of those that are only linked against or unknown here."""
    return tuple(dict.fromkeys(name for package in packages for name in BY_PACKAGE.get(package, ())))


def with_beside(packages: Iterable[str]) -> tuple[str, ...]:
    """Return packages with those that they need and do not ask for."""
    return tuple(dict.fromkeys(name for package in packages for name in (package, *BESIDE.get(package, ()))))
