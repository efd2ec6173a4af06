import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core.errors import DeniedError, LoginNeededError, PgwardError, UnavailableError
from pgward.tunnel.agent import protocol
from pgward.tunnel.agent.protocol import ProtocolError, decode, encode, failure, result


def test_a_message_is_one_line():
    message = {"op": "psql", "service": "a\nb"}
    assert encode(message) == b'{"op":"psql","service":"a\\nb"}\n'
    assert decode(encode(message)) == message


@given(st.binary())
def test_what_is_no_object_is_one_kind_of_error(line):
    with contextlib.suppress(ProtocolError):  # and nothing else may come
        assert isinstance(decode(line), dict)


def test_lists_in_lists_end_no_process():
    with pytest.raises(ProtocolError):
        decode(b"[" * 100_000)


@pytest.mark.parametrize(
    "error",
    [
        PgwardError("odd"),
        DeniedError("no", hint="ask"),
        LoginNeededError(),
        UnavailableError("away", hint=None),
    ],
)
def test_an_error_arrives_as_what_it_was(error):
    with pytest.raises(type(error)) as caught:
        result(decode(encode(failure(error))))
    told = caught.value
    assert (type(told), told.message, told.hint) == (type(error), error.message, error.hint)


@pytest.mark.parametrize("told", ["no", {}, {"message": 1}, 7])
def test_an_error_that_says_nothing(told):
    with pytest.raises(UnavailableError, match="does not say how"):
        result({"error": told})


def test_an_error_of_a_kind_from_the_future():
    with pytest.raises(PgwardError, match="odd") as caught:
        result({"error": {"code": "new", "message": "odd", "hint": 1}})
    assert (type(caught.value), caught.value.hint) == (PgwardError, None)


def test_fields_of_requests():
    assert protocol.text({"service": "orders"}, "service") == "orders"
    assert [protocol.port(each) for each in ({}, {"port": 0}, {"port": 65535})] == [None, 0, 65535]


@pytest.mark.parametrize("port", [-1, 65536, "1", True, 1.5])
def test_what_is_no_port(port):
    with pytest.raises(ProtocolError):
        protocol.port({"port": port})


def test_what_is_no_text():
    with pytest.raises(ProtocolError, match="the request has no service"):
        protocol.text({"service": 1}, "service")
