"""An edge whose clients want more file descriptors than there are."""

import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack

import psutil
import psycopg
import pytest

from tests.fixtures.edge_process import EdgeProcess
from tests.fixtures.waiting import eventually
from tests.integration.aware.test_completeness import straight
from tests.integration.test_tunnel_clients import cancelled

pytestmark = [pytest.mark.integration, pytest.mark.soak]

FEW = 100
LIMITED = f"""
import resource, sys
from pgward.entry import main
resource.setrlimit(resource.RLIMIT_NOFILE, ({FEW}, {FEW}))
main()
"""


def with_few(command, **options):
    """Run a command in which that many files may be open."""
    return subprocess.Popen([sys.executable, "-c", LIMITED, *command], **options)


class Few(EdgeProcess):
    run = staticmethod(with_few)


def test_people_are_refused_before_the_edge_itself_has_none(stack):
    first = stack.new_edge()
    assert first.stop() == 0
    edge = Few(first.directory, first.port)
    person = stack.person()
    service = stack.aware(person, edges=(first,))
    where = straight(person, edge, service.name)
    process = psutil.Process(edge.process.pid)

    def lets_in() -> bool:
        try:
            psycopg.connect(where).close()
        except psycopg.OperationalError as error:
            return "file descriptors" not in str(error)
        return True

    with ExitStack() as opened:
        opened.callback(edge.close)
        sessions = []

        def fill() -> None:
            while len(sessions) < FEW:
                sessions.append(opened.enter_context(psycopg.connect(where, autocommit=True)))

        with pytest.raises(psycopg.OperationalError, match="all its file descriptors in use"):
            fill()
        assert len(sessions) > FEW // 5
        silent = [opened.enter_context(socket.socket()) for _ in range(2 * FEW)]
        for each in silent:
            each.setblocking(False)
            each.connect_ex(edge.address)
        before = sum(process.cpu_times()[:2])
        time.sleep(2)  # a loop that spins is what is looked for
        assert sum(process.cpu_times()[:2]) - before < 1
        assert all(each.execute("select 1").fetchone() for each in sessions)
        for each in (*silent, *sessions[1:]):
            each.close()
        eventually(lets_in, what="nobody is let in any more")
        assert cancelled(sessions[0])
        sessions[0].close()

        def recorded() -> Counter:
            return Counter(
                each["action"]
                for each in stack.audit(actor=person.name, outcome="ok")
                if each["action"] in {"session.open", "session.close"}
            )

        def all_recorded() -> bool:
            found = recorded()
            return found["session.open"] == found["session.close"] > len(sessions)

        eventually(all_recorded, what="not every session has its events")
