"""``/design``: every part that pages are made of, for whoever makes pages."""

from fastapi import Response

from pgward.core.errors import InvalidInputError
from pgward.portal.web import route
from pgward.portal.web.frame import Signed

router = route.router()
# The tokens that colour something, as they stand in the style sheet.
COLOURS = (
    *("ground", "card", "line", "text", "quiet", "accent", "accent-hover", "on-accent"),
    *("field", "field-line", "code", "good", "good-line", "good-text", "warning"),
    *("warning-line", "warning-text", "error", "error-line", "error-text"),
)


@router.get("/design")
def design(frame: Signed) -> Response:
    """Show the parts, in whatever light the reader has."""
    error = InvalidInputError("this is what went wrong", hint="this is what to do about it")
    return frame.show("design.html", colours=COLOURS, error=error, now=frame.context.now())
