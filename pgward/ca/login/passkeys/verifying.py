"""Whether an authenticator's answer is the one that a visit asked for (WebAuthn section 7).

What the library checks: type, challenge, origin, the hash of the site's id, presence,
verification of the person, backup flags, signature. What is checked here: that no page frames
ours, whose the passkey is, and the counter; it comes last, for only who has the key moves it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pgward.ca.login.passkeys.credentials import NewPasskey, Passkey
from pgward.ca.login.passkeys.responses import Asserted, Credential, Made
from pgward.ca.login.passkeys.site import Site
from pgward.ca.login.passkeys.visits import Visit
from pgward.core.errors import PgwardError

ALGORITHMS = (-7, -8, -257)
"""ES256, EdDSA and RS256 (IANA's COSE registry), which every authenticator has one of."""
# Browsers leave these when no attestation is asked for; the others would only be more to parse.
_FORMATS = ("none", "packed")
_MAX_PUBLIC_KEY = 1024
_MAX_CREDENTIAL_ID = 1023
_TRANSPORTS = frozenset({"ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"})
_Came = TypeVar("_Came")


class WrongResponseError(PgwardError):
    """An authenticator's answer does not hold; the message is for the audit log."""


@dataclass(frozen=True, slots=True)
class Used:
    """What a use changes at a passkey."""

    sign_count: int
    backed_up: bool


def assertion(site: Site, visit: Visit, given: Asserted, passkey: Passkey, handle: bytes) -> Used:
    """Return how ``passkey`` was used, whose owner has ``handle``; raise WrongResponseError."""
    _check_unframed(given)
    if given.user_handle is None and visit.user is None:
        raise WrongResponseError("the authenticator did not say whose the passkey is")
    if given.user_handle not in (None, handle):
        raise WrongResponseError("the authenticator says that the passkey is somebody else's")
    import webauthn  # noqa: PLC0415 - slow, and every start of the CA would wait for it

    found = _by_library(
        lambda: webauthn.verify_authentication_response(
            credential=given.as_library(),
            expected_challenge=visit.challenge_bytes(),
            expected_rp_id=site.id,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,  # below, when it is known that the key's owner counts
            require_user_verification=True,
        )
    )
    count = found.new_sign_count
    if (count or passkey.sign_count) and count <= passkey.sign_count:
        raise WrongResponseError(
            f"its counter went from {passkey.sign_count} to {count}: the passkey may be a copy"
        )
    return Used(count, found.credential_backed_up)


def registration(site: Site, visit: Visit, given: Made) -> NewPasskey:
    """Return the passkey that was made; raise WrongResponseError."""
    _check_unframed(given)
    return _by_library(lambda: _registered(site, visit, given))


def _registered(site: Site, visit: Visit, given: Made) -> NewPasskey:
    import webauthn  # noqa: PLC0415 - as above
    from webauthn import helpers  # noqa: PLC0415 - as above
    from webauthn.helpers.cose import COSEAlgorithmIdentifier  # noqa: PLC0415 - as above

    raw = webauthn.base64url_to_bytes(given.response.attestationObject)
    if helpers.parse_attestation_object(raw).fmt not in _FORMATS:
        raise WrongResponseError("it is attested in a way that was not asked for")
    found = webauthn.verify_registration_response(
        credential=given.as_library(),
        expected_challenge=visit.challenge_bytes(),
        expected_rp_id=site.id,
        expected_origin=site.origin,
        require_user_verification=True,
        supported_pub_key_algs=[COSEAlgorithmIdentifier(each) for each in ALGORITHMS],
    )
    if found.credential_id != given.credential_id:
        raise WrongResponseError("it has two ids")
    if len(found.credential_id) > _MAX_CREDENTIAL_ID:
        raise WrongResponseError("its id is too long")
    if len(found.credential_public_key) > _MAX_PUBLIC_KEY:
        raise WrongResponseError("its key is too long")
    # A key that no login could use is found out now.
    decoded = helpers.decode_credential_public_key(found.credential_public_key)
    helpers.decoded_public_key_to_cryptography(decoded)
    return NewPasskey(
        credential_id=found.credential_id,
        public_key=found.credential_public_key,
        sign_count=found.sign_count,
        aaguid=found.aaguid,
        transports=tuple(sorted(_TRANSPORTS & set(given.response.transports))),
        backed_up=found.credential_backed_up,
    )


def _check_unframed(given: Credential) -> None:
    """Refuse what another site's page around ours asked for (section 5.8.1)."""
    try:
        data = given.client_data()
    except ValueError:
        raise WrongResponseError("its client data is not JSON") from None
    if data.get("crossOrigin", False) is not False or "topOrigin" in data:
        raise WrongResponseError("it was made in a frame of another site")


def _by_library(verified: Callable[[], _Came]) -> _Came:
    try:
        return verified()
    except WrongResponseError:
        raise
    except Exception as error:  # noqa: BLE001 - hostile bytes make the library raise anything
        raise WrongResponseError(str(error)[:200] or type(error).__name__) from None
