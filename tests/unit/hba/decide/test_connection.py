from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.decide.connection import Connection, World
from pgward.hba.syntax.dialects import Cockroach
from pgward.hba.syntax.versions import Abilities


def test_names_are_cut_to_63_bytes() -> None:
    asked = Connection("é" * 40, "d" * 70, None)
    cut = asked.received(Abilities(18))
    assert cut == asked.received(Abilities(11))
    assert cut.user.encode("utf-8", "surrogateescape") == ("é" * 40).encode()[:63]
    assert cut.database == "d" * 63
    assert Connection("a", None, None).received(Abilities(11)).database is None


def test_names_are_folded_for_cockroachdb() -> None:
    asked = Connection("Ann" + "N" * 70, "Shop", None).received(Cockroach())
    assert (asked.user, asked.database) == ("ann" + "n" * 70, "shop")


def test_an_ipv4_client_of_an_ipv6_socket_is_ipv4_for_cockroachdb() -> None:
    mapped, other = ip_address("::ffff:10.0.0.9"), ip_address("::1")
    for able, seen in ((Cockroach(), ip_address("10.0.0.9")), (Abilities(16), mapped)):
        assert Connection("a", "b", mapped).received(able).address == seen
        assert Connection("a", "b", other).received(able).address == other


def test_members_directly_through_others_and_of_themselves() -> None:
    world = World({"a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset({"a"})})
    assert world.is_member("a", "c")
    assert world.is_member("a", "a")
    assert not world.is_member("a", "d")
    assert not world.is_member("d", "d")  # who does not exist is no member


NAMES = st.sampled_from("abcde")


@given(st.dictionaries(NAMES, st.frozensets(NAMES)), NAMES, NAMES, NAMES)
def test_membership_is_transitive(member_of, one, two, three) -> None:
    world = World(member_of)
    if world.is_member(one, two) and world.is_member(two, three):
        assert world.is_member(one, three)
