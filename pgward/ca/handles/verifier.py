"""The verifier of a token's secret: what checks it, and lets nobody in (RFC 5803, RFC 7677). Pure.

The secret is 256 random bits in ASCII, so SASLprep changes nothing of it, and the 4096 rounds that
clients ask for at least (RFC 7677, section 4) are enough.
"""

import hashlib
import hmac
from base64 import b64encode

ITERATIONS = 4096


def make(secret: str, salt: bytes) -> str:
    """Return ``SCRAM-SHA-256$4096:SALT$STORED_KEY:SERVER_KEY``, as PostgreSQL would keep it."""
    salted = hashlib.pbkdf2_hmac("sha256", secret.encode("ascii"), salt, ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${ITERATIONS}:{_b64(salt)}${_b64(stored_key)}:{_b64(server_key)}"


def _b64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
