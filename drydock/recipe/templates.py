"""Fill in the templates of files that `init` writes."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Return a template's text; its name is relative to this package."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> "jinja2.Environment":
    import jinja2  # here, since most commands render nothing

    return jinja2.Environment(
        loader=jinja2.PackageLoader("drydock.recipe", ""),
        autoescape=False,  # noqa: S701 - no HTML
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
