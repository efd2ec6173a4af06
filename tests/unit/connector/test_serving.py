import json
import os
import signal
import threading
import urllib.request
from contextlib import ExitStack, closing
from datetime import timedelta
from types import SimpleNamespace

import pytest

from pgward.connector import serving as module
from pgward.connector.clock import CaClock
from pgward.connector.keeping import Keeping
from pgward.connector.serving import Connector, Remembering, alone
from pgward.core.address import Address
from pgward.core.errors import ConflictError, UnavailableError
from pgward.system.health_server import HealthServer
from tests.fixtures.connectors import (
    NOW,
    Came,
    FakeTicks,
    answer,
    grant_fields,
    heard_clock,
    integration_fields,
)
from tests.fixtures.waiting import eventually


@pytest.fixture
def pg(database_server):
    """The server that this module's tests share."""
    return database_server


class Ca:
    """Answers what a test says, once; then waits a moment in vain."""

    def __init__(self):
        self.answers, self.reports = [], []
        self.away = False

    def renew_if_due(self):
        return False

    def wanted(self, _after, _tag, _wait):
        if self.away:
            raise UnavailableError("away")
        if self.answers:
            return self.answers.pop(0)
        threading.Event().wait(0.02)
        return {}

    def report(self, report):
        if self.away:
            raise UnavailableError("away")
        self.reports.append(report)

    def states(self):
        return [(each["id"], each["state"]) for one in self.reports for each in one["grants"]]


class World:
    def __init__(self, directory):
        self.directory, self.ca, self.calls = directory, Ca(), []
        self.machine = SimpleNamespace(name="c1", paths=SimpleNamespace(ca=directory / "ca.crt"))

    def reconcile(self, server, integration, wanted, *, give, before):
        names = frozenset(each.id for each in wanted.grants)
        self.calls.append((integration, sorted(names), give, before))
        with closing(server.connect()) as connection:
            connection.execute("select 1")
        return Came(active=names, desired=len(self.calls))

    def connector(self, ticks=None):
        clock = None if ticks is None else CaClock(ticks.ticks())
        return Connector(self.directory, self.machine, self.reconcile, ca=self.ca, clock=clock)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def at(cluster, *grants, **changes):
    place = {"host": str(cluster.socket_dir), "port": cluster.port, "user": "postgres"}
    return integration_fields(*grants, **place | changes)


@pytest.mark.integration
def test_each_integration_is_kept_as_the_authority_says(world, pg):
    ticks = FakeTicks()
    fields = at(pg, grant_fields())
    world.ca.answers = [answer(fields, at(pg, name="other-db"))]
    connector = world.connector(ticks)
    connector.start()
    try:
        eventually(lambda: world.ca.states() == [("g1", "active")])
        eventually(lambda: connector.report().ok)
        facts = connector.report().facts()
        assert [each["integration"] for each in facts["integrations"]] == ["other-db", "shop-db"]
        world.ca.answers = [answer(fields, version=2)]
        eventually(lambda: len(connector.report().integrations) == 1)
        eventually(lambda: Keeping(world.directory).load().integrations == {"shop-db": fields})
    finally:
        connector.close()
    # Who takes a server gives nothing before the CA has spoken since.
    assert ("shop-db", ["g1"], False, None) in world.calls
    assert ("shop-db", ["g1"], True) in [each[:3] for each in world.calls]


@pytest.mark.integration
def test_without_the_authority_it_begins_with_what_was_kept_and_gives_nothing(world, pg):
    ticks = FakeTicks()
    Keeping(world.directory).keep(
        3, heard_clock(ticks).to_json(), {"shop-db": at(pg, grant_fields())}
    )
    world.ca.away = True
    ticks.sleep(7200)
    connector = world.connector(ticks)
    connector.start()
    try:
        eventually(lambda: world.calls)
        assert world.calls[0] == ("shop-db", [], False, None)
        assert not connector.report().ok
        eventually(lambda: connector.report().reports_waiting)
        world.ca.away = False
        world.ca.answers = [answer(version=3, now=NOW + timedelta(hours=2))]
        eventually(lambda: connector.report().connected)
        eventually(lambda: connector.report().reports_waiting == 0)
        assert set(world.ca.states()) == {("g1", "ended")}
    finally:
        connector.close()


def test_an_integration_that_cannot_be_read_is_told_of_and_holds_up_no_other(world, caplog):
    world.ca.answers = [answer(integration_fields(auth={"air": 1}))]
    connector = world.connector(FakeTicks())
    connector.start()
    try:
        eventually(lambda: connector.report().integrations)
        assert not connector.report().ok
    finally:
        connector.close()
    assert "what the CA says about an integration cannot be read" in caplog.text


def test_one_process_serves_a_directory(tmp_path):
    with ExitStack() as held, ExitStack() as others:
        alone(tmp_path, held)
        with pytest.raises(ConflictError, match="a connector serves from"):
            alone(tmp_path, others)


def test_a_turn_knows_what_the_one_before_wanted():
    seen = []

    def reconcile(*_, give, before):
        seen.append((give, before))
        return Came(desired=len(seen))

    remembering = Remembering(reconcile)
    for give in (False, True, True):
        remembering(None, "shop-db", None, give=give)
    assert seen == [(False, None), (True, 1), (True, 2)]


def test_it_serves_until_it_is_told_to_stop(world, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "40000")
    told = []
    monkeypatch.setattr(module.service_manager, "tell", told.append)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    before[signal.SIGHUP] = signal.getsignal(signal.SIGHUP)
    connector = world.connector(FakeTicks())
    health = HealthServer(Address("127.0.0.1", 0), connector.report)

    def ready():
        with urllib.request.urlopen(f"http://{health.address}/metrics", timeout=10) as found:
            assert b"pgward_connector_connected" in found.read()
        os.kill(os.getpid(), signal.SIGHUP)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()

    try:
        connector.run(ready)
    finally:
        health.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (told[0], told[-1]) == ("READY=1", "STOPPING=1")
    assert "WATCHDOG=1" in told
    assert json.dumps(connector.report().facts())
