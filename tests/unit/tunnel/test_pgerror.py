import struct

import psycopg.pq
import pytest

from pgward.tunnel import pgerror


def fields(message: bytes) -> dict[str, str]:
    """Read an ErrorResponse strictly."""
    kind, length = struct.unpack_from("!cI", message)
    assert (kind, length) == (b"E", len(message) - 1)
    assert message.endswith(b"\0\0")
    parts = message[5:-2].split(b"\0")
    return {part[:1].decode(): part[1:].decode() for part in parts}


def test_a_fatal_error_with_a_hint():
    assert fields(pgerror.fatal("you are blocked", "ask")) == {
        "S": "FATAL",
        "V": "FATAL",
        "C": "28000",
        "M": "pgward: you are blocked",
        "H": "ask",
    }


@pytest.mark.parametrize("hint", [None, ""])
def test_a_fatal_error_without_a_hint(hint):
    assert "H" not in fields(pgerror.fatal("no", hint))


def test_a_nul_cannot_end_a_field():
    made = fields(pgerror.fatal("a\0Mb", "c\0Hd", sqlstate="08006"))
    assert (made["M"], made["H"], made["C"]) == ("pgward: aMb", "cHd", "08006")


def test_other_letters_than_ascii():
    assert fields(pgerror.fatal("José ist gesperrt"))["M"] == "pgward: José ist gesperrt"


def test_letters_of_fields_are_libpqs():
    assert ord("M") == psycopg.pq.DiagnosticField.MESSAGE_PRIMARY
    assert ord("H") == psycopg.pq.DiagnosticField.MESSAGE_HINT


@pytest.mark.parametrize(
    ("first", "cancels"),
    [
        (struct.pack("!IIII", 16, 80877102, 7, 9), True),
        (struct.pack("!III", 44, 80877102, 7) + bytes(32), True),  # the long keys of protocol 3.2
        (struct.pack("!III", 12, 80877102, 7), False),
        (b"GET / HTTP/1.1", False),
        (struct.pack("!IIII", 16, 80877102, 7, 9) + b"Q", False),
        (struct.pack("!II", 8, 80877103), False),
        (b"", False),
    ],
)
def test_a_cancel_request_is_one_and_nothing_more(first, cancels):
    assert pgerror.is_cancel(first) == cancels
