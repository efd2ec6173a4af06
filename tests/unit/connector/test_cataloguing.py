import threading
from datetime import UTC, datetime

import pytest

from pgward.access.catalog import Thing, pieces
from pgward.connector import cataloguing
from pgward.connector.cataloguing import FIRST_SECONDS, RETRY_SECONDS, Cataloguer, deliver
from pgward.connector.discovering import Catalog, Part
from pgward.core.errors import PgwardError, UnavailableError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
THINGS = pieces("shop", [Thing("table", "public", f"t{n}").line() for n in range(3)])
CATALOG = Catalog(
    NOW, 0.25, 16, {"": Part(), "shop": Part(tuple(THINGS)), "locked": Part(problem="no right")}
)
HOURLY = {"every": 3600, "databases": ["*"], "exclude": [], "asked": None}


class FakeCa:
    """Keeps pieces, and the newest offer once it has all of those."""

    def __init__(self):
        self.pieces = {}
        self.offers = []
        self.failures = []
        self.forgets = 0
        self.away = None

    def call(self, method, path, fields):
        assert method == "POST"
        if self.away is not None:
            raise self.away
        if path.endswith("-failure"):
            self.failures.append(fields)
            return {"missing": []}
        wanted = {digest for each in fields["databases"].values() for digest in each["pieces"]}
        missing = sorted(wanted - self.pieces.keys())
        if not missing:
            self.offers.append(fields)
        return {"missing": missing}

    def put_content(self, path, content, _headers):
        if self.forgets:
            self.forgets -= 1
        else:
            self.pieces[path.rpartition("/")[2]] = content
        return 200, {"new": True}


class World:
    """A clock, a server that says what it is told to, and the CA."""

    def __init__(self, monkeypatch):
        self.time = 1000.0
        self.ca = FakeCa()
        self.error = None
        self.looks = []
        self.during = None
        monkeypatch.setattr(cataloguing, "discover", self.discover)
        self.catalog = Cataloguer(
            self.ca, now=lambda: NOW, monotonic=lambda: self.time, chance=lambda: 0.5
        )

    def discover(self, server, scope, **_options):
        self.looks.append((self.time, server, scope.databases))
        if self.during is not None:
            self.during()
        if self.error is not None:
            raise self.error
        return CATALOG

    def tell(self, name="shop-db", **settings):
        self.catalog.tell(name, lambda: name, HOURLY | settings)

    def until(self, time):
        """Let time pass, with all that is due."""
        while (wait := self.catalog.turn()) is not None and self.time + wait <= time:
            self.time += wait
        self.time = time

    @property
    def times(self):
        return [time - 1000 for time, *_ in self.looks]


@pytest.fixture
def world(monkeypatch):
    return World(monkeypatch)


def test_a_catalog_is_offered_and_what_is_new_delivered():
    ca = FakeCa()

    assert deliver(ca, "shop-db", CATALOG) == 1
    assert deliver(ca, "shop-db", CATALOG) == 0
    assert ca.offers[0] == {
        "integration": "shop-db",
        "taken_at": "2026-11-22T12:00:00Z",
        "seconds": 0.25,
        "server_version": 16,
        "databases": {
            "": {"pieces": [], "problem": None},
            "shop": {"pieces": [THINGS[0].digest], "problem": None},
            "locked": {"pieces": [], "problem": "no right"},
        },
    }
    assert ca.pieces == {THINGS[0].digest: THINGS[0].packed()}


def test_pieces_that_are_lost_on_the_way_are_delivered_again():
    ca = FakeCa()
    ca.forgets = 1
    assert deliver(ca, "shop-db", CATALOG) == 2
    ca = FakeCa()
    ca.forgets = 100
    with pytest.raises(PgwardError, match="does not keep"):
        deliver(ca, "shop-db", CATALOG)


def test_a_server_is_looked_at_soon_and_then_on_a_schedule(world):
    world.tell()
    world.until(1000 + 2 * 3600)

    assert world.times == [FIRST_SECONDS / 2, FIRST_SECONDS / 2 + 3600]
    assert len(world.ca.offers) == 2


def test_the_same_word_again_changes_nothing(world):
    world.tell()
    world.until(1100)
    for _ in range(3):
        world.tell()
    world.until(1000 + 3600)

    assert world.times == [15]


def test_somebody_asks(world):
    world.tell()
    world.until(1100)
    world.tell(asked="2026-11-22T12:00:00Z")
    world.until(1101)
    world.tell(asked="2026-11-22T12:00:00Z")
    world.until(1200)

    assert world.times == [15, 100]


def test_somebody_asks_while_the_server_is_looked_at(world):
    def asks():
        world.during = None
        world.tell(asked="2026-11-22T12:00:00Z")

    world.during = asks
    world.tell()
    world.until(1100)

    assert world.times == [15, 15]


def test_without_a_schedule_it_is_looked_at_when_somebody_asks(world):
    world.tell(every=None)
    world.until(9000)
    assert world.looks == []
    world.tell(every=None, asked="2026-11-22T12:00:00Z")
    world.until(99_000)
    assert world.times == [8000]


def test_a_schedule_may_begin_and_end(world):
    world.tell(every=None)
    world.until(2000)
    world.tell()
    world.until(2100)
    assert world.times == [1015]
    world.tell(every=None)
    world.until(99_000)
    assert world.times == [1015]


def test_other_databases_are_looked_at_soon(world):
    world.tell()
    world.until(1100)
    world.tell(databases=["shop"])
    world.until(1200)

    assert [scope for _, _, scope in world.looks] == [("*",), ("shop",)]


def test_a_server_that_is_away_is_told_and_tried_again(world, caplog):
    world.error = UnavailableError("the server db1 is away")
    world.tell()
    world.until(1400)
    world.error = None
    world.until(1700)

    assert world.times == [15, 15 + RETRY_SECONDS, 15 + 2 * RETRY_SECONDS]
    assert world.ca.failures == 2 * [
        {"integration": "shop-db", "failure": "the server db1 is away"}
    ]
    assert len(world.ca.offers) == 1
    assert caplog.text.count("db1 is away") == 1


def test_a_ca_that_is_away_is_tried_again(world, caplog):
    world.ca.away = UnavailableError("the CA is away")
    world.tell()
    world.until(1400)
    world.ca.away = None
    world.until(1700)

    assert len(world.looks) == 3
    assert len(world.ca.offers) == 1
    assert caplog.text.count("the CA is away") == 1


def test_integrations_wait_for_each_other_and_one_that_is_gone_is_left(world):
    world.tell("one")
    world.tell("two")
    world.tell("three")
    world.catalog.drop("three")
    world.until(1100)

    assert [server for _, server, _ in world.looks] == ["one", "two"]


def test_it_runs_in_a_thread_until_it_is_stopped(monkeypatch):
    done = threading.Event()
    monkeypatch.setattr(cataloguing, "discover", lambda *_, **__: done.set() or CATALOG)
    catalog = Cataloguer(FakeCa(), now=lambda: NOW, chance=lambda: 0.0)
    catalog.start()
    catalog.tell("other", lambda: "server", HOURLY | {"every": None})
    catalog.tell("shop-db", lambda: "server", HOURLY)

    assert done.wait(10)
    assert catalog.stop(10)


def test_an_error_of_ours_is_tried_again(world):
    world.error = RuntimeError("oops")
    world.tell()
    with pytest.raises(RuntimeError):
        world.until(1100)
    world.error = None
    world.until(1100 + RETRY_SECONDS)
    assert len(world.ca.offers) == 1


def test_a_server_that_hangs_is_hung_up_on(world):
    looked = []

    class Server:
        def look(self):
            looked.append(world.time)

    world.during = world.catalog.look
    world.catalog.tell("shop-db", Server, HOURLY)
    world.catalog.look()
    world.until(1100)
    world.catalog.look()

    assert looked == [1015]
