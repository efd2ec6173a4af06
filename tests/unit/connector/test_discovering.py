"""What needs no server; tests/integration/access/test_catalog.py has the rest."""

import json
from datetime import UTC, datetime

import psycopg
import pytest

from pgward.connector.discovering import Scope, _decoded, discover
from pgward.core.errors import PgwardError, UnavailableError


class Away:
    """A server that nobody reaches."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def connect(self, _database: str | None = None) -> psycopg.Connection:
        raise self.error


def test_a_scope_is_read_from_what_the_ca_says() -> None:
    scope = Scope.read({"every": 3600, "databases": ["shop*"], "exclude": ["*_test"]})

    assert [scope.covers(name) for name in ("shop", "shop2", "shop_test", "other")] == [
        True,
        True,
        False,
        False,
    ]
    assert Scope.read({}) == Scope()


def test_bytes_that_are_no_utf8_are_shown_by_their_digits() -> None:
    assert json.loads(_decoded(b'{"name": "t\xff\xc3\xa9\\\\n"}')) == {"name": "t\\xffé\\n"}
    assert _decoded('"é"') == '"é"'


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UnavailableError("the server db1 is away"), "the server db1 is away"),
        (psycopg.OperationalError("no\x1b[31m luck"), r"cannot be read: no\\x1b\[31m luck"),
    ],
)
def test_a_server_that_is_away_is_told(error: Exception, told: str) -> None:
    with pytest.raises(PgwardError, match=told):
        discover(Away(error), now=lambda: datetime.now(UTC))
