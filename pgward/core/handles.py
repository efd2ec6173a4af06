"""Handles: what stands where PostgreSQL's clients say a user name, in the place of one.

``[role~]otp-<26 letters>`` is a one-time password: whoever shows it is let in once. ``[role~]tk-<16
letters>`` names a token, whose secret the client proves to have as its password. The letters are
base32's in lower case (RFC 4648 section 6). Everything else is the plain name of a role.
"""

import re
from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from secrets import token_bytes

_OTP_BYTES = 16  # 128 bits: nobody guesses one in its minutes
_TOKEN_BYTES = 10
_ONE_TIME = r"otp-[a-z2-7]{26}"
_TOKEN = r"tk-[a-z2-7]{16}"  # noqa: S105 - the form of a name
# A role's name may have a tilde itself: the last one counts.
_HANDLE = re.compile(rf"(?:(?P<role>.*)~)?(?P<text>{_ONE_TIME}|{_TOKEN})", re.DOTALL)
# What somebody pasted half of, or with a letter too many, is as secret as the whole.
_LIKE_ONE_TIME = re.compile(r"otp-[A-Za-z0-9]{4,}", re.IGNORECASE)
_HIDDEN = "otp-…"


class HandleKind(StrEnum):
    """What a handle is; also the method of the database session that begins with it."""

    OTP = "otp"
    TOKEN = "token"  # noqa: S105 - the name of a kind


@dataclass(frozen=True, slots=True)
class Handle:
    """A handle and the role that was asked for with it, None for the service's own choice.

    ``text`` begins with ``otp-`` and is a secret, or with ``tk-`` and is none.
    """

    kind: HandleKind
    text: str = field(repr=False)
    role: str | None


def read(user: str) -> Handle | None:
    """Return the handle in a startup packet's user name, or None: it is a plain role's name."""
    match = _HANDLE.fullmatch(user)
    if match is None:
        return None
    text = match["text"]
    kind = HandleKind.OTP if text.startswith("otp-") else HandleKind.TOKEN
    return Handle(kind, text, match["role"] or None)


def shown(user: str) -> str:
    """Return a user name as logs, errors and audit may have it: without a one-time password."""
    return _LIKE_ONE_TIME.sub(_HIDDEN, user)


def new_one_time(random: Callable[[int], bytes] = token_bytes) -> str:
    """Return a new one-time password."""
    return f"otp-{_base32(random(_OTP_BYTES))}"


def new_token_id(random: Callable[[int], bytes] = token_bytes) -> str:
    """Return a new token's name."""
    return f"tk-{_base32(random(_TOKEN_BYTES))}"


def _base32(data: bytes) -> str:
    return b32encode(data).decode("ascii").rstrip("=").lower()
