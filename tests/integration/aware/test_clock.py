"""An edge whose clock jumps while sessions run: records stay complete, and the chain unbroken."""

from datetime import datetime, timedelta
from itertools import pairwise

import psycopg
import pytest

from tests.fixtures.faketime import Faketime
from tests.fixtures.waiting import eventually
from tests.fixtures.witness import Marked, Progress, records
from tests.integration.aware.test_completeness import (
    Done,
    check_records,
    deliver_all,
    straight,
    unique_name,
)

pytestmark = [pytest.mark.integration, pytest.mark.soak]

# Never behind the real time: certificates would not be valid yet.
JUMPS = ("+1200", "+300", "+1500", "+0", "+60", "+0")


def test_records_are_complete_when_the_clock_jumps(own_stack, tmp_path):
    edge, log = own_stack.edge, own_stack.cluster.log_path
    person = own_stack.person()
    service = own_stack.aware(person, name=unique_name())
    where = straight(person, edge, service.name)
    own_stack.cluster.psql(f"""alter role "{service.role}" set log_statement = 'all'""")
    clock = Faketime(tmp_path)
    edge.stop()
    edge.env = clock.variables()
    edge.restart()
    marked = Marked(service.name.replace("-", "_"))
    progress = Progress(log, marked)
    eventually(lambda: lets_in(where), what="nobody is let in")
    with psycopg.connect(where, autocommit=True) as session:
        for number, (before, after) in enumerate(pairwise(("+0", *JUMPS))):
            for each in range(20):
                session.execute(f"SELECT {2 * number} AS {marked.word}, 0, {each};")
            assert before != after
            clock.move(after)
            for each in range(20):
                session.execute(f"SELECT {2 * number + 1} AS {marked.word}, 0, {each};")
            with psycopg.connect(where) as other:
                other.execute(f"SELECT {2 * number + 1} AS {marked.word}, 1, 0;")
    deliver_all(edge)
    done = Done(own_stack.site, tmp_path / "export", log, marked, progress.start)
    check_records(done, least=len(JUMPS) * 41, most_in_flight=0)
    times = sorted(datetime.fromisoformat(each["time"]) for each in records(done.export))
    assert times[-1] - times[0] > timedelta(seconds=1400)  # it did jump


def lets_in(where: str) -> bool:
    try:
        psycopg.connect(where).close()
    except psycopg.OperationalError:
        return False
    return True
