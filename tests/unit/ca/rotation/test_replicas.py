import pytest

from pgward.ca.rotation import replicas
from pgward.ca.rotation.replicas import Presence


def found(ca):
    with ca.store.read() as connection:
        return replicas.present(connection, ca.clock.now())


@pytest.fixture
def presence(rotating_ca):
    authority = rotating_ca.authority
    return Presence(rotating_ca.store, lambda: authority.standing, "ca1:8443", rotating_ca.clock)


def test_a_replica_is_there_until_it_says_that_it_ends(rotating_ca, presence):
    presence.tell()
    presence.tell()
    digest = rotating_ca.authority.standing.generations.digest()
    (mine,) = found(rotating_ca)
    assert (mine.address, mine.why_lagging(digest)) == ("ca1:8443", None)
    presence.end()
    assert found(rotating_ca) == []


def test_one_that_is_silent_for_long_is_gone(rotating_ca, presence):
    presence.tell()
    rotating_ca.clock.move(minutes=3)
    assert found(rotating_ca) == []


def test_one_that_has_not_heard_lags(rotating_ca, presence):
    presence.tell()
    (mine,) = found(rotating_ca)
    assert mine.why_lagging("other") == "it has not heard of the present phase yet"


def test_one_without_a_key_lags(rotating_ca, presence):
    rotating_ca.start("user-issuing")
    (rotating_ca.directory / "keys" / "user-issuing-2.key").unlink()
    from pgward.ca.standing import Loader  # noqa: PLC0415 - a replica of another directory

    other = Loader(rotating_ca.store, rotating_ca.keeper, rotating_ca.clock)
    Presence(rotating_ca.store, other, "ca2:8443", rotating_ca.clock).tell()
    presence.tell()
    digest = rotating_ca.authority.standing.generations.digest()
    assert [each.why_lagging(digest) for each in found(rotating_ca)] == [
        None,
        "it has no key of user-issuing-2",
    ]


def test_one_that_was_killed_is_replaced_when_it_starts_again(rotating_ca, presence):
    authority = rotating_ca.authority
    presence.tell()
    again = Presence(rotating_ca.store, lambda: authority.standing, "ca1:8443", rotating_ca.clock)
    again.tell()
    assert len(found(rotating_ca)) == 1
    presence.tell()  # it lives after all: two of one name are both counted
    again.tell()
    assert len(found(rotating_ca)) == 2
