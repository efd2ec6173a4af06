import subprocess
import sys

from pgward.ca.store import revisions
from tests.fixtures import released


def test_the_migrations_make_the_tables_of_the_schema(store):
    with store.read() as connection:
        assert released.differences(connection) == []
        assert revisions.revision(connection) == revisions.head()


def test_alembic_is_imported_only_to_migrate():
    code = "import sys; import pgward.ca.serve; print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
