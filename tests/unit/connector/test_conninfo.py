import pytest

from pgward.connector import conninfo
from pgward.connector.assignment import ServerSettings
from pgward.connector.conninfo import Credentials
from tests.fixtures.connectors import settings_fields

NONE = Credentials()


def made(credentials=NONE, *, libpq=180000, addresses=(), **changes):
    return conninfo.parameters(
        ServerSettings.read(settings_fields(**changes)),
        credentials,
        database="shop",
        connector="c1",
        addresses=addresses,
        libpq=libpq,
    )


def test_nothing_is_left_to_files_of_whoever_runs_it():
    found = made()
    nowhere = {found[name] for name in ("passfile", "sslrootcert", "sslcert", "sslkey")}
    assert nowhere == {"/nonexistent/pgward"}
    assert (found["host"], found["dbname"], found["user"]) == (
        "db1.internal",
        "shop",
        "pgward_connector",
    )
    assert "password" not in found


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require"])
def test_a_server_that_nobody_verified_is_told_no_password_as_it_is(mode):
    assert made(Credentials("x"), ssl_mode=mode)["require_auth"] == "!password"


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_verified_one_may_ask_for_it(mode):
    found = made(Credentials("x", roots="/r.pem"), ssl_mode=mode)
    assert "require_auth" not in found
    assert (found["password"], found["sslrootcert"], found["sslmode"]) == ("x", "/r.pem", mode)


def test_a_certificate_is_shown_where_there_is_one():
    found = made(Credentials(certificate="/c", key="/k"), ssl_mode="require")
    assert (found["sslcert"], found["sslkey"], found["sslcertmode"]) == ("/c", "/k", "allow")
    assert made()["sslcertmode"] == "disable"


def test_an_older_libpq_gets_only_what_it_knows():
    assert made(libpq=150000).keys().isdisjoint({"sslcertmode", "require_auth"})


def test_a_certificate_with_another_name_is_looked_at_by_that_name():
    found = made(server_name="db.example.com", addresses=("10.0.0.1", "::1"))
    assert (found["host"], found["hostaddr"]) == ("db.example.com,db.example.com", "10.0.0.1,::1")


def test_sessions_are_known_by_the_connectors_name():
    assert conninfo.application_name("c1") == "pgward connector c1"
    assert len(conninfo.application_name("c" * 63)) == 63
