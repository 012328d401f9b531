"""Fill in the templates of files that `init` writes."""

import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drydock import state

if TYPE_CHECKING:
    import jinja2


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Return a template's text; its name is relative to this package."""
    return _environment(state.cache("templates")).get_template(template).render(values)


@cache
def _environment(folder: Path) -> "jinja2.Environment":
    import jinja2  # here, since most commands render nothing

    compiled: jinja2.BytecodeCache | None = None
    # Compiling takes longer than all the rest; a cache that is not writable only costs this time.
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        compiled = jinja2.FileSystemBytecodeCache(str(folder)) if os.access(folder, os.W_OK) else None
    return jinja2.Environment(
        loader=jinja2.PackageLoader("drydock.recipe", ""),
        autoescape=False,  # noqa: S701 - no HTML
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=compiled,
    )
