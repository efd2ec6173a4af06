"""Limits of time, on a clock that a test moves; the relay is one that remembers."""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from pgward.audit.tape.frames import CLOSE, NOTE, TapeFullError
from pgward.core.address import Address
from pgward.tunnel.edge.aware.live import GRACE_SECONDS, Live
from pgward.tunnel.edge.aware.recorded import Recorded
from pgward.tunnel.edge.state_postgres import TimeLimits
from pgward.tunnel.edge.upstreams.values import Upstream
from pgward.tunnel.outro import Outro
from pgward.tunnel.preface import EXPLANATIONS, Reason, RefusedError
from tests.fixtures.aware_sessions import Tape, service
from tests.fixtures.session_bench import ORDERS, state

OFF = Recorded("none", None, None)


@dataclass
class Relay:
    idle: bool = True
    in_transaction: bool = False
    last_active: float = 0.0
    answered: int = 0
    ended_by: tuple[str, str] | None = None
    said: list[tuple] = field(default_factory=list)
    hint: str | None = None
    outro: Outro | None = None

    def start(self, *first) -> None:
        self.said.append(("start", *first))

    def stop(self) -> None:
        self.said.append(("stop",))

    def rule(self, ruling) -> None:
        self.said.append(("rule", ruling))

    def record(self, results) -> None:
        self.said.append(("record", results))

    def notice(self, text) -> None:
        self.said.append(("notice", text))

    def slow(self) -> None:
        self.said.append(("slow",))

    def sip(self) -> None:
        self.said.append(("sip",))

    def quicken(self) -> None:
        self.said.append(("quicken",))

    def end(self, sqlstate, text, *, force, hint=None) -> None:
        self.said.append(("end", sqlstate, text, force))
        if force:
            self.ended_by = sqlstate, text
            self.hint = hint


class Bench:
    def __init__(self, **limits) -> None:
        self.relay, self.tape = Relay(), Tape()
        self.closed: list[str] = []
        self.cancelled = self.asked = 0
        connection = SimpleNamespace(close=lambda: self.closed.append("upstream"))
        self.live = Live(
            id="b-1",
            number=3,
            key=(77, b"1234"),
            relay=self.relay,
            upstream=Upstream(connection, Address("db", 5432), {}, (0, b""), 0, "", rest=b"rest"),
            tape=self.tape,
            limits=TimeLimits(**limits),
            began=1000.0,
            cancel=self._cancel,
            on_close=lambda live: self.closed.append(f"session {live.number}"),
            ask=self._ask,
            first=b"first",
        )
        self.relay.last_active = 1000.0

    def _cancel(self) -> None:
        self.cancelled += 1

    def _ask(self, live) -> None:
        assert live is self.live
        self.asked += 1

    def looks(self, *times: float) -> list[tuple]:
        """Return what is said at these seconds from its beginning on."""
        self.relay.said.clear()
        for each in times:
            self.live.look(1000.0 + each)
        return self.relay.said


def test_it_starts_with_what_was_said_behind_both_logins():
    bench = Bench()
    bench.live.start()
    assert bench.relay.said == [("start", b"first", b"rest")]


def test_without_limits_nothing_ends():
    assert Bench().looks(1, 1e6, 1e9) == []


def test_a_person_is_reminded_once_of_an_access_that_ends():
    bench = Bench(warn_before=300)
    for seconds in (301, 300, 299, 60):
        bench.live.remind(seconds, stands=False)
    told = ("notice", "your access ends in 5 minutes")
    assert bench.relay.said == [told]
    bench.live.remind(3600, stands=False)  # it was extended
    bench.live.remind(300, stands=False)
    assert bench.relay.said == [told, told]


@pytest.mark.parametrize("rests", [True, False])
def test_who_may_come_anyhow_is_reminded_where_the_session_landed_by_a_grant(rests):
    bench = Bench(warn_before=300)
    bench.live.remind(60, stands=True)  # how it landed is not known here
    bench.live.standing = SimpleNamespace(
        ready=SimpleNamespace(decided=SimpleNamespace(rests_on_grant=rests))
    )
    bench.live.remind(60, stands=True)
    assert len(bench.relay.said) == rests


def test_a_session_is_warned_and_ends_when_nothing_runs():
    bench = Bench(session=3600, warn_before=300)
    assert bench.looks(3299) == []
    assert bench.looks(3300, 3400) == [("notice", "this session ends in 5 minutes")]
    ended = ("end", "57P01", "the session has reached its limit of 60 minutes", False)
    bench.relay.idle = False
    assert bench.looks(3600, 3601, 5000) == [ended]  # the relay sees to it; nothing is cut


def test_an_idle_transaction_holds_the_end_up_for_a_while_only():
    bench = Bench(session=3600)
    bench.relay.in_transaction = True
    assert [each[-1] for each in bench.looks(3600, 3600 + GRACE_SECONDS)] == [False]
    assert [each[-1] for each in bench.looks(3601 + GRACE_SECONDS)] == [True]


def test_one_statement_after_another_holds_the_end_up_for_a_while_only():
    bench = Bench(session=3600)
    bench.relay.idle = False
    assert [each[-1] for each in bench.looks(3600)] == [False]
    assert bench.looks(9000) == []  # one that has run since before goes on
    bench.relay.answered += 1  # and then another came
    assert [each[-1] for each in bench.looks(9001)] == [True]


def test_a_session_ends_as_the_ca_wants_it_and_is_told_once():
    bench = Bench()
    bench.relay.idle = False
    for force in (False, False, True, True, False):
        bench.live.end_as_asked("maintenance", force=force)
    assert bench.relay.said == [
        ("end", "57P01", "maintenance", False),
        ("end", "57P01", "maintenance", True),
    ]
    assert bench.cancelled == 1


class FakeStanding:
    """Adopts what a test says: whether it is ruled ``then``."""

    def __init__(self, every=False, then=False, recorded=OFF, lacks=False) -> None:
        self.ruler, self.then = SimpleNamespace(every=every), then
        self.recorded, self.becomes = OFF, recorded
        self.lacks = lacks
        self.known: list[str] = []

    def lacks_login(self, _postgres) -> bool:
        return self.lacks

    def know(self, login) -> None:
        self.known.append(login)

    def adopt(self, _state, name, postgres) -> None:
        assert (name, postgres) == ("orders", service().postgres)
        if isinstance(self.then, RefusedError):
            raise self.then
        self.ruler.every, self.recorded = self.then, self.becomes


def test_a_session_that_is_ruled_from_now_on_ends_soon():
    bench = Bench()
    bench.live.standing = FakeStanding(every=False, then=True)
    bench.live.adopt(state(), service())
    assert bench.relay.said == [("rule", bench.live.standing.ruler)]
    ((_, sqlstate, text, force),) = bench.looks(1)
    assert (sqlstate, force) == ("57P01", False)
    assert text == "the service has other rules now: connect again"
    bench.relay.in_transaction = True
    assert bench.looks(GRACE_SECONDS) == []
    assert [each[-1] for each in bench.looks(GRACE_SECONDS + 2)] == [True]


def test_a_session_that_was_ruled_before_goes_on():
    bench = Bench()
    bench.live.standing = FakeStanding(every=True, then=True)
    bench.live.adopt(state(), service())
    assert bench.looks(1, 1000) == []


def test_what_no_longer_may_be_ends():
    bench = Bench()
    bench.live.standing = FakeStanding(then=RefusedError(Reason.DENIED, "no"))
    with pytest.raises(RefusedError, match="no"):
        bench.live.adopt(state(), service())
    with pytest.raises(RefusedError, match="the service has changed"):
        bench.live.adopt(state(), ORDERS)  # in mode tcp now


def test_limits_are_those_of_the_newest_configuration():
    bench = Bench()
    bench.live.standing = FakeStanding()
    bench.live.adopt(state(), service())
    assert bench.live.limits is service().postgres.limits


def test_what_is_recorded_from_now_on_is_on_tape_before_it_begins():
    bench = Bench()
    bench.live.standing = FakeStanding(recorded=Recorded("results", "age1x", 1024))
    bench.live.adopt(state(), service())
    bench.live.adopt(state(), service())
    ((kind, session, said),) = bench.tape.frames
    assert (kind, session) == (NOTE, 3)
    assert json.loads(said) == {
        "reason": "the service has its sessions recorded otherwise now: statements and results",
        "recording": "results",
        "recipient": "age1x",
        "result_limit": 1024,
        "recording_before": "none",
    }
    assert bench.relay.said == [("record", 1024)]


def test_what_cannot_be_on_tape_ends_the_session():
    bench = Bench()
    bench.live.standing = FakeStanding(recorded=Recorded("statements", "age1x", None))
    bench.tape.full = TapeFullError("the tape is full")
    with pytest.raises(RefusedError, match="no room to put sessions on record"):
        bench.live.adopt(state(), service())
    assert bench.relay.said == []


def test_the_ca_is_asked_once_about_a_login_at_which_rules_look_from_now_on():
    bench = Bench()
    standing = bench.live.standing = FakeStanding(then=True, lacks=True)
    for _ in range(2):
        bench.live.adopt(state(), service())
    assert (bench.asked, bench.relay.said) == (1, [])
    bench.live.know("what the CA says")
    assert standing.known == ["what the CA says"]
    assert bench.relay.said == [("rule", standing.ruler)]
    bench.live.know("the same again")
    assert len(bench.relay.said) == 1


def test_who_is_denied_by_what_the_ca_says_is_told_why():
    bench = Bench()
    refusal = RefusedError(Reason.DENIED, "trusted devices only", hint="ask")
    bench.live.standing = FakeStanding(then=refusal, lacks=True)
    bench.relay.idle = False
    bench.live.adopt(state(), service())
    bench.live.know(None)
    assert bench.relay.said == [("end", "57P01", "trusted devices only", True)]
    assert (bench.relay.hint, bench.cancelled) == ("ask", 1)


def test_what_the_ca_says_too_late_changes_nothing():
    bench = Bench()
    standing = bench.live.standing = FakeStanding(then=True, lacks=True)
    bench.live.adopt(state(), service())
    standing.lacks = False
    bench.live.adopt(state(), service())  # a newer one, which wants nothing of the kind
    assert len(bench.relay.said) == 1
    bench.live.know("late")
    assert (standing.known, len(bench.relay.said)) == ([], 1)
    standing.lacks = True
    bench.live.adopt(state(), service())
    bench.live.close()
    bench.live.know("later")
    assert standing.known == []


def test_an_idle_session_ends():
    bench = Bench(idle=600, warn_before=60)
    assert bench.looks(539) == []
    assert bench.looks(540, 541) == [("notice", "this session is idle, and ends in 60 seconds")]
    bench.relay.last_active += 545
    assert bench.looks(600, 1084) == []
    assert [each[0] for each in bench.looks(1085)] == ["notice"]
    assert bench.looks(1145) == [("end", "57P05", "the session was idle for 10 minutes", True)]


def test_an_idle_transaction_ends():
    bench = Bench(idle_in_transaction=30, idle=10)
    bench.relay.in_transaction = True
    assert bench.looks(29) == []
    text = "the session was idle in a transaction for 30 seconds"
    assert bench.looks(30) == [("end", "25P03", text, True)]


def test_what_works_is_not_idle():
    bench = Bench(idle=10, idle_in_transaction=10)
    bench.relay.idle = False
    assert bench.looks(5, 100, 1000) == []


def test_a_statement_that_takes_too_long_is_cancelled():
    bench = Bench(statement=30)
    bench.relay.idle = False
    assert bench.looks(1, 30) == []
    assert bench.looks(31) == [("notice", "the statement has reached its limit of 30 seconds")]
    assert bench.cancelled == 1
    bench.looks(32, 50)
    assert bench.cancelled == 1


def test_what_is_told_is_on_record():
    bench = Bench(statement=30)
    bench.relay.idle = False
    bench.looks(1, 31)
    ((kind, session, data),) = bench.tape.frames
    assert (kind, session) == (NOTE, 3)
    assert json.loads(data) == {"notice": "the statement has reached its limit of 30 seconds"}


def test_a_notice_for_which_there_is_no_room_is_told_all_the_same(caplog):
    bench = Bench(session=3600, warn_before=300)
    bench.tape.full = TapeFullError("the disk is full")
    assert bench.looks(3300) == [("notice", "this session ends in 5 minutes")]
    assert caplog.messages == ["a notice is not on record: the disk is full"]


def test_many_short_statements_are_not_one_long_one():
    bench = Bench(statement=30)
    bench.relay.idle = False
    for second in range(100):
        bench.relay.answered += 1
        bench.looks(second)
    bench.relay.idle = True
    bench.looks(100)
    bench.relay.idle = False
    bench.looks(101, 130)
    assert bench.cancelled == 0


@pytest.mark.parametrize("reason", [Reason.BLOCKED, Reason.STOPPING])
def test_a_cut_says_why(reason):
    bench = Bench()
    bench.live.tell(RefusedError(reason))
    ((_, sqlstate, text, force),) = bench.relay.said
    assert (force, bench.live.is_told) == (True, True)
    assert (text, bench.relay.hint) == EXPLANATIONS[reason]
    bench.live.close()
    ((kind, number, data),) = bench.tape.frames
    assert (kind, number) == (CLOSE, 3)
    assert json.loads(data) == {"reason": text, "sqlstate": sqlstate, "cut": reason.name.lower()}
    assert sqlstate == "57P01"


@pytest.mark.parametrize("idle", [True, False])
def test_a_cut_ends_the_statement_that_runs(idle):
    bench = Bench()
    bench.relay.idle = idle
    bench.live.tell(RefusedError(Reason.REVOKED))
    assert bench.cancelled == (0 if idle else 1)


def test_a_session_is_closed_once():
    bench = Bench()
    bench.live.close()
    bench.live.close()
    assert bench.closed == ["upstream", "session 3"]
    ((_, _, data),) = bench.tape.frames
    assert json.loads(data) == {"reason": "the connection ended", "sqlstate": None}


def test_what_is_left_to_be_said_keeps_postgresqls_end_open():
    bench = Bench()
    bench.relay.outro = Outro(None, None, b"", 10, b"FATAL")
    parting = bench.live.close()
    assert bench.closed == ["session 3"]
    assert parting.play == bench.relay.outro.play
    parting.close()
    assert bench.closed == ["session 3", "upstream"]
    assert bench.live.close() is None


def test_a_full_tape_does_not_keep_a_session_open(caplog):
    bench = Bench()
    bench.tape.full = TapeFullError("the disk is full")
    bench.live.close()
    assert bench.closed == ["upstream", "session 3"]
    assert "the end of a session is not on record: the disk is full" in caplog.text


def test_a_session_that_is_slowed_is_told_so_once_and_it_is_on_record(caplog):
    bench = Bench()
    for _ in range(2):
        bench.live.slow()
        bench.live.sip()
        bench.live.quicken()
    notice = "this session is slowed: it says more than can be put on record so fast"
    rest = [("slow",), ("sip",), ("quicken",)]
    assert bench.relay.said == [("notice", notice), *rest, *rest]
    assert [json.loads(data) for _, _, data in bench.tape.frames] == [{"notice": notice}]
    assert "session b-1 of  is slowed" in caplog.text
    assert (bench.live.person, bench.live.said) == ("", 0)


# --- why it ended, in a word -----------------------------------------------------------


def cut_of(bench: Bench) -> str | None:
    """Return why a session ended, which its record says as well."""
    bench.live.close()
    told = json.loads(bench.tape.frames[-1][2]).get("cut")
    assert told == bench.live.cut
    return told


def test_a_session_that_others_end_is_not_cut():
    bench = Bench(session=3600)
    bench.looks(3600)  # it is asked to end, and its client leaves before
    assert cut_of(bench) is None


@pytest.mark.parametrize(
    ("limits", "in_transaction", "seconds", "word"),
    [
        ({"idle": 60}, False, 60, "idle"),
        ({"idle_in_transaction": 60}, True, 60, "idle_in_transaction"),
        ({"session": 10}, True, 11 + GRACE_SECONDS, "session_timeout"),
    ],
)
def test_limits_of_time_have_their_words(limits, in_transaction, seconds, word):
    bench = Bench(**limits)
    bench.relay.in_transaction = in_transaction
    bench.looks(10, seconds)
    assert cut_of(bench) == word


def test_an_end_by_an_administrator_has_its_word():
    bench = Bench()
    bench.live.end_as_asked("enough", force=True)
    assert cut_of(bench) == "ended"


def test_other_rules_have_their_word():
    bench = Bench()
    bench.live._retired = "connect again"
    bench.relay.in_transaction = True
    bench.looks(0, 1 + GRACE_SECONDS)
    assert cut_of(bench) == "rules"


@pytest.mark.parametrize(
    ("sqlstate", "word"),
    [("53100", "no_room"), ("08P01", "protocol"), ("XX000", "fault"), ("08006", "fault")],
)
def test_what_the_relay_itself_ends_has_a_word(sqlstate, word):
    bench = Bench()
    bench.relay.ended_by = sqlstate, "it cannot go on"
    assert cut_of(bench) == word
