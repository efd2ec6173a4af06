from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca import observe
from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.keys.sealing import Sealer
from pgward.ca.notices.channel import ChannelError
from pgward.ca.notices.dividing import divide
from pgward.ca.notices.links import Linker
from pgward.ca.notices.notice import Kind
from pgward.ca.notices.queueing import queue
from pgward.ca.notices.sending import BATCH, Sender, wait_after
from pgward.ca.observability.metrics import Metrics
from pgward.ca.store.leadership import NotLeadingError
from pgward.ca.store.schema import audit_events
from pgward.ca.store.schema_notices import notice_deliveries
from tests.fixtures.notices import NOW, facts

HOUR = timedelta(hours=1)


class Clock:
    def __init__(self):
        self.moment = NOW

    def now(self):
        return self.moment


class Recorded:
    """A channel; ``outcomes`` by address are None, an error to yield, or one to raise."""

    name = "email"
    is_personal = True

    def __init__(self):
        self.sent = []
        self.outcomes = {}
        self.away = None
        self.hung_up = 0

    def takes(self, _kind):
        return True

    def send(self, parcels):
        if self.away is not None:
            raise self.away
        for parcel in parcels:
            outcome = self.outcomes.get(parcel.address)
            if isinstance(outcome, Exception) and not isinstance(outcome, ChannelError):
                raise outcome
            if outcome is None:
                self.sent.append(parcel)
            yield outcome
        self.hung_up += 1


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def channel():
    return Recorded()


@pytest.fixture
def sender(store, channel, clock):
    with store.write() as transaction:
        for name in ("amy", "bob", "cem"):
            directory.add(transaction, NewUser(name, email=f"{name}@x"), now=NOW, by="t")
    return Sender(store, channel, clock, store.write)


def tell(sender, *recipients, kind=Kind.ASKED, request="r7k2"):
    with sender.store.write() as transaction:
        queue(transaction, kind, request, recipients, facts(), now=sender.clock.now())
    divide(sender.store, [sender.channel], sender.clock.now(), write=sender.store.write)


def states(sender):
    table = notice_deliveries.c
    columns = sa.select(table.recipient, table.state, table.attempts, table.problem)
    with sender.store.read() as connection:
        return [tuple(each) for each in connection.execute(columns.order_by(table.recipient))]


def test_what_waits_is_sent_once(sender, channel):
    tell(sender, "amy", "bob")
    assert sender.turn() == 2
    assert sender.turn() == 0
    assert sorted(each.address for each in channel.sent) == ["amy@x", "bob@x"]
    assert channel.hung_up == 1
    assert states(sender) == [("amy", "sent", 1, None), ("bob", "sent", 1, None)]


def test_it_goes_where_the_person_reads_mail_now(sender, channel):
    tell(sender, "bob")
    with sender.store.write() as transaction:
        directory.update(transaction, "bob", email="new@x")
    assert sender.turn() == 1
    assert [each.address for each in channel.sent] == ["new@x"]


def test_a_channel_that_is_away_is_asked_ever_less_often_and_then_gets_all(
    sender, channel, clock, caplog
):
    tell(sender, "amy", "bob")
    channel.away = ChannelError("m:25: connection refused")
    assert sender.turn() == 0
    assert states(sender) == [
        ("amy", "waiting", 1, "m:25: connection refused"),
        ("bob", "waiting", 1, "m:25: connection refused"),
    ]
    assert sender.turn() == 0
    clock.moment += timedelta(seconds=wait_after(1))
    assert sender.turn() == 0
    channel.away = None
    assert sender.turn() == 0
    clock.moment += timedelta(seconds=wait_after(2))
    assert sender.turn() == 2
    assert [each.message for each in caplog.records] == [
        "notices wait: email: m:25: connection refused",
        "notices are sent again: email",
    ]


def test_after_a_day_it_is_given_up_and_that_is_put_on_record(sender, channel, clock, caplog):
    tell(sender, "bob")
    channel.away = ChannelError("m:25: connection refused")
    tries = 0
    while states(sender)[0][1] == "waiting":
        tries += 1
        sender.turn()
        clock.moment += timedelta(seconds=wait_after(tries))
    assert NOW + 23 * HOUR < clock.moment <= NOW + 26 * HOUR
    assert states(sender) == [("bob", "dead", tries, "m:25: connection refused")]
    assert "a notice is given up: email to bob: m:25: connection refused" in caplog.messages
    with sender.store.read() as connection:
        (event,) = connection.execute(sa.select(audit_events)).all()
    assert (event.action, event.outcome, event.target) == ("notice.fail", "failed", "r7k2")
    assert event.details == {"kind": "asked", "channel": "email", "recipient": "bob"}


def test_one_that_is_refused_holds_up_nobody(sender, channel, clock):
    tell(sender, "amy", "bob", "cem")
    channel.outcomes = {
        "amy@x": ChannelError("refused: 550 gone", for_good=True),
        "bob@x": ChannelError("refused: 452 full", retry_after=1800.0),
    }
    assert sender.turn() == 1
    assert states(sender) == [
        ("amy", "dead", 1, "refused: 550 gone"),
        ("bob", "waiting", 1, "refused: 452 full"),
        ("cem", "sent", 1, None),
    ]
    channel.outcomes = {}
    clock.moment += timedelta(seconds=1799)
    assert sender.turn() == 0
    clock.moment += timedelta(seconds=1)
    assert sender.turn() == 1


def test_a_message_that_breaks_something_holds_up_nobody(sender, channel):
    tell(sender, "amy", "bob", "cem")
    channel.outcomes = {"bob@x": KeyError("bug")}
    while sender.turn() or [each for each in states(sender) if each[1] == "waiting"]:
        pass
    assert [(each[0], each[1]) for each in states(sender)] == [
        ("amy", "sent"),
        ("bob", "dead"),
        ("cem", "sent"),
    ]


def test_what_was_sent_and_not_noted_is_sent_again_with_the_same_id(sender, channel):
    tell(sender, "bob")

    def write():
        raise NotLeadingError("another replica leads")

    broken = Sender(sender.store, channel, sender.clock, write)
    with pytest.raises(NotLeadingError):
        broken.turn()
    assert sender.turn() == 1
    first, second = channel.sent
    assert first.message.id == second.message.id


def test_what_was_decided_meanwhile_is_not_sent(sender, channel):
    tell(sender, "bob")
    tell(sender, "ana", kind=Kind.DENIED)
    assert sender.turn() == 0
    assert channel.sent == []


def test_only_questions_and_reviews_have_links(sender, channel):
    sender.linker = Linker(Sealer(b"s" * 32), "https://ca", HOUR, personal_only=False)
    tell(sender, "bob")
    tell(sender, "bob", kind=Kind.LAPSED, request="r2")
    tell(sender, "bob", kind=Kind.REVIEW, request="r3")
    sender.turn()
    links = {each.message.kind: each.message.link for each in channel.sent}
    assert links[Kind.REVIEW] == f"https://ca/reviews/{facts().service}"
    assert links[Kind.ASKED].startswith("https://ca/decide?link=")
    assert links[Kind.LAPSED] is None


def test_many_go_in_batches_and_are_counted(sender):
    for number in range(BATCH + 1):
        tell(sender, "bob", kind=Kind.DENIED, request=f"r{number}")
    metrics = Metrics()
    stop = observe.watch(metrics)
    assert sender.turn() == BATCH
    assert sender.turn() == 1
    stop()
    counted = b'pgward_ca_notices_total{channel="email",outcome="sent"} 21.0'
    assert counted in metrics.text()


def test_waits_grow_up_to_an_hour():
    assert [wait_after(each) for each in (1, 2, 3, 9, 100)] == [15, 30, 60, 3600, 3600]


def test_an_invitation_brings_its_link(store):
    channel = Recorded()
    with store.write() as transaction:
        new = NewUser("bob", email="bob@example.com")
        directory.add(transaction, new, now=NOW, by="root")
        until = facts(until=NOW + HOUR)
        queue(transaction, Kind.INVITED, "i1", ["bob"], until, now=NOW)
    divide(store, [channel], NOW, write=store.write)
    link = "https://ca/welcome?invitation={}".format
    Sender(store, channel, Clock(), store.write, None, link).turn()
    assert [each.message.link for each in channel.sent] == ["https://ca/welcome?invitation=i1"]


def test_an_invitation_that_expired_is_not_sent(store):
    channel = Recorded()
    with store.write() as transaction:
        queue(transaction, Kind.INVITED, "i1", ["bob"], facts(until=NOW), now=NOW)
    assert divide(store, [channel], NOW, write=store.write) == 1
    assert Sender(store, channel, Clock(), store.write).turn() == 0
