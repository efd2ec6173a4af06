import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.policy.encodings import to_utf8
from pgward.policy.tree import UnparsedError

SINGLE = ["LATIN1", "latin9", "WIN1252", "KOI8R", "ISO_8859_5", "WIN866"]


@pytest.mark.parametrize("encoding", ["UTF8", "utf-8", "Unicode", "SJIS", "no such"])
def test_ascii_is_the_same_in_all(encoding):
    assert to_utf8(b"SELECT 1", encoding) == b"SELECT 1"


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("é".encode(), "UTF8", "é"),
        ("é".encode(), "utf-8", "é"),
        (b"\xe9", "LATIN1", "é"),
        (b"\xa4", "LATIN9", "€"),
        (b"\x80", "WIN1252", "€"),
        (b"\xc1", "KOI8R", "а"),  # noqa: RUF001 - the Cyrillic letter
        (b"\xe9", "SQL_ASCII", "é"),
    ],
)
def test_letters_of_known_encodings(text, encoding, expected):
    assert to_utf8(text, encoding) == expected.encode()


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        (b"\xe9", "UTF8", "it is not in UTF8"),
        (b"\x81", "WIN1252", "it is not in WIN1252"),
        (b"\x83\x5c", "SJIS", "letters in the encoding 'SJIS' are not known here"),
        (b"\x81\x30\x81\x30", "GB18030", "are not known here"),
        (b"\xa3\x5c", "BIG5", "are not known here"),
    ],
)
def test_what_cannot_be_told_is_refused(text, encoding, said):
    with pytest.raises(UnparsedError, match=said):
        to_utf8(text, encoding)


@given(st.binary(max_size=40), st.sampled_from([*SINGLE, "SQL_ASCII"]))
def test_ascii_letters_stay_where_they_are(text, encoding):
    try:
        found = to_utf8(text, encoding).decode()
    except UnparsedError:
        return
    assert [ord(each) for each in found if each.isascii()] == [each for each in text if each < 128]
