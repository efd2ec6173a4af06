import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from pgward.ca.store import migrate, revisions


def test_they_are_those_that_alembic_finds():
    scripts = ScriptDirectory.from_config(migrate.config())
    assert revisions.known() == {script.revision for script in scripts.walk_revisions()}
    assert revisions.head() == scripts.get_current_head()


def test_a_store_has_the_one_that_alembic_reads(store):
    with store.read() as connection:
        read = MigrationContext.configure(connection).get_current_revision()
        assert revisions.revision(connection) == read == revisions.head()


def test_a_database_without_a_store_has_none(store):
    with store.write() as transaction:
        transaction.execute(sa.text("DELETE FROM alembic_version"))
        assert revisions.revision(transaction.connection) is None
        transaction.execute(sa.text("DROP TABLE alembic_version"))
        assert revisions.revision(transaction.connection) is None
