from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pgward.audit.events import HOST_ACTIONS, AuditEvent
from pgward.core.errors import DeniedError, UnavailableError
from pgward.hba.agent.duty import Duty, Turn
from pgward.hba.agent.role_sync import RoleSync
from pgward.hba.roles.planning import Planned
from pgward.hba.roles.sync import Outcome

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CHANGED = Outcome(
    changed=True,
    ended=1,
    planned=Planned(pairs=frozenset({("ann", "app")}), ended=frozenset({("eve", "app")})),
    notes=("there is no role 'x'",),
)


class Told(list):
    def append(self, event):
        super().append(AuditEvent.from_json(event))


def duty(*outcomes: Outcome) -> tuple[RoleSync, Told]:
    left, told = list(outcomes), Told()
    made: Duty = RoleSync(None, lambda: None, told, name="db1", sync=lambda *_, **__: left.pop(0))
    return made, told


def test_a_change_is_on_record(caplog):
    made, told = duty(CHANGED, CHANGED)
    done = made.run(Turn(NOW))
    assert (done.due_in, done.problems, made.follows) == (300.0, (), {"roles"})
    (event,) = told
    assert (event.action in HOST_ACTIONS, event.actor, event.target) == (True, "host:db1", "db1")
    assert event.details == {
        "host": "db1",
        "pairs": 1,
        "removed": ["eve as app"],
        "removed_count": 1,
        "sessions_ended": 1,
    }
    made.run(Turn(NOW))
    assert caplog.text.count("there is no role 'x'") == 1
    made.close()


def test_nothing_to_do_is_no_event():
    made, told = duty(Outcome())
    assert (made.run(Turn(NOW)).problems, told) == ((), [])


def test_what_ends_where_the_ca_refuses_is_on_record_and_the_refusal_is_told():
    made, told = duty(replace(CHANGED, away="no", refusal=DeniedError("no such host")))
    with pytest.raises(DeniedError, match="no such host"):
        made.run(Turn(NOW))
    assert [each.details["removed"] for each in told] == [["eve as app"]]


def test_the_ca_away_is_a_problem():
    made, _ = duty(Outcome(away="it is away"))
    with pytest.raises(UnavailableError, match="it is away"):
        made.run(Turn(NOW))


@pytest.mark.parametrize(("left", "due"), [(0, 5), (60, 61), (3600, 300)])
def test_it_looks_again_at_the_end_of_a_grant(left, due):
    """By the CA's clock, which is a minute behind this host's."""
    end, ahead = NOW + timedelta(seconds=left), timedelta(minutes=1)
    skews = []

    def sync(*_, now, skew, **__):
        skews.append((now, skew))
        return Outcome(next_end=end)

    made = RoleSync(None, lambda: None, Told(), name="db1", skew=lambda: ahead, sync=sync)
    assert made.run(Turn(NOW + ahead)).due_in == due
    assert skews == [(NOW + ahead, ahead)]


def test_what_ends_while_the_ca_is_away_is_on_record():
    ended = Planned(ended=frozenset({("eve", "app")}))
    made, told = duty(Outcome(changed=True, away="it is away", planned=ended))
    with pytest.raises(UnavailableError, match="it is away"):
        made.run(Turn(NOW))
    assert told[0].details["removed"] == ["eve as app"]


def test_what_was_not_done_is_a_problem():
    made, _ = duty(Outcome(held="3 of 4 people would go"), Outcome(unended=2))
    assert "--force" in made.run(Turn(NOW)).problems[0]
    done = made.run(Turn(NOW))
    assert (done.due_in, "2 sessions" in done.problems[0]) == (5.0, True)
