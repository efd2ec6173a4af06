import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, ProgrammingError

from pgward.ca.store import engine
from pgward.core.errors import InvalidInputError


class _ServerError(Exception):
    def __init__(self, sqlstate):
        super().__init__("the inside")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("url", "drivername"),
    [
        ("sqlite:////tmp/ca.db", "sqlite"),
        ("postgresql://ca@db/pgward", "postgresql+psycopg"),
        ("postgresql+psycopg://ca@db/pgward", "postgresql+psycopg"),
    ],
)
def test_served_databases(url, drivername):
    assert engine.parse_url(url).drivername == drivername


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://x/y", "sqlite://", "postgresql://host"])
def test_other_databases_are_refused(url):
    with pytest.raises(InvalidInputError, match="database URL"):
        engine.parse_url(url)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("53100", "its disk is full"),
        ("25006", "it is read-only"),
        ("55P03", "it stays locked"),
        ("57P01", "it does not answer"),
        ("08006", "it does not answer"),
        (None, "it does not answer"),
    ],
)
def test_failures_of_a_server_are_explained(state, said):
    error = OperationalError("SELECT secret", None, _ServerError(state))
    found = engine.explain(error)
    assert found is not None
    assert found.message == f"the authority's store is unavailable: {said}"


def test_our_own_mistakes_are_not_explained_away():
    error = ProgrammingError("SELEC", None, _ServerError("42601"))
    assert engine.explain(error) is None
    assert engine.explain(sa.exc.InvalidRequestError("x")) is None


def test_an_exhausted_pool_is_the_store_being_busy():
    found = engine.explain(sa.exc.TimeoutError("QueuePool limit"))
    assert found is not None
    assert found.message == "the authority's store is too busy"
