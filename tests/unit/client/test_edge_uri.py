from pathlib import Path

import pytest
from psycopg import conninfo

from pgward.client import edge_uri
from pgward.client.services import EdgeInfo
from pgward.core.address import Address

ROOT = Path("/home/al ice/.pgward/ca.crt")


def edge(address="edge.test:7432", server_name="edge.test") -> EdgeInfo:
    return EdgeInfo("e1", Address.parse(address), server_name)


def write(*edges, user="otp-a", password=edge_uri.EMPTY, database="app"):
    return edge_uri.write(edges, user=user, password=password, database=database, root_file=ROOT)


def test_the_edges_certificate_is_verified_by_its_name():
    assert write(edge()) == (
        "postgres://otp-a:empty@edge.test:7432/app"
        "?sslmode=verify-full&sslrootcert=/home/al%20ice/.pgward/ca.crt"
    )


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        (
            [edge(), edge("two.test:7433", "two.test")],
            {"host": "edge.test,two.test", "port": "7432,7433", "sslmode": "verify-full"},
        ),
        (
            [edge("192.0.2.1:7432"), edge("[2001:db8::1]:7433", "two.test")],
            {
                "host": "edge.test,two.test",
                "hostaddr": "192.0.2.1,2001:db8::1",
                "port": "7432,7433",
                "sslmode": "verify-full",
            },
        ),
        (
            [edge("192.0.2.1:7432"), edge("two.test:7433", "two.test")],
            {
                "host": "edge.test,two.test",
                "hostaddr": "192.0.2.1,",
                "port": "7432,7433",
                "sslmode": "verify-full",
            },
        ),
        (
            [edge("balancer.test:5432")],
            {"host": "balancer.test", "port": "5432", "sslmode": "verify-ca"},
        ),
        (
            [edge("[2001:db8::1]:7432", "2001:db8::1")],
            {"host": "2001:db8::1", "port": "7432", "sslmode": "verify-full"},
        ),
    ],
)
def test_libpq_reads_what_is_meant(edges, expected):
    common = {"user": "otp-a", "password": "empty", "dbname": "app", "sslrootcert": str(ROOT)}
    assert conninfo.conninfo_to_dict(write(*edges)) == common | expected


@pytest.mark.parametrize("user", ["app~otp-a", "Größe@x:y/z~tk-a", "%41~tk-a"])
def test_any_role_can_be_written(user):
    found = conninfo.conninfo_to_dict(write(edge(), user=user, database="my db/?&"))
    assert (found["user"], found["dbname"]) == (user, "my db/?&")


def test_the_database_is_never_taken_from_the_user_name():
    found = conninfo.conninfo_to_dict(write(edge(), password=None, database=None))
    assert found["dbname"] == "postgres"
    assert "password" not in found
