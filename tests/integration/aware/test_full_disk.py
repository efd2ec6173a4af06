"""An edge whose disk is full: nothing passes that cannot be put on record."""

import psycopg
import pytest

from tests.fixtures.disks import fill_disk
from tests.fixtures.waiting import eventually
from tests.fixtures.witness import Marked, Progress
from tests.integration.aware.test_completeness import (
    Done,
    check_records,
    deliver_all,
    straight,
    unique_name,
)

pytestmark = [pytest.mark.integration, pytest.mark.soak]
PADDING = "x" * 30_000  # so that two segments of a tape are full soon
MOST = 4000


@pytest.fixture
def edge(own_stack, small_disk_of):
    """An edge on a disk that has room for little more than two segments of a tape."""
    disk = small_disk_of("56m")
    made = own_stack.new_edge(below=disk)
    yield made
    made.close()


def test_sessions_end_and_begin_when_there_is_no_room_and_room_again(own_stack, edge, tmp_path):
    person = own_stack.person()
    service = own_stack.aware(person, name=unique_name(), edges=(edge,))
    where = straight(person, edge, service.name)
    own_stack.cluster.psql(f"""alter role "{service.role}" set log_statement = 'all'""")
    marked = Marked(service.name.replace("-", "_"))
    progress = Progress(own_stack.cluster.log_path, marked)
    with psycopg.connect(where, autocommit=True) as session:
        fill_disk(edge.directory.parent)
        with pytest.raises(psycopg.OperationalError) as told:
            run(session, marked, 1)
        assert told.value.sqlstate == "53100"
    with pytest.raises(psycopg.OperationalError, match="no room"):
        psycopg.connect(where)
    (edge.directory.parent / "filler").unlink()
    eventually(lambda: lets_in(where), what="nobody is let in though there is room")
    with psycopg.connect(where, autocommit=True) as session:
        run(session, marked, 2, most=10)
    deliver_all(edge)
    done = Done(
        own_stack.site, tmp_path / "export", own_stack.cluster.log_path, marked, progress.start
    )
    check_records(done, least=500, most_in_flight=1)


def run(session: psycopg.Connection, marked: Marked, number: int, most: int = MOST) -> None:
    for each in range(most):
        session.execute(f"SELECT {number} AS {marked.word}, 0, {each}; -- {PADDING}")


def lets_in(where: str) -> bool:
    try:
        psycopg.connect(where).close()
    except psycopg.OperationalError:
        return False
    return True
