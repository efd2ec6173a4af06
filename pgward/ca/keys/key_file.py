"""Keys in encrypted PKCS#8 files; what is damaged is told from what a passphrase does not open."""

import binascii
import re
from base64 import b64decode
from pathlib import Path

from pgward.core.errors import NotFoundError
from pgward.pki import key_types, pkcs8
from pgward.pki.errors import BadKeyError
from pgward.pki.key_types import SigningKey
from pgward.system import files

_MAX_BYTES = 64 * 1024
_ARMOUR = re.compile(
    rb"\s*-----BEGIN ENCRYPTED PRIVATE KEY-----(?P<body>[A-Za-z0-9+/=\s]+)"
    rb"-----END ENCRYPTED PRIVATE KEY-----\s*"
)
_RESTORE = "restore the file from a backup"
_MISSING = f"{_RESTORE}, or say in [keys] of pgward.toml where the key is"


def load(path: Path, passphrase: bytes) -> SigningKey:
    """Read an encrypted key; raise NotFoundError, BadKeyError."""
    try:
        data = files.read_regular(path, _MAX_BYTES)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no key file {path}", hint=_MISSING) from error
    except OSError as error:
        raise BadKeyError((error.strerror or "unreadable").lower(), where=str(path)) from error
    if not _is_whole(data):
        raise BadKeyError(
            "the key file is damaged: it is not a whole encrypted PKCS#8 key",
            where=str(path),
            hint=_RESTORE,
        )
    try:
        return key_types.from_pem(data, passphrase)
    except BadKeyError as error:
        hint = f"the passphrase may be wrong; if it is right, {_RESTORE}" if error.hint else None
        raise BadKeyError(error.message, where=str(path), hint=hint) from error


def write(path: Path, key: SigningKey, passphrase: bytes, *, rounds: int) -> None:
    """Write an encrypted key, 0600 in a 0700 directory; raise StorageError."""
    files.private_dir(path.parent)
    files.atomic_write(path, pkcs8.to_pem(key, passphrase, rounds=rounds))


def _is_whole(data: bytes) -> bool:
    """Tell whether the armour closes around one DER SEQUENCE of exactly its own length."""
    armour = _ARMOUR.fullmatch(data)
    if armour is None:
        return False
    try:
        der = b64decode(b"".join(armour["body"].split()), validate=True)
    except binascii.Error:
        return False
    return _sequence_length(der) == len(der)


def _sequence_length(der: bytes) -> int:
    """Return the bytes that the outer SEQUENCE takes (X.690 section 8.1.3); 0 when it is none."""
    if len(der) < 2 or der[0] != 0x30:  # noqa: PLR2004 - tag and length; 0x30 is SEQUENCE
        return 0
    if der[1] < 0x80:  # noqa: PLR2004 - the short form
        return 2 + der[1]
    count = der[1] & 0x7F
    return 2 + count + int.from_bytes(der[2 : 2 + count])
