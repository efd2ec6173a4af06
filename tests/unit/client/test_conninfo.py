from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from pgward.client.conninfo import conninfo, quote, write
from pgward.client.identity import IdentityPaths
from pgward.client.services import ServiceInfo

PATHS = IdentityPaths(Path("/h o/login.crt"), Path("/h o/login.key"), Path("/h o/ca.crt"))
SERVICE = ServiceInfo("orders", "", "tcp", "db1.internal", "orders", "verify-full", ())


def test_through_a_tunnel_the_servers_own_name_is_verified():
    text = conninfo(SERVICE, hostaddr="127.0.0.1", port=6000, user="alice", paths=PATHS)
    assert text == (
        "host=db1.internal hostaddr=127.0.0.1 port=6000 user=alice dbname=orders"
        " sslmode=verify-full sslcert='/h o/login.crt' sslkey='/h o/login.key'"
        " sslrootcert='/h o/ca.crt'"
    )


@pytest.mark.parametrize(
    ("sslmode", "names"),
    [
        ("disable", {"sslmode"}),
        ("prefer", {"sslmode", "sslcert", "sslkey"}),
        ("require", {"sslmode", "sslcert", "sslkey"}),
        ("verify-ca", {"sslmode", "sslcert", "sslkey", "sslrootcert"}),
    ],
)
def test_only_verifying_modes_name_a_root(sslmode, names):
    text = conninfo(SERVICE, port=1, user="a", paths=PATHS, sslmode=sslmode)
    assert {name for name in conninfo_to_dict(text) if name.startswith("ssl")} == names


def test_a_unix_socket_has_no_tls():
    text = conninfo(SERVICE, host="/run/pg ward", port=5432, user="a", paths=PATHS, dbname="x")
    assert text == "host='/run/pg ward' port=5432 user=a dbname=x"


def test_nothing_is_written_for_none():
    assert write({"host": "h", "hostaddr": None, "port": 1}) == "host=h port=1"


def test_nul_is_refused():
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_libpq_reads_what_was_written(value):
    found = conninfo_to_dict(write({"dbname": value, "user": "x"}))
    assert found == {"dbname": value, "user": "x"}


def test_psycopg_judges_by_libpq_itself():
    assert psycopg.pq.__impl__ in ("binary", "c", "python")
