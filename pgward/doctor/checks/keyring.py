"""The login token: in the keyring or a file, and it comes out."""

from pgward.client import token_store
from pgward.doctor.finding import Finding, of_error, ok
from pgward.doctor.patient import Patient
from pgward.system.os_keyring import KeyringError

CHECK = "keyring"


def look(patient: Patient) -> Finding:
    """Fetch the token and drop it."""
    token_store.choice()
    session = patient.need_session()
    try:
        session.token()
    except KeyringError as error:
        return of_error(
            CHECK, error, "the login token is in it, and nothing can be renewed without"
        )
    patient.home.device_key()
    if session.state.token.in_file:
        return ok(CHECK, "the login token is in a file that only you can read")
    return ok(CHECK, "the login token is in the operating system's keyring")
