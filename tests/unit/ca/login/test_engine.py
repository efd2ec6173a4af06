import threading
from base64 import urlsafe_b64decode
from functools import partial

import anyio
import pytest

from pgward.ca.identity import devices, directory, sessions
from pgward.ca.limiting.throttle import TooSoonError
from pgward.ca.login import flows
from pgward.ca.login.attempt import Ask, NeverAsks, RefusedLoginError
from pgward.ca.login.engine import Asked, Engine, Started
from pgward.ca.login.gates.reason import Reason
from pgward.ca.login.gates.standing import Standing
from pgward.ca.login.method import Methods
from pgward.core.errors import DeniedError, NotFoundError, TooManyRequestsError


class Wants:
    """A gate that asks for a word."""

    kind = "wants"

    def check(self, attempt, _view):
        return None if attempt.reason == "please" else Ask(self.kind, {}, {"word": "please"})

    async def answer(self, attempt, answer):
        if answer["word"] != attempt.memory["word"]:
            raise DeniedError("not the word")
        attempt.reason = answer["word"]


def begun(logins, **changed):
    asked = logins.begin(logins.attempt(**changed))
    assert isinstance(asked, Asked)
    return asked


def test_a_method_may_ask_and_its_answer_starts_a_session(logins):
    asked = begun(logins)
    assert (asked.ask.kind, asked.ask.facts) == ("riddle", {"text": "6 x 7"})
    started = logins.answer(asked.flow, text="42")
    assert isinstance(started, Started)
    with logins.desk.store.read() as connection:
        found = sessions.find(connection, started.token, logins.desk.now())
        (device,) = devices.of(connection, "alice")
    assert found == started.session
    assert (found.user.name, found.factors, found.device_id) == ("alice", ("riddle",), device.id)
    assert logins.events() == [("alice", "ok", None)]


def test_what_the_method_remembers_is_not_to_be_read(logins):
    asked = begun(logins)
    carried = urlsafe_b64decode(asked.flow + "=" * (-len(asked.flow) % 4))
    assert b"right" not in carried
    assert b"alice" not in carried


def test_gates_ask_one_after_the_other(logins):
    logins.gates = [Standing(), Wants()]
    asked = logins.answer(begun(logins).flow, text="42")
    assert (asked.ask.kind, asked.ask.facts) == ("wants", {})
    assert isinstance(logins.answer(asked.flow, word="please"), Started)


def test_a_wrong_answer_may_be_mended_with_the_same_flow(logins):
    logins.gates = [Wants()]
    asked = begun(logins)
    with pytest.raises(RefusedLoginError, match="wrong user name or password"):
        logins.answer(asked.flow, text="41")
    asked = logins.answer(asked.flow, text="42")
    with pytest.raises(DeniedError, match="not the word"):
        logins.answer(asked.flow, word="now")
    assert isinstance(logins.answer(asked.flow, word="please"), Started)
    assert logins.events() == [
        ("alice", "denied", "wrong riddle"),
        ("alice", "denied", "not the word"),
        ("alice", "ok", None),
    ]


def test_a_flow_leads_to_one_session(logins):
    asked = begun(logins)
    assert isinstance(logins.answer(asked.flow, text="42"), Started)
    with pytest.raises(DeniedError, match="completed already"):
        logins.answer(asked.flow, text="42")
    assert [outcome for _, outcome, _ in logins.events()] == ["ok", "denied"]


def test_a_flow_is_of_no_use_to_another_device(logins):
    with pytest.raises(DeniedError, match="another device"):
        logins.answer(begun(logins).flow, thumbprint="other", text="42")


def test_a_flow_ends(logins):
    asked = begun(logins)
    logins.desk.clock.move(seconds=flows.LIFETIME.total_seconds())
    with pytest.raises(DeniedError, match="took too long"):
        logins.answer(asked.flow, text="42")


def test_who_is_blocked_between_the_steps_gets_nothing(logins, change):
    logins.gates = [Standing(), Wants()]
    asked = logins.answer(begun(logins).flow, text="42")
    change(directory.block, "alice", "left", now=logins.desk.now())
    with pytest.raises(DeniedError, match="wrong user name or password"):
        logins.answer(asked.flow, word="please")
    assert logins.events()[-1] == ("alice", "denied", "the user is blocked")


def test_who_is_removed_between_the_steps_gets_nothing(logins, change):
    logins.gates = [Wants()]
    asked = logins.answer(begun(logins).flow, text="42")
    change(directory.remove, "alice")
    with pytest.raises(DeniedError, match="removed during the login"):
        logins.answer(asked.flow, word="please")


def test_what_comes_up_while_the_session_starts_is_asked_for(logins):
    class Late(NeverAsks):
        kind, looked = "late", 0

        def check(self, _attempt, _view):
            self.looked += 1
            return Ask("late") if self.looked == 2 else None

    logins.gates = [Late()]
    asked = logins.answer(begun(logins).flow, text="42")
    assert (asked.ask.kind, logins.events()) == ("late", [])


def test_the_reason_stands_at_the_session_and_in_the_log(logins):
    logins.gates = [Reason()]
    started = logins.answer(begun(logins, reason="  ticket 7\n").flow, text="42")
    assert isinstance(started, Started)


def test_an_unknown_method_is_told_what_there_is(logins):
    with pytest.raises(NotFoundError) as caught:
        logins.begin(logins.attempt(method="magic"))
    assert caught.value.hint == "known are riddle"


def test_what_came_too_soon_is_not_written_down(logins):
    """Whoever guesses from many addresses must not keep the one writer busy."""

    class Hasty:
        kind = "riddle"

        async def begin(self, _attempt):
            raise TooSoonError("too many failed attempts")

    engine = Engine(logins.desk, Methods([Hasty()]), [])
    with pytest.raises(TooSoonError):
        anyio.run(engine.begin, logins.attempt())
    assert logins.events() == []


def test_who_proved_nothing_cannot_have_refusals_written_down_for_ever(logins):
    left = [1]

    def refusal():
        if not left:
            raise TooManyRequestsError("too many", retry_after=1)
        left.pop()

    engine = Engine(logins.desk, logins.engine.methods, [Wants()], refusal)

    async def answer(flow, **answer):
        return await engine.answer(flow, answer, thumbprint="jkt")

    flow = anyio.run(engine.begin, logins.attempt()).flow
    with pytest.raises(RefusedLoginError):
        anyio.run(partial(answer, flow, text="41"))
    with pytest.raises(TooManyRequestsError):
        anyio.run(partial(answer, flow, text="41"))
    proved = anyio.run(partial(answer, flow, text="42")).flow
    with pytest.raises(DeniedError, match="not the word"):
        anyio.run(partial(answer, proved, word="x"))
    assert [reason for _, _, reason in logins.events()] == ["wrong riddle", "not the word"]


def test_the_token_of_a_session_is_not_shown(logins):
    started = logins.answer(begun(logins).flow, text="42")
    assert started.token not in repr(started)


class Removes(NeverAsks):
    """A gate that lets pass; somebody removes the person right after the first look."""

    kind = "removes"

    def __init__(self, remove):
        self.remove = [remove]

    def check(self, _attempt, _view):
        if self.remove:
            thread = threading.Thread(target=self.remove.pop())
            thread.start()
            thread.join()


def test_who_is_removed_between_the_last_look_and_the_session_gets_none(logins, change):
    logins.gates = [Removes(lambda: change(directory.remove, "alice"))]
    with pytest.raises(DeniedError, match="the user was removed during the login"):
        logins.answer(begun(logins).flow, text="42")
    assert logins.events()[-1] == ("alice", "denied", "the user was removed during the login")
