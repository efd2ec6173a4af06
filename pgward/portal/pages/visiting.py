"""What a browser is asked for a passkey, on the portal's own pages."""

import json

from pgward.ca.login.passkeys.visiting import Visits
from pgward.portal.web.frame import Frame


def to_use(frame: Frame, sealed: str) -> str:
    """Return what the browser is asked so that a passkey is used, as JSON; blocks."""
    return json.dumps(_visits(frame).show(sealed).options)


def to_make(frame: Frame, sealed: str, code: str) -> str:
    """Return what the browser is asked so that it makes a passkey, as JSON; blocks.

    The code is for terminals, to know that who has the address has them; here they are one.
    """
    return json.dumps(_visits(frame).creation(sealed, code))


def _visits(frame: Frame) -> Visits:
    found = frame.request.app.state.visits
    if not isinstance(found, Visits):
        raise TypeError("the application has no visits")
    return found
