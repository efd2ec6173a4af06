import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from pgward.audit.events import AuditEvent
from pgward.tunnel.edge import journal as module
from pgward.tunnel.edge.journal import Journal
from pgward.tunnel.preface import Reason, RefusedError

NOW = datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC)


class Kept:
    def __init__(self):
        self.events = []

    def append(self, event):
        self.events.append(AuditEvent.from_json(event))

    def append_line(self, line):
        self.append(json.loads(line))


def journal():
    kept = Kept()
    return Journal(kept, "e1", SimpleNamespace(now=lambda: NOW)), kept.events


def link(user="alice"):
    peer = SimpleNamespace(user=user, serial=0xABC)
    return SimpleNamespace(
        peer=peer,
        service="orders",
        address="192.0.2.1:5",
        record_tail="",
        record_grants=None,
        grants=None,
    )


def test_a_session_is_a_whole_audit_event():
    book, events = journal()
    book.session("session.open", "ok", link(), None)
    (event,) = events
    assert (event.actor, event.action, event.outcome) == ("alice", "session.open", "ok")
    assert (event.target, event.client, event.reason) == ("orders", "192.0.2.1:5", None)
    assert event.time == NOW
    assert event.details == {"edge": "e1", "serial": "abc"}


def test_it_says_by_which_grants_somebody_came():
    book, events = journal()
    one = link()
    one.grants = ("reading",)
    book.session("session.open", "ok", one, None)
    one.grants = None  # they have just ended
    book.session("session.cut", "ok", one, "access_ended")
    book.session("session.open", "ok", one, None)
    one.grants = ()  # to enter only
    book.session("session.open", "ok", one, None)
    told = [event.details.get("grants") for event in events]
    assert told == [["reading"], ["reading"], None, []]


def test_every_event_has_an_id_of_its_own():
    book, events = journal()
    one = link()
    for action in ("session.open", "session.close", "session.open"):
        book.session(action, "ok", one, None)
    assert len({event.id for event in events}) == 3
    other, more = journal()
    other.session("session.open", "ok", one, None)
    assert more[0].id not in {event.id for event in events}


def test_a_reason_and_a_name_cannot_break_out_of_the_line():
    book, events = journal()
    book.session("session.open", "denied", link('a","outcome":"ok'), 'say "no"\n{}')
    assert events[0].actor == 'a","outcome":"ok'
    assert events[0].reason == 'say "no"\n{}'
    assert events[0].outcome == "denied"


def test_a_refusal_names_the_code_and_who_if_known():
    book, events = journal()
    book.refusal("192.0.2.1:5", None, RefusedError(Reason.REVOKED))
    (event,) = events
    assert (event.actor, event.outcome, event.client) == ("unknown", "denied", "192.0.2.1:5")
    assert event.reason == "your certificate is revoked"
    assert event.details == {"edge": "e1", "code": "revoked"}


def test_a_flood_of_strangers_is_a_number():
    kept, times = Kept(), [NOW]
    book = Journal(kept, "e1", SimpleNamespace(now=lambda: times[-1]))
    refusal = RefusedError(Reason.DENIED)
    for number in range(module.STRANGERS_AT_ONCE + 30):
        book.refusal(f"192.0.2.1:{number}", None, refusal)
    assert len(kept.events) == module.STRANGERS_AT_ONCE
    book.refusal("192.0.2.1:5", "alice", refusal)
    assert kept.events[-1].actor == "alice"
    assert "unrecorded_before" not in kept.events[-1].details
    times.append(NOW - timedelta(hours=1))
    book.refusal("192.0.2.2:1", None, refusal)
    times.append(NOW - timedelta(hours=1) + timedelta(seconds=1))
    for number in range(3):
        book.refusal(f"192.0.2.2:{number}", None, refusal)
    assert len(kept.events) == module.STRANGERS_AT_ONCE + 3
    found = [event.details.get("unrecorded_before") for event in kept.events[-2:]]
    assert found == [31, None]


def test_a_flood_of_one_person_is_a_number_and_hides_nobody_else():
    kept, times = Kept(), [NOW]
    book = Journal(kept, "e1", SimpleNamespace(now=lambda: times[-1]))
    refusal = RefusedError(Reason.LIMIT)
    for number in range(module.PERSON_AT_ONCE + 30):
        book.refusal(f"192.0.2.1:{number}", "alice", refusal)
    assert len(kept.events) == module.PERSON_AT_ONCE
    book.refusal("192.0.2.1:5", "bob", refusal)
    times.append(NOW + timedelta(seconds=2))
    book.refusal("192.0.2.1:6", "alice", refusal)
    found = [(e.actor, e.details.get("unrecorded_before")) for e in kept.events[-2:]]
    assert found == [("bob", None), ("alice", 30)]


def test_of_so_many_people_only_the_last_are_remembered(monkeypatch):
    monkeypatch.setattr(module, "_MOST_PEOPLE", 3)
    book, events = journal()
    for number in range(10):
        book.refusal("192.0.2.1:5", f"person{number}", RefusedError(Reason.LIMIT))
    assert len(events) == 10
    assert list(book._people) == ["person7", "person8", "person9"]
