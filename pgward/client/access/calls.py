"""What the CA is asked about requests and grants."""

import re
from typing import Any

from pgward.client import options
from pgward.client.access import recent
from pgward.client.access.offers import Offer, Wish
from pgward.client.api import ApiClient
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError

Request = dict[str, Any]
Grant = dict[str, Any]
PAGE = 500
_MOST_ALIKE = 20
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REQUESTS = options.path("access", "requests")


def offers(api: ApiClient, service: str | None = None) -> list[Offer]:
    """Return what the person may ask for, at one service or at all."""
    found: list[Offer] = api.get(options.path("access", "offers"), service=service)["offers"]
    recent.remember(offers=found)
    return found


def ask(api: ApiClient, wish: Wish) -> Request:
    """Ask for access; return the request, which an automatic rule may have approved already."""
    return _noted(api.post(_REQUESTS, wish.to_json())["request"])


def get(api: ApiClient, request_id: str) -> Request:
    """Return the request of a whole id."""
    found: Request = api.get(f"{_REQUESTS}/{request_id}")["request"]
    return found


def find(api: ApiClient, text: str) -> Request:
    """Return the request whose id is, or begins with, ``text``.

    Raises InvalidInputError for what is no id, NotFoundError, and ConflictError when several
    requests begin so.
    """
    if not _ID.fullmatch(text):
        raise InvalidInputError(f"{text!r} is no request's id", hint="pgward requests")
    listed = api.get(_REQUESTS, id_prefix=text, limit=_MOST_ALIKE)["requests"]
    ids = sorted({each["id"] for each in listed if each["id"].startswith(text)})
    if text in ids:
        ids = [text]
    if not ids:
        raise NotFoundError(f"there is no request {text!r} for you", hint="pgward requests")
    if len(ids) > 1:
        shown = ", ".join(ids[:5])
        raise ConflictError(f"several requests begin with {text!r}: {shown}", hint="write more")
    return get(api, ids[0])


def act(api: ApiClient, request: Request, verb: str, **fields: Any) -> Request:
    """Decide about a request, or end it; return the request as it is then."""
    reply = api.post(f"{_REQUESTS}/{request['id']}/{verb}", fields)
    return _noted(reply["request"])


def requests(api: ApiClient, limit: int, **wanted: str | None) -> tuple[list[Request], bool]:
    """Return the newest requests, and whether there are more."""
    found, more = _paged(api, _REQUESTS, "requests", limit, wanted)
    recent.remember(found)
    return found, more


def grants(api: ApiClient, limit: int, **wanted: str | None) -> tuple[list[Grant], bool]:
    """Return grants, and whether there are more."""
    return _paged(api, options.path("access", "grants"), "grants", limit, wanted)


def _paged(
    api: ApiClient, path: str, key: str, limit: int, wanted: dict[str, str | None]
) -> tuple[list[dict[str, Any]], bool]:
    rows: list[dict[str, Any]] = []
    after: str | None = None
    while len(rows) < limit:
        most = min(PAGE, limit - len(rows))
        found = api.get(path, **wanted, limit=most, after=after)
        rows += found[key]
        after = found["after"]
        if after is None:
            break
    return rows, after is not None


def _noted(request: Request) -> Request:
    recent.remember([request])
    return request
