"""A client's text as UTF-8, where it is sure that PostgreSQL reads the same letters.

PostgreSQL's names of encodings: manual, chapter 24.3.
"""

from collections.abc import Mapping

from pgward.policy.tree import UnparsedError

_CODECS: Mapping[str, str] = {
    "LATIN1": "iso8859-1",
    "LATIN2": "iso8859-2",
    "LATIN3": "iso8859-3",
    "LATIN4": "iso8859-4",
    "LATIN5": "iso8859-9",
    "LATIN6": "iso8859-10",
    "LATIN7": "iso8859-13",
    "LATIN8": "iso8859-14",
    "LATIN9": "iso8859-15",
    "LATIN10": "iso8859-16",
    "ISO88595": "iso8859-5",
    "ISO88596": "iso8859-6",
    "ISO88597": "iso8859-7",
    "ISO88598": "iso8859-8",
    "KOI8R": "koi8-r",
    "KOI8U": "koi8-u",
    **{f"WIN{page}": f"cp{page}" for page in (866, 874, *range(1250, 1259))},
}
_UTF8 = frozenset({"UTF8", "UNICODE"})
_BYTES = "SQLASCII"  # no encoding: letters are what the server takes them for


def to_utf8(text: bytes, encoding: str) -> bytes:
    """Return a text in UTF-8; raise UnparsedError for what cannot be told.

    In PostgreSQL's other encodings a letter may have a byte that is an ASCII letter elsewhere.
    """
    if text.isascii():
        return text
    name = "".join(filter(str.isalnum, encoding)).upper()
    try:
        if name in _UTF8:
            text.decode()
            return text
        if name == _BYTES:
            return text.decode("iso8859-1").encode()
        return text.decode(_CODECS[name]).encode()
    except UnicodeDecodeError:
        raise UnparsedError(f"it is not in {encoding}") from None
    except KeyError:
        raise UnparsedError(
            f"letters in the encoding {encoding[:40]!r} are not known here"
        ) from None
