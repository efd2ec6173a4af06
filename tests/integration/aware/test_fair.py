"""One session that says more than can be put on record does not take the room of all others."""

import signal
import threading
import time

import psutil
import psycopg
import pytest

from tests.fixtures.waiting import eventually
from tests.fixtures.witness import records
from tests.integration.aware.test_completeness import (
    deliver_all,
    slowly,
    straight,
    unique_name,
)

pytestmark = [pytest.mark.integration, pytest.mark.soak]

PADDING = "x" * 60_000
DISK = "220m"  # room for a dozen files of a tape
SECONDS = 6.0


@pytest.fixture
def edge(own_stack, small_disk_of):
    made = own_stack.new_edge(below=small_disk_of(DISK))
    yield made
    made.close()


def auditor_of(edge) -> psutil.Process:
    found = [each for each in psutil.Process(edge.process.pid).children() if _is_auditor(each)]
    return found[0]


def _is_auditor(process: psutil.Process) -> bool:
    return any("auditor" in word for word in process.cmdline())


class Heavy(threading.Thread):
    """Says as much as it can, until it is told to stop."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where, self.said, self.error = where, 0, None
        self.notices: list[str] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        try:
            with psycopg.connect(self.where, autocommit=True) as session:
                session.add_notice_handler(lambda told: self.notices.append(told.message_primary))
                while not self.stopping.is_set():
                    session.execute(f"select {self.said} -- {PADDING}")
                    self.said += 1
        except psycopg.Error as error:
            self.error = error


def test_a_heavy_session_is_slowed_while_the_auditor_is_behind(own_stack, edge, tmp_path):
    heavy_one, light_one = own_stack.person(word="mallory"), own_stack.person()
    service = own_stack.aware(heavy_one, light_one, name=unique_name(), edges=(edge,))
    where = straight(light_one, edge, service.name)
    with psycopg.connect(where, autocommit=True, prepare_threshold=None) as light:
        light.execute("select 1")
        eventually(lambda: _runs(edge), what="there is no auditor")
        auditor = auditor_of(edge)
        auditor.send_signal(signal.SIGSTOP)
        heavy = Heavy(straight(heavy_one, edge, service.name))
        heavy.start()
        try:
            eventually(lambda: heavy.notices, what="nobody is slowed", seconds=60)
            said, until, asked = heavy.said, time.monotonic() + SECONDS, 0
            while time.monotonic() < until:
                light.execute("select 'light'")
                asked += 1
            assert heavy.error is None
            assert (heavy.said - said) * len(PADDING) < 32 << 20
            assert asked > 100
        finally:
            auditor.send_signal(signal.SIGCONT)
            heavy.stopping.set()
            heavy.join()
    assert heavy.error is None
    assert heavy.notices == [
        "this session is slowed: it says more than can be put on record so fast"
    ]
    deliver_all(edge)
    slowly(own_stack.site.admin, "audit", "export", tmp_path / "export")
    found = list(records(tmp_path / "export"))
    texts = [each["text"] for each in found if each["type"] == "QUERY"]
    assert sum(text.endswith("x") for text in texts) == heavy.said
    assert texts.count("select 'light'") == asked
    (notice,) = [each for each in found if each["type"] == "NOTICE"]
    assert (notice["user"], notice["details"]["notice"]) == (heavy_one.name, heavy.notices[0])


def _runs(edge) -> bool:
    return any(_is_auditor(each) for each in psutil.Process(edge.process.pid).children())
