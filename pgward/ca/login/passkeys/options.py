"""What the page asks of the browser (WebAuthn sections 5.4 and 5.5), as JSON.

Values that browsers want as bytes are base64url, which the page's script decodes.
"""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

from pgward.ca.identity.directory import User
from pgward.ca.login.passkeys.credentials import Passkey, handle_of
from pgward.ca.login.passkeys.site import Site
from pgward.ca.login.passkeys.verifying import ALGORITHMS
from pgward.ca.login.passkeys.visits import Visit

_MILLISECONDS = 5 * 60_000  # what accessibility asks for (WebAuthn section 15.1)
_TYPE = "public-key"


def to_get(site: Site, visit: Visit, allowed: Sequence[Passkey] = ()) -> dict[str, Any]:
    """Return what ``navigator.credentials.get`` is asked: any passkey, or one of those."""
    return {
        "challenge": visit.challenge,
        "rpId": site.id,
        "timeout": _MILLISECONDS,
        "userVerification": "required",
        "allowCredentials": [_descriptor(each) for each in allowed],
    }


def to_create(
    site: Site, visit: Visit, user: User, present: Sequence[Passkey] = ()
) -> dict[str, Any]:
    """Return what ``navigator.credentials.create`` is asked: none that is there already."""
    return {
        "challenge": visit.challenge,
        "rp": {"id": site.id, "name": site.name},
        "user": {
            "id": _encoded(handle_of(user)),
            "name": user.name,
            "displayName": user.full_name or user.name,
        },
        "pubKeyCredParams": [{"type": _TYPE, "alg": each} for each in ALGORITHMS],
        "timeout": _MILLISECONDS,
        "attestation": "none",
        "authenticatorSelection": {
            "residentKey": "preferred",
            "requireResidentKey": False,
            "userVerification": "required",
        },
        "excludeCredentials": [_descriptor(each) for each in present],
    }


def _descriptor(passkey: Passkey) -> dict[str, Any]:
    return {
        "type": _TYPE,
        "id": _encoded(passkey.credential_id),
        "transports": list(passkey.transports),
    }


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
