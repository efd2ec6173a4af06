"""A browser that goes to an identity provider, and what it takes along for when it comes back."""

from dataclasses import dataclass, field
from typing import Self

from fastapi import Request, Response

from pgward.portal.web import next_page
from pgward.portal.web.browser import FLOW, keep
from pgward.portal.web.frame import Frame

_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Errand:
    """A sealed conversation that goes on with what the browser brings.

    It is a sign-in, after which the browser goes to ``wanted``; or a step-up for ``service``.
    """

    flow: str = field(repr=False)
    wanted: str = ""
    service: str = ""

    @classmethod
    def of(cls, request: Request) -> Self | None:
        """Return the errand on which a browser is; None when it is on none."""
        flow, _, rest = request.cookies.get(FLOW, "").partition("|")
        service, _, wanted = rest.partition("|")
        return cls(flow, wanted, service) if flow else None


def send(frame: Frame, url: str, errand: Errand) -> Response:
    """Send a browser to a provider; it is on one errand at a time."""
    # A redirect would do, if browsers did not hold `form-action` against it.
    response = frame.show("elsewhere.html", url=url)
    response.headers["Refresh"] = f"0; url={url}"
    value = "|".join((errand.flow, errand.service, next_page.checked(errand.wanted)))
    keep(response, FLOW, value, seconds=_SECONDS)
    return response
