"""Write the page: text and charts that need no script, and files as JSON for the treemap, all in one file.

Files in an image may have any name. Names reach the page through Jinja's escaping, or as JSON without `<`.
The page's own policy, its first line after the title, forbids every address. It allows only the scripts
and styles whose digests it names.
"""

import base64
import functools
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from packaging.version import InvalidVersion, Version

from drydock.image.compare import Change, PackageChange
from drydock.image.packages import Source
from drydock.project import Budget
from drydock.report import MB
from drydock.report.page import tree, trend
from drydock.report.page.gather import Content
from drydock.report.size import printable
from drydock.spelling import spelled
from drydock.state.history import Build, Weighed

HERE = Path(__file__).parent
LARGEST_PAGE = 400_000
# The tree's minimum room in a full page: enough for layers and packages.
LEAST_TREE = 20_000
MOST_FILES = 20
MOST_CHANGES = 50
_KB = 1000


def render(content: Content) -> str:
    root = tree.grow(content.anatomy)
    page = functools.partial(_page, content, root)
    room = LARGEST_PAGE - len(page(embedded([])).encode())
    return page(tree.fitting(root, max(room, LEAST_TREE), embedded))


def sizes(content: Content) -> trend.Chart:
    """Lay out both sizes of the last builds, in MB, and their budgets."""
    budget = content.project.budgets.get(content.target)

    def line(name: str, hue: str, size: Callable[[Weighed | Budget], int | None]) -> trend.Values:
        weighed = [size(build.image) if build.image else None for build in content.builds]
        limit = size(budget) if budget else None
        return trend.Values(name, hue, [each and each / MB for each in weighed], limit and limit / MB)

    lines = (
        line("on disk", "first", lambda one: one.on_disk),
        line("on the wire", "second", lambda one: one.on_wire),
    )
    return trend.chart(len(content.builds), lines)


def seconds(content: Content) -> trend.Chart:
    """Lay out the times of the last builds, in seconds."""
    values = [build.seconds for build in content.builds]
    return trend.chart(len(values), [trend.Values("build time", "third", values)])


def _page(content: Content, root: tree.Node, tree_data: str) -> str:
    style, script = (_text(name) for name in ("style.css", "page.js"))
    return _template().render(
        content=content,
        root=root,
        largest=content.anatomy.largest(MOST_FILES),
        most_changes=MOST_CHANGES,
        # Files of this package, and results of `embedded`: no user's input is among them.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        policy=policy(style, script),
        sizes=sizes(content),
        seconds=seconds(content),
        tree_data=Markup(tree_data),  # noqa: S704
    )


def policy(style: str, script: str) -> str:
    """Return a content security policy that allows exactly these two texts and no address."""
    own = f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    return f"default-src 'none'; {own}; base-uri 'none'"


def embedded(value: Any) -> str:
    """Return JSON that is safe inside a script element, even with hostile strings."""
    return json.dumps(value, separators=(",", ":")).replace("<", r"\u003c")


def bytes_of(size: int) -> str:
    """Format a size: MB (10^6 bytes) with one decimal, less in kB or bytes."""
    if abs(size) >= MB:
        return f"{size / MB:,.1f} MB"
    return f"{size / _KB:.1f} kB" if abs(size) >= _KB else f"{size} B"


def grown(size: int) -> str:
    """Format a difference of sizes with its sign."""
    return f"{'+' if size > 0 else ''}{bytes_of(size)}" if size else "±0"


def happened(change: PackageChange) -> str:
    """Return one word for a package's change."""
    if change.change is not Change.CHANGED:
        return change.change.value
    if change.before == change.after:
        return "grown" if change.grown > 0 else "shrunk"
    if change.source is not Source.PYTHON:  # Debian orders versions by its own rules
        return "other version"
    try:
        return "upgraded" if Version(change.before) < Version(change.after) else "downgraded"
    except InvalidVersion:
        return "other version"


def moment(seconds: float) -> str:
    """Format a time to the minute in UTC: the page may be read anywhere."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def revision(commit: str, dirty: bool) -> str:
    """Format a commit's short id, marked if the working tree had changes."""
    return f"{commit[:9]}{' + changes' if dirty else ''}" if commit else "no commit"


def typed(command: str) -> str:
    """Return one of drydock's commands as this machine's user types it."""
    return spelled(f"`drydock {command}`").strip("`")


def outlined(build: Build) -> str:
    """Return a build's figures in three lines."""
    weighed = "not weighed"
    if image := build.image:
        weighed = f"{bytes_of(image.on_disk)} on disk, {bytes_of(image.on_wire)} on the wire"
    return (
        f"{moment(build.at)} · {revision(build.origin.revision, build.origin.dirty)}\n{weighed}\n"
        f"{duration(build.seconds)}, {build.cached} of {len(build.steps)} steps cached"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@functools.cache
def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (bytes_of, grown, happened, moment, duration, outlined, printable, typed)
    environment.filters |= {one.__name__: one for one in filters}
    environment.globals |= {"revision": revision}
    return environment.get_template("page.html")
