import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from pgward.ca.store import engine
from pgward.ca.store.schema import counters
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


def test_many_rows_are_one_step_on_sqlite(store):
    seen = []
    rows = [{"name": f"n{number}", "value": number} for number in range(50)]
    with store.write() as transaction:
        sa.event.listen(
            transaction.connection,
            "before_cursor_execute",
            lambda *told: seen.append((told[2].split()[0], told[2].count("(?, ?)"))),
        )
        transaction.execute(sa.insert(counters), rows)
        found = transaction.execute(sa.select(sa.func.count()).select_from(counters)).scalar_one()
    assert seen == [("INSERT", 50), ("SELECT", 0)]
    assert found >= len(rows)


def test_one_taken_row_of_many_takes_all_of_them_back(store):
    rows = [{"name": name, "value": 1} for name in ("a", "b", "a")]
    with pytest.raises(IntegrityError), store.write() as transaction:
        transaction.execute(sa.insert(counters), rows)
    with store.read() as connection:
        names = set(connection.execute(sa.select(counters.c.name)).scalars())
    assert not names & {"a", "b"}
