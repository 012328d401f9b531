"""Fill the generated parts of a page: those between a mark such as `<!-- keys -->` and its end."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def filled(text: str, mark: str, content: str) -> str:
    """Return a page with other content between its marks; ValueError where it lacks one of them."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->\n"
    if begin not in text or end not in text:
        raise ValueError(f"the page lacks {begin.strip()} or {end.strip()}")
    before, _, rest = text.partition(begin)
    return before + begin + content + end + rest.partition(end)[2]
