"""What mkdocs.yml needs: GitHub's anchors, and pages without links to files that the site lacks."""

from __future__ import annotations

import posixpath
import re

# A link to a file of the repository that is not below docs/.
_LINK = re.compile(r"\[([^]]*)\]\((?!\w+:|#)([^)\s#]+)(?:#[^)\s]*)?\)")


def slug(heading: str, separator: str) -> str:
    """Return a heading's anchor as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)


def within(text: str, folder: str) -> str:
    """Return a page's text, with the words alone of each link that leaves docs/.

    Args:
        folder: The page's folder below docs/.
    """

    def plain(link: re.Match[str]) -> str:
        leaves = posixpath.normpath(posixpath.join(folder, link[2])).startswith("..")
        return link[1] if leaves else link[0]

    return _LINK.sub(plain, text)


def on_page_markdown(markdown: str, page: object, **_: object) -> str:
    """Change a page before MkDocs renders it."""
    uri: str = page.file.src_uri  # type: ignore[attr-defined]
    return within(markdown, posixpath.dirname(uri))
