from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import StatementError

from pgward.ca.store.schema import UtcTime

TABLE = sa.Table("t", sa.MetaData(), sa.Column("at", UtcTime))


@pytest.fixture
def connection():
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        TABLE.create(connection)
        yield connection
    engine.dispose()


def test_times_come_back_in_utc(connection):
    moment = datetime(2026, 11, 21, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    connection.execute(sa.insert(TABLE), [{"at": moment}, {"at": None}])
    found = connection.execute(sa.select(TABLE.c.at)).scalars().all()
    assert found == [datetime(2026, 11, 21, 12, 0, tzinfo=UTC), None]


def test_a_time_without_a_zone_is_refused(connection):
    naive = datetime(2026, 11, 21)  # noqa: DTZ001 - the point of the test
    with pytest.raises(StatementError, match="without a zone"):
        connection.execute(sa.insert(TABLE).values(at=naive))
