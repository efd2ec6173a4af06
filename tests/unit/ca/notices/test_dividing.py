from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.notices.dividing import BATCH, KEPT, divide, forget
from pgward.ca.notices.notice import Kind
from pgward.ca.notices.queueing import queue
from pgward.ca.store.schema_access import access_decisions
from pgward.ca.store.schema_notices import notice_deliveries, notices, used_notice_links
from tests.fixtures.notices import NOW, facts

MAIL = SimpleNamespace(name="email", is_personal=True, takes=lambda _: True)
CHAT = SimpleNamespace(name="slack", is_personal=False, takes=lambda kind: kind != Kind.ENDED)
HOUR = timedelta(hours=1)


@pytest.fixture
def people(store):
    with store.write() as transaction:
        for name, email in (("ana", "ana@x.de"), ("bob", "bob@x.de"), ("cem", ""), ("eve", "e@x")):
            new = NewUser(name, email=email, groups=["administrators"] * (name == "ana"))
            directory.add(transaction, new, now=NOW, by="t")
        directory.block(transaction, "eve", "left", now=NOW)
    return store


def tell(store, kind, *recipients, request="r7k2", **changes):
    with store.write() as transaction:
        queue(transaction, kind, request, recipients, facts(**changes), now=NOW)


def deliveries(store):
    table = notice_deliveries.c
    columns = (table.channel, table.recipient, table.state, table.problem)
    with store.read() as connection:
        return [
            tuple(each) for each in connection.execute(sa.select(*columns).order_by(*columns[:2]))
        ]


def test_each_person_and_each_channel_gets_one(people):
    tell(people, Kind.ASKED, "bob", "cem", "eve", "nobody")
    assert divide(people, [MAIL, CHAT], NOW, write=people.write) == 1
    assert deliveries(people) == [
        ("email", "bob", "waiting", None),
        ("email", "cem", "dead", "no e-mail address is known"),
        ("slack", "", "waiting", None),
    ]
    assert divide(people, [MAIL, CHAT], NOW, write=people.write) == 0


def test_a_channel_gets_what_it_takes(people):
    tell(people, Kind.ENDED, "ana")
    divide(people, [MAIL, CHAT], NOW, write=people.write)
    assert [each[0] for each in deliveries(people)] == ["email"]


def test_without_channels_nothing_waits(people):
    tell(people, Kind.DENIED, "bob")
    assert divide(people, [], NOW, write=people.write) == 1
    assert deliveries(people) == []
    assert divide(people, [MAIL], NOW, write=people.write) == 0


def test_reminders_follow_each_other_until_the_request_lapses(people):
    tell(people, Kind.ASKED, "bob", remind_seconds=3600, lapses_at=NOW + 3 * HOUR)
    counts = []
    for quarter in range(16):
        now = NOW + quarter * HOUR / 4
        counts.append(divide(people, [MAIL], now, write=people.write))
    assert counts == [1, 0, 0, 0, 1, 0, 0, 0, 1] + [0] * 7


def test_who_has_said_yes_is_not_reminded(people):
    tell(people, Kind.ASKED, "ana", "bob", remind_seconds=3600)
    divide(people, [], NOW, write=people.write)
    row = {
        "request_id": "r7k2",
        "number": 1,
        "decided_by": "bob",
        "decision": "approve",
        "reason": "",
        "decided_at": NOW,
    }
    with people.write() as transaction:
        transaction.execute(sa.insert(access_decisions), row)
    divide(people, [MAIL], NOW + HOUR, write=people.write)
    assert [each[1] for each in deliveries(people)] == ["ana"]


def test_a_reminder_that_comes_late_is_not_sent(people):
    tell(people, Kind.ASKED, "bob", remind_seconds=3600, lapses_at=NOW + 3 * HOUR)
    tell(people, Kind.APPROVED, "ana", request="r2", until=NOW + HOUR)
    late = NOW + 4 * HOUR
    assert divide(people, [MAIL], late, write=people.write) == 4
    with people.read() as connection:
        kind = sa.select(notices.c.kind).join(notice_deliveries).order_by(notices.c.kind)
        assert connection.execute(kind).scalars().all() == ["approved", "asked"]


def test_what_a_newer_pgward_wrote_holds_up_nothing(people):
    tell(people, Kind.ASKED, "bob")
    tell(people, Kind.DENIED, "bob", request="r2")
    with people.write() as transaction:
        transaction.execute(sa.update(notices).where(notices.c.kind == "asked").values(kind="new"))
    assert divide(people, [MAIL], NOW, write=people.write) == 2
    assert len(deliveries(people)) == 1


def test_many_are_divided_in_steps(people):
    for number in range(BATCH + 1):
        tell(people, Kind.DENIED, "bob", request=f"r{number}")
    assert divide(people, [MAIL], NOW, write=people.write) == BATCH
    assert divide(people, [MAIL], NOW, write=people.write) == 1


def test_old_ones_are_forgotten_and_later_ones_are_not(people):
    tell(people, Kind.BREAK_GLASS, "bob", remind_seconds=90 * 86400)
    divide(people, [MAIL], NOW, write=people.write)
    with people.write() as transaction:
        for name, end in (("a", NOW), ("b", NOW + 10 * KEPT)):
            row = {"id": name, "used_at": NOW, "expires_at": end}
            transaction.execute(sa.insert(used_notice_links), row)
    assert forget(people, NOW, write=people.write) == 0
    assert forget(people, NOW + KEPT + HOUR, write=people.write) == 2
    assert deliveries(people) == []
    with people.read() as connection:
        assert connection.execute(sa.select(notices.c.kind)).scalars().all() == ["unacknowledged"]
    assert forget(people, NOW + KEPT + HOUR, write=people.write) == 0
