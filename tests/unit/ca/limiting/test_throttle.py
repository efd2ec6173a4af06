import pytest

from pgward.ca.limiting import throttle
from pgward.ca.limiting.throttle import BackOff, LoginThrottle
from pgward.core.errors import DeniedError


def test_waits_double_up_to_the_longest():
    back_off = BackOff(2, longest=10)
    waits = []
    for _ in range(8):
        back_off.failed("x", 0.0)
        waits.append(back_off.wait("x", 0.0))
    assert waits == [0.0, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]
    assert back_off.wait("x", 4.5) == 5.5
    assert back_off.wait("y", 0.0) == 0.0


def test_failures_are_forgotten_in_time():
    back_off = BackOff(1)
    back_off.failed("x", 0.0)
    assert back_off.wait("x", 0.5) == 0.5
    assert back_off.wait("x", 901.0) == 0.0
    back_off.failed("x", 2000.0)
    assert back_off.wait("x", 2000.0) == 1.0


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(throttle, "_MAX_ENTRIES", 3)
    back_off = BackOff(1)
    for key in "abcd":
        back_off.failed(key, 0.0)
    assert [back_off.wait(key, 0.0) for key in "abcd"] == [0.0, 1.0, 1.0, 1.0]


def test_a_guesser_elsewhere_does_not_lock_the_owner_out():
    both = LoginThrottle(per_account=3)
    for _ in range(3):
        both.begin("evil", "alice", 0.0)
    with pytest.raises(DeniedError, match="too many failed attempts") as caught:
        both.begin("evil", "ALICE", 0.0)
    assert caught.value.hint == "try again in 2 seconds"
    both.begin("home", "alice", 0.0)
    both.begin("evil", "bob", 0.0)
    both.begin("evil", "alice", 1.1)


def test_success_forgets_the_account_but_not_the_other_failures_of_the_address():
    both = LoginThrottle(per_account=5, per_address=6)
    for number in range(5):
        both.begin("evil", f"user{number}", 0.0)
    both.begin("evil", "mine", 0.0)
    both.succeeded("evil", "mine")
    both.begin("evil", "user9", 0.0)
    with pytest.raises(DeniedError):
        both.begin("evil", "user8", 0.0)


def test_an_ipv6_network_is_one_guesser():
    both = LoginThrottle(per_account=2)
    both.begin("2001:db8:0:1::1", "alice", 0.0)
    both.begin("2001:db8:0:1:ffff::2%eth0", "alice", 0.0)
    with pytest.raises(DeniedError):
        both.begin("2001:db8:0:1::3", "alice", 0.0)
    both.begin("2001:db8:0:2::1", "alice", 0.0)
    both.succeeded("2001:db8:0:1::4", "alice")
    both.begin("2001:db8:0:1::3", "alice", 0.0)


@pytest.mark.parametrize(
    "addresses", [("192.0.2.1", "192.0.2.2"), ("::ffff:1.2.3.4", "::ffff:1.2.3.5")]
)
def test_an_ipv4_address_is_one_guesser(addresses):
    both = LoginThrottle(per_account=1)
    both.begin(addresses[0], "alice", 0.0)
    both.begin(addresses[1], "alice", 0.0)
    with pytest.raises(DeniedError):
        both.begin(addresses[0], "alice", 0.0)
