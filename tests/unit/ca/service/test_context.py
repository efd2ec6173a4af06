import pytest
from starlette.requests import Request

from pgward.ca.service import context
from pgward.core.errors import InvalidInputError
from tests.fixtures.ca_service import SEALER


def _request(host, path=b"/v1/users/a%40b"):
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/users/a@b",
        "raw_path": path,
        "headers": [(b"host", host)],
        "query_string": b"x=1",
    }
    return Request(scope)


@pytest.fixture
def made(sql_authority, store, heads, passwords):
    return context.make(
        sql_authority, store, heads, ["https://10.0.0.1:9000"], passwords, sealer=SEALER
    )


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (b"localhost:8443", "https://localhost:8443"),
        (b"LocalHost:8443", "https://localhost:8443"),
        (b"10.0.0.1:9000", "https://10.0.0.1:9000"),
    ],
)
def test_the_address_is_one_of_ours_with_the_path_as_sent(made, host, origin):
    assert made.url_of(_request(host)) == f"{origin}/v1/users/a%40b"


@pytest.mark.parametrize(
    "host", [b"", b"localhost", b"evil:8443", b"localhost:99999", b"localhost:8443@evil", b"[::1"]
)
def test_other_hosts_are_refused(made, host):
    with pytest.raises(InvalidInputError, match="not served under this name"):
        made.url_of(_request(host))
