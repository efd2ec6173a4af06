"""What is handed on at a role's end, and what must not be; the query is asked in integration."""

from pgward.access.facts import Owned, Role, Server
from pgward.access.handing_on import MOST_OWNED, why_it_stays

SERVER = Server(roles={"heir": Role("heir", 1, settable=True)})
TABLE = Owned("alice", "object", "table s.t")
TRAP = Owned("alice", "object", "table s.trap", runs="ANALYZE runs a function in an index of it")


def test_what_runs_nothing_is_handed_on() -> None:
    assert why_it_stays([TABLE, TABLE], SERVER, "heir") is None


def test_what_names_a_role_needs_nobody_to_get_it() -> None:
    assert why_it_stays([Owned("alice", "policy", "policy p")], SERVER, None) is None


def test_what_runs_by_itself_stays() -> None:
    assert why_it_stays([TABLE, TRAP], SERVER, "heir") == (
        "it owns table s.trap and 1 more, and ANALYZE runs a function in an index of it, which "
        "would run as 'heir'; hint: look at it, then drop it or ALTER ... OWNER by hand"
    )


def test_nothing_is_hidden_among_many() -> None:
    why = why_it_stays([TABLE] * (MOST_OWNED + 1), SERVER, "heir")
    assert why is not None
    assert "more than is looked through" in why
