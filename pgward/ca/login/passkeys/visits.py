"""Visits: a browser's errand at the login page, sealed in the page's address."""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from pgward.ca.keys.sealing import Sealer, SealError
from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import DeniedError

MAX_LENGTH = 8 * 1024
_PURPOSE = "passkey visit"
_CHALLENGE_BYTES = 32
# No vowels, which make words, and nothing that looks like something else.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ2346789"
_HALF = 3


class Errand(StrEnum):
    """What a visit is for."""

    LOGIN = "login"
    CONFIRM = "confirm"  # a second factor, after a password
    REGISTER = "register"


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit; ``id`` is a login attempt's, if there is one, ``thumbprint`` its device's key.

    ``redirect_uri`` is where the browser goes back to; empty when the client says so later.
    ``code`` is short, for people: the terminal shows it, and the page shows it or asks for it.
    ``user`` is whose passkey it must be, None when that is to be found out. ``device`` and
    ``address`` say to people where the errand began. ``name`` is for a new passkey, and
    ``session`` the login session that registers it.
    """

    id: str
    errand: Errand
    expires_at: datetime
    state: str
    challenge: str
    code: str
    thumbprint: str = ""
    redirect_uri: str = ""
    device: str = ""
    address: str | None = None
    user: str | None = None
    name: str = ""
    session: str = ""

    @classmethod
    def new(
        cls,
        errand: Errand,
        *,
        id: str,  # noqa: A002 - the field's name
        expires_at: datetime,
        thumbprint: str = "",
        redirect_uri: str = "",
        device: str = "",
        address: str | None = None,
        user: str | None = None,
        name: str = "",
        session: str = "",
    ) -> Self:
        """Begin one, with a challenge, a state and a code of its own."""
        return cls(
            id=id,
            errand=errand,
            expires_at=expires_at,
            state=secrets.token_urlsafe(24),
            challenge=secrets.token_urlsafe(_CHALLENGE_BYTES),
            code=f"{_letters()}-{_letters()}",
            thumbprint=thumbprint,
            redirect_uri=redirect_uri,
            device=device,
            address=address,
            user=user,
            name=name,
            session=session,
        )

    def challenge_bytes(self) -> bytes:
        """Return the challenge as an authenticator signs it."""
        return urlsafe_b64decode(self.challenge + "=")

    def is_code(self, typed: str) -> bool:
        """Tell whether this is the code, typed in any case, with or without its dash."""
        letters = "".join(each for each in typed.upper() if each.isalnum())
        return secrets.compare_digest(letters.encode(), self.code.replace("-", "").encode())


def seal(sealer: Sealer, visit: Visit) -> str:
    """Return what stands in the page's address."""
    state = asdict(visit) | {"expires_at": rfc3339(visit.expires_at)}
    data = json.dumps(state, separators=(",", ":")).encode()
    return urlsafe_b64encode(sealer.seal(_PURPOSE, data)).rstrip(b"=").decode("ascii")


def unseal(sealer: Sealer, sealed: str, *, now: datetime) -> Visit:
    """Return a visit that has not ended; raise DeniedError."""
    try:
        padded = sealed + "=" * (-len(sealed) % 4)
        state = json.loads(sealer.open(_PURPOSE, urlsafe_b64decode(padded)))
    except (SealError, ValueError):
        raise DeniedError(
            "this link is not one of this authority's, or not all of it",
            hint="begin again in the terminal",
        ) from None
    visit = Visit(
        **state
        | {"errand": Errand(state["errand"]), "expires_at": parse_rfc3339(state["expires_at"])}
    )
    if now >= visit.expires_at:
        raise DeniedError("this link has expired", hint="begin again in the terminal")
    return visit


def _letters() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_HALF))
