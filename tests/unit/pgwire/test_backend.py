import contextlib

import psycopg.pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pgwire import backend
from pgward.pgwire.backend import Column, Copy, Notification
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import Framer
from tests.fixtures.fuzz import fuzz

READERS = [
    backend.read_authentication,
    backend.read_command_complete,
    backend.read_copy_response,
    backend.read_data_row,
    backend.read_fields,
    backend.read_function_result,
    backend.read_key_data,
    backend.read_mechanisms,
    backend.read_negotiation,
    backend.read_notification,
    backend.read_parameter_description,
    backend.read_parameter_status,
    backend.read_ready,
    backend.read_row_description,
]
OIDS = st.integers(0, 0xFFFFFFFF)
SMALL = st.integers(-0x8000, 0x7FFF)
TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
VALUES = st.lists(st.none() | st.binary(max_size=20), max_size=10)


def body(made: bytes, kind: bytes) -> bytes:
    """Return the body of a message, which is one of this type and nothing else."""
    framer = Framer()
    framer.feed(made)
    found, data = framer.next()
    assert (found, framer.rest()) == (kind, b"")
    return data


def test_an_error_with_a_hint() -> None:
    made = backend.error("FATAL", "28000", "you are blocked", hint="ask")
    assert made[5:] == b"SFATAL\0VFATAL\0C28000\0Myou are blocked\0Hask\0\0"
    assert backend.read_fields(body(made, b"E")) == {
        "S": "FATAL",
        "V": "FATAL",
        "C": "28000",
        "M": "you are blocked",
        "H": "ask",
    }


def test_a_notice_with_more_fields() -> None:
    made = backend.notice("WARNING", "01000", "careful", detail=None, position=7, routine="")
    assert body(made, b"N") == b"SWARNING\0VWARNING\0C01000\0Mcareful\0P7\0\0"


def test_a_nul_cannot_end_a_field() -> None:
    found = backend.read_fields(body(backend.error("ERROR", "42501", "a\0Mb"), b"E"))
    assert found["M"] == "aMb"


def test_the_letters_are_libpqs() -> None:
    letters = {field.name: chr(field.value) for field in psycopg.pq.DiagnosticField}
    other = {
        "detail": "MESSAGE_DETAIL",
        "hint": "MESSAGE_HINT",
        "position": "STATEMENT_POSITION",
        "where": "CONTEXT",
        "file": "SOURCE_FILE",
        "line": "SOURCE_LINE",
        "routine": "SOURCE_FUNCTION",
        "data_type": "DATATYPE_NAME",
    }
    for name, letter in backend.FIELDS.items():
        known = [other.get(name, name.upper()), f"{name.upper()}_NAME"]
        assert letter in [letters.get(each) for each in known], name


def test_an_error_in_another_encoding_can_be_read() -> None:
    assert backend.read_fields(b"Mgesperrt f\xfcr\0\0") == {"M": "gesperrt f\ufffdr"}


def test_authentication() -> None:
    assert backend.authentication(backend.AUTH_OK) == b"R\0\0\0\x08\0\0\0\0"
    made = body(backend.authentication_md5(b"salt"), b"R")
    assert backend.read_authentication(made) == (5, b"salt")
    asked = body(backend.authentication_sasl(["SCRAM-SHA-256"]), b"R")
    assert asked == b"\0\0\0\x0aSCRAM-SHA-256\0\0"
    assert backend.read_mechanisms(backend.read_authentication(asked)[1]) == ("SCRAM-SHA-256",)


@pytest.mark.parametrize("asked", [backend.AUTH_OK, backend.AUTH_CLEAR_TEXT, backend.AUTH_GSS])
def test_authentication_with_more_than_belongs_to_it(asked) -> None:
    with pytest.raises(WireError, match="longer"):
        backend.read_authentication(body(backend.authentication(asked, b"x"), b"R"))


def test_whether_it_is_ready() -> None:
    assert backend.ready() == b"Z\0\0\0\5I"
    assert backend.read_ready(b"E") == b"E"
    with pytest.raises(WireError):
        backend.read_ready(b"X")


def test_keys() -> None:
    for key in (b"abcd", bytes(32), bytes(256)):
        assert backend.read_key_data(body(backend.key_data(7, key), b"K")) == (7, key)
    for key in (b"", b"abc", bytes(257)):
        with pytest.raises(WireError, match="cancel key"):
            backend.key_data(7, key)
        with pytest.raises(WireError, match="cancel key"):
            backend.read_key_data(b"\0\0\0\7" + key)


@pytest.mark.parametrize("version", [b"\0\0\0\2", b"\0\3\0\2"])
def test_a_negotiation_with_and_without_the_major_version(version) -> None:
    assert backend.read_negotiation(version + b"\0\0\0\0") == (2, ())


@pytest.mark.parametrize("data", [b"\0\4\0\0\0\0\0\0", b"\0\3\0\0\xff\xff\xff\xffa\0"])
def test_a_negotiation_that_is_none(data) -> None:
    with pytest.raises(WireError):
        backend.read_negotiation(data)


def test_copies() -> None:
    made = backend.copy_response(backend.COPY_IN, 1, [1, 1])
    assert backend.read_copy_response(body(made, b"G")) == Copy(1, (1, 1))


def test_an_error_in_the_way_of_version_two() -> None:
    said = b"Ecould not fork new process for connection\n\0"
    assert backend.crude_error(said) == "could not fork new process for connection"
    for other in (b"", b"E", b"E\n\0", b"Rx\0", said[:-1]):
        assert backend.crude_error(other) is None


@given(st.lists(st.builds(Column, TEXTS, OIDS, SMALL, OIDS, SMALL, SMALL, SMALL), max_size=5))
def test_columns_come_back(columns) -> None:
    made = body(backend.row_description(columns), b"T")
    assert backend.read_row_description(made) == tuple(columns)


@given(VALUES, st.lists(OIDS, max_size=10), TEXTS, TEXTS, OIDS)
def test_answers_come_back(values, types, name, text, pid) -> None:
    row = body(backend.data_row(values), b"D")
    assert backend.read_data_row(row) == tuple(values)
    described = body(backend.parameter_description(types), b"t")
    assert backend.read_parameter_description(described) == tuple(types)
    status = body(backend.parameter_status(name, text), b"S")
    assert backend.read_parameter_status(status) == (name, text)
    assert backend.read_command_complete(body(backend.command_complete(name), b"C")) == name
    said = body(backend.notification(pid, name, text), b"A")
    assert backend.read_notification(said) == Notification(pid, name, text)
    for value in values:
        result = body(backend.function_result(value), b"V")
        assert backend.read_function_result(result) == value


@pytest.mark.parametrize("read", READERS)
@fuzz
@given(data=st.binary(max_size=60))
def test_garbage_is_read_or_refused(read, data) -> None:
    with contextlib.suppress(WireError):
        read(data)
