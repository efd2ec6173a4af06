"""Keys that nothing is certified or opened with: those that were revoked as compromised."""

from pgward.ca.acme.office import Office
from pgward.ca.acme.problems import AcmeError
from pgward.ca.store import compromised
from pgward.pki.errors import CompromisedKeyError


def check(office: Office, key_sha256: str) -> None:
    """Raise AcmeError ``badPublicKey`` for such a key, an account's or a certificate's."""
    try:
        with office.store.read() as connection:
            compromised.check(connection, key_sha256)
    except CompromisedKeyError as error:
        raise AcmeError("badPublicKey", f"{error.message}: {error.hint}") from error
