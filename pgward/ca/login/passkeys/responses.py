"""What browsers send of an authenticator's answer (WebAuthn sections 5.2 and 5.8), read strictly.

The library that verifies takes it for granted that each value has its right type.
"""

import re
from base64 import urlsafe_b64decode
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from pgward.ca.login.answers import Answer
from pgward.core import strict_json

_MAX_ID = 1366  # 1023 bytes in base64url
_MAX_DATA = 16 * 1024
_LETTERS = re.compile(r"[A-Za-z0-9_-]*")


def _base64url(value: str) -> str:
    _decoded(value)
    return value


def _decoded(value: str) -> bytes:
    padding = "=" * (-len(value) % 4)
    if not _LETTERS.fullmatch(value) or len(padding) > 2:  # noqa: PLR2004 - RFC 4648 section 4
        raise ValueError("is not base64url")
    return urlsafe_b64decode(value + padding)


_Id = Annotated[str, Field(min_length=1, max_length=_MAX_ID), AfterValidator(_base64url)]
_Word = Annotated[str, Field(max_length=32)]
_Data = Annotated[str, Field(max_length=_MAX_DATA), AfterValidator(_base64url)]


class Assertion(Answer):
    """The response of ``navigator.credentials.get``."""

    clientDataJSON: _Data  # noqa: N815 - WebAuthn's name
    authenticatorData: _Data  # noqa: N815 - as above
    signature: _Data
    userHandle: _Data | None = None  # noqa: N815 - as above


class Attestation(Answer):
    """The response of ``navigator.credentials.create``."""

    clientDataJSON: _Data  # noqa: N815 - WebAuthn's name
    attestationObject: _Data  # noqa: N815 - as above
    transports: list[_Word] = Field(default_factory=list, max_length=16)


class Credential(Answer):
    """What both have in common."""

    id: _Id
    type: Literal["public-key"]
    response: Assertion | Attestation

    @property
    def credential_id(self) -> bytes:
        """Return the credential's id, by which its owner is found."""
        return _decoded(self.id)

    def as_library(self) -> dict[str, Any]:
        """Return it as the library reads it."""
        return self.model_dump() | {"rawId": self.id}

    def client_data(self) -> dict[str, Any]:
        """Return what the browser vouches for; raise ValueError."""
        found = strict_json.loads(_decoded(self.response.clientDataJSON))
        if not isinstance(found, dict):
            raise ValueError("the client data is no object")  # noqa: TRY004 - one kind of error
        return found


class Asserted(Credential):
    """A passkey that was used."""

    response: Assertion

    @property
    def user_handle(self) -> bytes | None:
        """Return whose the authenticator says the passkey is."""
        handle = self.response.userHandle
        return _decoded(handle) if handle else None


class Made(Credential):
    """A passkey that was made."""

    response: Attestation
