"""Links to decide with: sealed, so that nobody makes or reads one, and bound to what was shown.

A link names a request as it was when the message was written, by a digest, and in an e-mail the
person whom it is for. It expires, and works once. It says nothing of who holds it: the page asks.
"""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from pgward.ca.keys.sealing import Sealer, SealError
from pgward.ca.notices.notice import Facts
from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import DeniedError

PATH: Final = "/decide"
MAX_LENGTH: Final = 1024
_PURPOSE: Final = "access request link"


@dataclass(frozen=True, slots=True)
class Link:
    """One delivery's link; ``approver`` is None where many read the message."""

    id: str
    request_id: str
    approver: str | None
    digest: str
    expires_at: datetime


def digest(request_id: str, facts: Facts) -> str:
    """Return what stands for all that a person says yes to."""
    shown = [
        *(request_id, facts.person, facts.service, list(facts.asked_for), facts.seconds),
        *(facts.reason, facts.integration, facts.break_glass, facts.extends),
    ]
    return hashlib.sha256(json.dumps(shown, ensure_ascii=True).encode()).hexdigest()


def seal(sealer: Sealer, link: Link) -> str:
    """Return what stands in the link's address."""
    state = [link.id, link.request_id, link.approver, link.digest, rfc3339(link.expires_at)]
    data = json.dumps(state, separators=(",", ":")).encode()
    return urlsafe_b64encode(sealer.seal(_PURPOSE, data)).rstrip(b"=").decode("ascii")


def unseal(sealer: Sealer, sealed: str, *, now: datetime) -> Link:
    """Return a link that has not expired; raise DeniedError."""
    try:
        padded = sealed + "=" * (-len(sealed) % 4)
        opened = sealer.open(_PURPOSE, urlsafe_b64decode(padded))
    except (SealError, ValueError):
        raise DeniedError(
            "this link is not one of this authority's, or not all of it",
            hint="pgward requests --to-decide lists what waits for you",
        ) from None
    id_, request_id, approver, shown, expires_at = json.loads(opened)
    link = Link(id_, request_id, approver, shown, parse_rfc3339(expires_at))
    if now >= link.expires_at:
        raise DeniedError(
            "this link has expired", hint="pgward requests --to-decide lists what waits for you"
        )
    return link


@dataclass(frozen=True, slots=True)
class Linker:
    """Makes the links of messages; ``origin`` is the page's, ``personal_only`` leaves chats out."""

    sealer: Sealer
    origin: str
    lifetime: timedelta
    personal_only: bool

    def link(
        self, delivery_id: str, request_id: str, approver: str, facts: Facts, now: datetime
    ) -> str | None:
        """Return a link for a delivery, ``approver`` "" where many read it; None without one."""
        if self.personal_only and not approver:
            return None
        end = now + self.lifetime
        if facts.lapses_at is not None:
            end = min(end, facts.lapses_at)
        made = Link(delivery_id, request_id, approver or None, digest(request_id, facts), end)
        return f"{self.origin}{PATH}?link={seal(self.sealer, made)}"

    def review(self, name: str) -> str:
        """Return where a review is, which is no secret: who opens it signs in first."""
        return f"{self.origin}/reviews/{quote(name, safe='')}"
