import socket
import ssl

import pytest

from pgward.core.address import Address
from pgward.core.errors import PgwardError
from pgward.pgwire.errors import LoginFailedError, UnwantedError, WireError
from pgward.tunnel.edge.upstreams.errors import (
    UnsafeError,
    UpstreamError,
    WrongServerError,
    explained,
    none_will_do,
    unreachable,
)
from pgward.tunnel.preface import Reason, RefusedError

DB = Address("db1", 5432)


def said(error) -> str:
    return explained(error, DB, user="app", server_name="db.example.com").message


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            LoginFailedError("no", fields={"C": "28P01"}),
            "the database at db1:5432 does not let the edge in as app: no",
        ),
        (WireError("nonsense"), "the edge cannot reach the database at db1:5432: nonsense"),
        (PgwardError("no PEM"), "the edge cannot reach the database at db1:5432: no PEM"),
        (RefusedError(Reason.UNREACHABLE, "as it is"), "as it is"),
        (ConnectionResetError("gone"), "the edge cannot reach the database at db1:5432: gone"),
        (
            ConnectionRefusedError(111, "Connect call failed ('192.0.2.1', 5432)"),
            "the edge cannot reach the database at db1:5432: Connection refused",
        ),
        (
            socket.gaierror(-2, "Name or service not known"),
            "the edge cannot reach the database at db1:5432: Name or service not known",
        ),
        (ssl.SSLError(1, "x"), "no TLS with the database at db1:5432: x"),
    ],
)
def test_every_failure_is_told_with_the_server(error, message):
    assert said(error) == message


def test_what_the_edge_does_not_give_is_between_it_and_the_server():
    error = explained(UnwantedError("it asks", hint="ask less"), DB, user="app", server_name="x")
    assert isinstance(error, UnsafeError)
    assert (error.message, error.hint, error.sqlstate) == (
        "the edge does not log in to the database at db1:5432 as app: it asks",
        "ask less",
        "08004",
    )
    assert (error.is_about_credentials, error.is_final) == (False, False)


def test_what_the_database_says_is_kept():
    fields = {"C": "28P01", "M": "no"}
    error = explained(LoginFailedError("no", fields=fields), DB, user="app", server_name="x")
    assert (error.sqlstate, error.fields, error.address) == ("28P01", fields, DB)
    assert (error.is_about_credentials, error.is_final, error.reason) == (
        *(True, True),
        Reason.UNREACHABLE,
    )


@pytest.mark.parametrize(
    ("fields", "final"), [({}, False), ({"C": "57P03"}, False), ({"C": "53300"}, True)]
)
def test_another_server_is_asked_unless_one_has_said_no(fields, final):
    assert UpstreamError("x", fields=fields).is_final is final


def test_a_failure_of_the_network_has_a_code_of_its_own():
    assert unreachable(DB, "why").sqlstate == "08001"
    error = unreachable(DB, "why")
    assert explained(error, DB, user="app", server_name="x") is error


def test_all_servers_are_told_of_once():
    wrong = WrongServerError("it is a standby")
    assert none_will_do([wrong, wrong]) is wrong
    both = none_will_do([wrong, unreachable(DB, "why"), wrong])
    assert both.message == (
        "no database server will do: it is a standby;"
        " the edge cannot reach the database at db1:5432: why"
    )
