"""Who runs a ceremony, where, and with what: facts for its transcript."""

import getpass
import os
import platform
import socket

import cryptography
from cryptography.hazmat.backends.openssl import backend

from pgward import __version__


def of_this_process(witnesses: tuple[str, ...] = ()) -> tuple[tuple[str, str], ...]:
    """Return label and value of each."""
    versions = f"Python {platform.python_version()}, cryptography {cryptography.__version__}"
    return (
        ("who", f"{_account()} (uid {os.geteuid()})"),
        *(("witness", each) for each in witnesses),
        ("where", socket.gethostname()),
        ("system", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("tool", f"pgward {__version__}, {versions} with {backend.openssl_version_text()}"),
    )


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in containers
        return "nobody known"
