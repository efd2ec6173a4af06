import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest

from pgward.core.clock import SystemClock
from pgward.core.errors import ConflictError, PgwardError, UnavailableError
from pgward.hba.agent import process
from pgward.hba.agent.duty import Done
from pgward.hba.agent.process import Agent, alone, become, named, wake, without_libpq_variables
from pgward.hba.agent.runner import Runner
from pgward.hba.install.host import Host
from pgward.hba.server.datadir import DataDir
from pgward.system.postgres import Account


class Duty:
    def __init__(self, name, *parts):
        self.name = name
        self.follows = frozenset(parts)
        self.turns = threading.Semaphore(0)
        self.closed = False

    def run(self, _turn):
        self.turns.release()
        return Done(1000)

    def close(self):
        self.closed = True


class News:
    def __init__(self):
        self.did = []

    def start(self):
        self.did.append("start")

    def stop(self):
        self.did.append("stop")

    def poll(self):
        self.did.append("poll")
        raise UnavailableError("away")


class Spool(News):
    def deliver(self):
        self.did.append("deliver")
        raise UnavailableError("away")


@pytest.fixture
def duties():
    return [Duty("material", "crls"), Duty("sessions", "crls", "endings")]


@pytest.fixture
def runners(duties):
    return [Runner(duty, SystemClock()) for duty in duties]


@pytest.fixture
def handlers():
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_it_runs_until_it_is_told_to_stop(duties, runners):
    news, spool = News(), Spool()
    agent = Agent(runners, news, spool, lambda: None)

    def tell():
        for duty in duties:
            assert duty.turns.acquire(timeout=10)
        os.kill(os.getpid(), signal.SIGHUP)
        for duty in duties:
            assert duty.turns.acquire(timeout=10)
        os.kill(os.getpid(), signal.SIGTERM)

    teller = threading.Thread(target=tell)
    agent.run(teller.start)
    teller.join()
    assert all(duty.closed for duty in duties)
    assert (news.did, spool.did) == (["start", "stop"], ["start", "stop"])


@pytest.mark.usefixtures("handlers")
def test_it_ends_in_order_when_it_must_begin_anew(duties, runners, monkeypatch):
    monkeypatch.setattr(process, "STILL_SECONDS", 0.001)

    def still():
        raise PgwardError("another directory stands there")

    agent = Agent(runners, News(), Spool(), lambda: None, still)
    with pytest.raises(PgwardError, match="another directory"):
        agent.run(lambda: None)
    assert all(duty.closed for duty in duties)


def test_once_is_a_turn_for_each_whether_the_ca_is_there_or_not(duties, runners):
    news, spool = News(), Spool()
    agent = Agent(runners, news, spool, lambda: "the report")
    assert agent.once() == "the report"
    assert all(duty.turns.acquire(blocking=False) and duty.closed for duty in duties)
    assert (news.did, spool.did) == (["poll"], ["deliver", "stop"])


def woken(runners):
    return [runner.duty.name for runner in runners if runner._wanted.is_set()]


def test_news_wakes_who_follows_it(runners):
    wake(runners, frozenset({"trust"}))
    assert woken(runners) == []
    wake(runners, frozenset({"endings", "trust"}))
    assert woken(runners) == ["sessions"]


def test_a_duty_is_woken_by_its_name(runners):
    named(runners, "material")()
    named(runners, "nobody")()
    assert woken(runners) == ["material"]


def test_one_agent_a_data_directory(pg_files):
    found = DataDir.open(pg_files.data_dir)
    host = Host(found, found.path / "pgward")
    found.disk.make_dir(host.state_dir)
    with ExitStack() as held:
        alone(host, held)
        with ExitStack() as other, pytest.raises(ConflictError, match="another agent serves"):
            alone(host, other)
    with ExitStack() as held:
        alone(host, held)


def test_root_becomes_the_account_for_good():
    if os.geteuid() != 0:
        pytest.skip("only root can")
    program = (
        "import os; from pgward.hba.agent.process import become\n"
        "from pgward.system.postgres import Account\n"
        "become(Account('x', 4242, 4243))\n"
        "print(os.getresuid(), os.getresgid(), os.getgroups())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "(4242, 4242, 4242) (4243, 4243, 4243) [4243]\n"


def test_whoever_is_no_root_stays(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(process, "_import_late_modules", None)
    become(Account("x", 4242, 4243))


def test_variables_of_libpq_do_not_lead_elsewhere(monkeypatch):
    for name in ("PGHOST", "PGSERVICE", "PGSSLMODE", "PGWARD_HOME"):
        monkeypatch.setenv(name, "x")
    without_libpq_variables()
    assert {name for name in os.environ if name.startswith("PG")} >= {"PGWARD_HOME"}
    assert not {"PGHOST", "PGSERVICE", "PGSSLMODE"} & set(os.environ)


def test_the_watchdog_is_fed_twice_in_its_time(runners, monkeypatch):
    agent = Agent(runners, News(), Spool(), lambda: None)
    assert agent._watchdog() is None
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert agent._watchdog() == 15
