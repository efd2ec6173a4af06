"""HTML from templates, in which every value is escaped and none may be missing."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgward.portal.web import assets
from pgward.portal.web.filters import FILTERS

if TYPE_CHECKING:
    from jinja2 import Environment

DIRECTORY = Path(__file__).parents[1] / "templates"


def render(template: str, /, **values: Any) -> str:
    """Return the page that a template makes."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> "Environment":
    # Slow, and every start of the CA would wait for it.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    made = Environment(
        loader=FileSystemLoader(DIRECTORY),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = assets.path_of
    made.filters.update(FILTERS)
    return made
