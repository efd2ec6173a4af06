"""What an older store holds of connections is when people last used what they may."""

from datetime import UTC, datetime

import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.store import open_store
from pgward.ca.store.schema_archive import database_sessions
from pgward.ca.store.schema_reviews import last_uses

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_connections_from_before_are_uses(store, tmp_path):
    with store.write() as transaction:
        directory.add(transaction, NewUser("ann"), now=NOW, by="adam")
        for actor, outcome, source in (
            ("ann", "ok", "edge:e1"),
            ("ann", "denied", "edge:e1"),
            ("ann", "ok", "host:db1"),
            ("eve", "ok", "edge:e1"),
        ):
            event = AuditEvent.make(
                time=NOW, actor=actor, action="session.open", outcome=outcome, target="shop"
            )
            transaction.record(event, source=source)
        later = ("access_plans", "access_passwords", "invitations")
        later += ("saved_searches", "archive_checks", "integration_checks", "database_health")
        for table in ("last_uses", "review_items", "reviews", *later):
            transaction.execute(sa.text(f"DROP TABLE {table}"))
        transaction.execute(sa.text("DROP INDEX ix_database_sessions_open"))
        columns = [each.name for each in database_sessions.columns]
        for column in columns[columns.index("byte_count") :]:
            transaction.execute(sa.text(f"ALTER TABLE database_sessions DROP COLUMN {column}"))
        transaction.execute(sa.text("DELETE FROM counters WHERE name = 'grants'"))
        transaction.execute(sa.text("UPDATE alembic_version SET version_num = '0015'"))
    store.close()
    newer = open_store(f"sqlite:///{tmp_path / 'ca.db'}")
    with newer.read() as connection:
        found = connection.execute(sa.select(last_uses)).all()
    newer.close()
    assert [tuple(each) for each in found] == [("service", "shop", "ann", NOW)]
