import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pgwire import frontend
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import Framer
from pgward.pgwire.frontend import Bind, Execute, FunctionCall, Named, Parse, SaslInitial
from tests.fixtures.fuzz import fuzz

READERS = [
    frontend.read_bind,
    frontend.read_close,
    frontend.read_copy_fail,
    frontend.read_describe,
    frontend.read_execute,
    frontend.read_function_call,
    frontend.read_parse,
    frontend.read_password,
    frontend.read_query,
    frontend.read_sasl_initial,
]
TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
OIDS = st.integers(0, 0xFFFFFFFF)
FORMATS = st.lists(st.integers(0, 0xFFFF), max_size=5)
VALUES = st.lists(st.none() | st.binary(max_size=20), max_size=10)


def body(made: bytes, kind: bytes) -> bytes:
    """Return the body of a message, which is one of this type and nothing else."""
    framer = Framer()
    framer.feed(made)
    found, data = framer.next()
    assert (found, framer.rest()) == (kind, b"")
    return data


def test_a_query() -> None:
    assert frontend.query("select 1") == b"Q\0\0\0\x0dselect 1\0"
    assert frontend.read_query(b"select '\xfc'\0") == b"select '\xfc'"


@pytest.mark.parametrize("data", [b"", b"select 1", b"select 1\0; drop table t\0"])
def test_a_query_that_would_be_read_otherwise(data) -> None:
    with pytest.raises(WireError):
        frontend.read_query(data)


def test_messages_without_a_body() -> None:
    made = [frontend.sync(), frontend.flush(), frontend.terminate(), frontend.copy_done()]
    assert made == [b"S\0\0\0\4", b"H\0\0\0\4", b"X\0\0\0\4", b"c\0\0\0\4"]


def test_a_statement_of_the_extended_query() -> None:
    made = body(frontend.parse("s", "select $1", [23]), b"P")
    assert made == b"s\0select $1\0\0\1\0\0\0\x17"
    assert frontend.read_parse(made) == Parse("s", b"select $1", (23,))
    given_ = body(frontend.bind("", "s", [b"1", None], formats=[0], result_formats=[1]), b"B")
    assert given_ == b"\0s\0\0\1\0\0\0\2\0\0\0\x011\xff\xff\xff\xff\0\1\0\1"
    assert frontend.read_bind(given_) == Bind("", "s", (0,), (b"1", None), (1,))
    assert frontend.read_execute(body(frontend.execute("p", 9), b"E")) == Execute("p", 9)


def test_what_is_described_and_closed() -> None:
    described = body(frontend.describe(frontend.STATEMENT, "s"), b"D")
    assert frontend.read_describe(described) == Named(b"S", "s")
    closed = body(frontend.close(frontend.PORTAL), b"C")
    assert frontend.read_close(closed) == Named(b"P", "")
    with pytest.raises(WireError, match="neither a statement nor a portal"):
        frontend.read_close(b"Xs\0")


def test_proofs() -> None:
    assert frontend.password("secret") == b"p\0\0\0\x0bsecret\0"
    assert frontend.read_password(b"secret\0") == b"secret"
    assert frontend.sasl_initial("X", b"abc") == b"p\0\0\0\x0dX\0\0\0\0\3abc"
    assert frontend.read_sasl_initial(b"X\0\xff\xff\xff\xff") == SaslInitial("X", None)
    assert frontend.sasl_response("c=") == b"p\0\0\0\6c="


def test_copies() -> None:
    assert frontend.copy_data(b"1\t2\n") == b"d\0\0\0\x081\t2\n"
    assert frontend.read_copy_fail(body(frontend.copy_fail("disk full"), b"f")) == "disk full"


@given(TEXTS, TEXTS, st.lists(OIDS, max_size=10))
def test_statements_come_back(name, text, types) -> None:
    made = body(frontend.parse(name, text, types), b"P")
    assert frontend.read_parse(made) == Parse(name, text.encode(), tuple(types))


@given(TEXTS, TEXTS, FORMATS, VALUES, FORMATS)
def test_parameters_come_back(portal, statement, formats, values, results) -> None:
    made = frontend.bind(portal, statement, values, formats=formats, result_formats=results)
    found = Bind(portal, statement, tuple(formats), tuple(values), tuple(results))
    assert frontend.read_bind(body(made, b"B")) == found


@given(OIDS, FORMATS, VALUES, st.integers(0, 1))
def test_calls_come_back(oid, formats, values, result) -> None:
    made = frontend.function_call(oid, values, formats=formats, result_format=result)
    found = FunctionCall(oid, tuple(formats), tuple(values), result)
    assert frontend.read_function_call(body(made, b"F")) == found


@pytest.mark.parametrize("read", READERS)
@fuzz
@given(data=st.binary(max_size=60))
def test_garbage_is_read_or_refused(read, data) -> None:
    with contextlib.suppress(WireError):
        read(data)
