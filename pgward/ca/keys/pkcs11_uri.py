"""``pkcs11:`` URIs (RFC 7512): which token, and which object in it.

A PIN in a URI would end up in settings, process lists and logs: ``pin-value`` is refused, and so
is ``pin-source``, as pgward has its own sources. Attributes that name no key are refused as well
rather than left unread.
"""

import re
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import quote_from_bytes, unquote_to_bytes

from pgward.core.errors import InvalidInputError

_SCHEME = "pkcs11:"
_PATH = {"token", "serial", "object", "id", "type"}
_QUERY = {"module-path"}
_SECRET = {"pin-value", "pin-source"}
_CHARACTERS = re.compile(r"(?:[A-Za-z0-9._~:\[\]@!$'()*+,=&/-]|%[0-9A-Fa-f]{2})*")
_PLAIN = ":[]@!$'()*+,=&"  # stand for themselves in a path attribute's value (pk11-path-res-avail)


@dataclass(frozen=True, slots=True)
class Pkcs11Uri:
    """A token, by label or serial number, and an object of it, by label or id."""

    token: str = ""
    serial: str = ""
    object: str = ""
    id: bytes = b""
    module: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URI; raise InvalidInputError, which never repeats what may be a PIN."""
        if not text.startswith(_SCHEME):
            raise InvalidInputError("a PKCS#11 URI starts with pkcs11:")
        path, _, query = text.removeprefix(_SCHEME).partition("?")
        values = _attributes(path, ";", _PATH) | _attributes(query, "&", _QUERY)
        if values.pop("type", b"private") != b"private":
            raise InvalidInputError("the URI is not of a private key", hint="type=private")
        return cls(
            token=_text("token", values.get("token", b"")),
            serial=_text("serial", values.get("serial", b"")),
            object=_text("object", values.get("object", b"")),
            id=values.get("id", b""),
            module=_text("module-path", values.get("module-path", b"")),
        )

    def __str__(self) -> str:
        pairs = {
            "token": self.token.encode(),
            "serial": self.serial.encode(),
            "object": self.object.encode(),
            "id": self.id,
        }
        written = [f"{name}={_quote(value, name)}" for name, value in pairs.items() if value]
        query = f"?module-path={_quote(self.module.encode(), 'query')}" if self.module else ""
        return f"{_SCHEME}{';'.join(written)}{query}"

    @property
    def where(self) -> str:
        """Name the token in messages."""
        return self.token or self.serial

    def key(self, name: str) -> "Pkcs11Uri":
        """Return where the key called ``name`` is in this token."""
        return replace(self, object=name)

    def check_place(self) -> None:
        """Raise InvalidInputError unless it names a token and no object."""
        self._check_token()
        if self.object or self.id:
            raise InvalidInputError(f"{self} names one key", hint="leave out object and id")

    def check_key(self) -> None:
        """Raise InvalidInputError unless it names an object of a token."""
        self._check_token()
        if not (self.object or self.id):
            raise InvalidInputError(f"{self} names no key", hint="add ;object=LABEL or ;id=%…")

    def _check_token(self) -> None:
        if not (self.token or self.serial):
            raise InvalidInputError(f"{self} names no token", hint="pkcs11:token=LABEL")


def _attributes(text: str, separator: str, known: set[str]) -> dict[str, bytes]:
    values: dict[str, bytes] = {}
    for pair in filter(None, text.split(separator)):
        name, mark, value = pair.partition("=")
        if name in _SECRET:
            raise InvalidInputError(
                f"a PKCS#11 URI with {name} is not taken: a PIN must not stand there",
                hint="name where the PIN is with --pin-file, or pin_file in [keys]",
            )
        if not mark or name not in known:
            raise InvalidInputError(
                "the PKCS#11 URI has an attribute that is not known here",
                hint=f"known are {', '.join(sorted(_PATH | _QUERY))}",
            )
        if name in values:
            raise InvalidInputError(f"the PKCS#11 URI has {name} twice")
        if not _CHARACTERS.fullmatch(value):
            raise InvalidInputError(f"{name} in the PKCS#11 URI is not percent-encoded")
        values[name] = unquote_to_bytes(value)
    return values


def _text(name: str, value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{name} in the PKCS#11 URI is not UTF-8") from error
    if not text.isprintable():
        raise InvalidInputError(f"{name} in the PKCS#11 URI is not printable")
    return text


def _quote(value: bytes, name: str) -> str:
    if name == "id":  # RFC 7512 section 2.3: encode every byte of it
        return "".join(f"%{byte:02X}" for byte in value)
    return quote_from_bytes(value, safe="/" if name == "query" else _PLAIN)
