"""Names of certificates as OpenSSL compares them (``x509_name_canon`` in crypto/x509/x_name.c).

Two names are the same that differ in nothing but the kind of their strings, the case of ASCII
letters, and blanks at the ends or several in a row. Files of a hashed directory are called by it.
"""

import hashlib
import re

from cryptography import x509

from pgward.pki import der

_SET, _UTF8 = 0x31, 0x0C
# ASN1_MASK_CANON: other kinds are compared as they are.
_ENCODINGS = {
    _UTF8: "utf-8",
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # T61String, as OpenSSL takes it
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
_BLANKS = re.compile(r"[ \t\n\v\f\r]+")


def identity(name: x509.Name) -> str:
    """Return 40 hexadecimal digits, the same for names that OpenSSL takes for the same."""
    return hashlib.sha1(canonical(name), usedforsecurity=False).hexdigest()


def canonical(name: x509.Name) -> bytes:
    """Return the encoding that is compared: the SETs, one after the other."""
    names = der.Reader(name.public_bytes()).enter()
    sets = []
    while names.peek() is not None:
        parts, attributes = names.enter(_SET), []
        while parts.peek() is not None:
            attributes.append(_attribute(parts.enter()))
        sets.append(der.value(_SET, *sorted(attributes)))
    return b"".join(sets)


def _attribute(reader: der.Reader) -> bytes:
    kind = der.value(der.OID, reader.oid())
    tag = reader.peek() or 0
    contents = reader.read(tag)
    if tag not in _ENCODINGS:
        return der.sequence(kind, der.value(tag, contents))
    text = _BLANKS.sub(" ", contents.decode(_ENCODINGS[tag], "replace")).strip(" ")
    lowered = "".join(chr(ord(each) + 32) if "A" <= each <= "Z" else each for each in text)
    return der.sequence(kind, der.value(_UTF8, lowered.encode("utf-8", "replace")))
