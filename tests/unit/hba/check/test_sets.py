from ipaddress import ip_address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pgward.hba.check import sets
from pgward.hba.decide.connection import Connection, Encryption, World
from pgward.hba.decide.deciding import mismatch
from pgward.hba.decide.server import Server
from pgward.hba.syntax import rules
from pgward.hba.syntax.tokens import fields
from pgward.hba.syntax.versions import Abilities

ABLE = Abilities.of(16)
KINDS = ["local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"]
DATABASES = ["all", "a", "b", "a,b", "sameuser", "samerole", "replication", "/^a", '"all"']
ROLES = ["all", "a", "b", "a,b", "+g", "/^a", '"all"', "g"]
ADDRESSES = [
    "all",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.0.7 255.0.0.255",
    "::/0",
    "samehost",
    "h.test",
]
WORLD = World({"a": frozenset("g"), "b": frozenset(), "g": frozenset(), "all": frozenset()})


def rule(text: str) -> rules.Rule:
    return rules.read(fields(text), ABLE)


LINES = st.builds(
    lambda kind, database, role, address: rule(
        f"{kind} {database} {role} {'' if kind == 'local' else address} trust"
    ),
    st.sampled_from(KINDS),
    st.sampled_from(DATABASES),
    st.sampled_from(ROLES),
    st.sampled_from(ADDRESSES),
)
CONNECTIONS = st.builds(
    lambda user, database, address, used: Connection(
        user, database, None if address is None else ip_address(address), used, "h.test"
    ),
    st.sampled_from(["a", "b", "g", "all"]),
    st.sampled_from(["a", "b", "all", "g", None]),
    st.sampled_from([None, "10.1.0.7", "10.9.0.7", "11.0.0.1", "::1"]),
    st.sampled_from(Encryption),
)
SERVER = Server(ABLE, (), world=WORLD)


@given(LINES, LINES, CONNECTIONS)
def test_covering_and_meeting_are_true_of_each_connection(one, other, connection) -> None:
    ours = mismatch(SERVER, one, connection) is None
    theirs = mismatch(SERVER, other, connection) is None
    assume(theirs)
    if sets.covers(one, other):
        assert ours
    if not sets.may_meet(one, other, ABLE):
        assert not ours


@given(LINES)
def test_each_rule_covers_and_meets_itself(one) -> None:
    assert sets.covers(one, one)
    assert sets.may_meet(one, one, ABLE)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("local all all trust", True),
        ("host all all 127.0.0.0/8 trust", True),
        ("host all all 127.0.0.1/32 trust", True),
        ("host all all ::1/128 trust", True),
        ("host all all samehost trust", True),
        ("host all all 0.0.0.0/0 trust", False),
        ("host all all ::/0 trust", False),
        ("host all all localhost trust", False),
    ],
)
def test_what_is_for_this_machine_alone(text, loopback) -> None:
    assert sets.is_loopback(rule(text)) is loopback
