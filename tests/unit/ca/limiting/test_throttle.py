import contextlib

import pytest

from pgward.ca.limiting import throttle
from pgward.ca.limiting.throttle import BackOff, FactorThrottle, LoginThrottle, TooSoonError
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


def attempt(both, address, account, now, **more):
    """Make an attempt that fails; tell whether it was let through."""
    try:
        both.begin(address, account, now, **more)
    except DeniedError:
        return False
    return True


def test_ten_thousand_guesses_from_many_addresses_do_not_slow_a_known_device():
    both = LoginThrottle()
    guesses = [
        attempt(both, f"198.51.{n // 250}.{n % 250}", "alice", n / 100) for n in range(10_000)
    ]
    assert sum(guesses) < 65  # in 100 seconds: 50 at once, then ever more slowly
    both.begin("203.0.113.9", "Alice", 100.0, device="laptop")
    both.succeeded("203.0.113.9", "alice", device="laptop")
    with pytest.raises(DeniedError) as caught:
        both.begin("203.0.113.10", "alice", 100.0)
    assert "seconds" in caught.value.hint


def test_a_day_of_guesses_from_everywhere_is_some_hundreds():
    both = LoginThrottle()
    addresses = (f"2001:db8:{n // 60000:x}:{n % 60000:x}::1" for n in range(86_400))
    made = sum(attempt(both, address, "alice", float(n)) for n, address in enumerate(addresses))
    assert 1000 < made < 1500


def test_pauses_gain_a_guesser_nothing():
    both = LoginThrottle()
    made = 0
    for pause in range(96):  # of a quarter of an hour: a day
        for number in range(60):
            address = f"2001:db8:{pause:x}:{number:x}::1"
            made += attempt(both, address, "alice", pause * 901.0 + number / 10)
    assert made < 200


def test_a_new_device_waits_a_minute_at_most():
    both = LoginThrottle()
    for number in range(20_000):
        attempt(both, f"198.51.{number // 250}.{number % 250}", "alice", number * 1.0)
    assert attempt(both, "203.0.113.9", "alice", 20_060.0)


def test_where_the_owner_logged_in_before_new_devices_are_not_slowed():
    both = LoginThrottle()
    both.begin("203.0.113.9", "alice", 0.0, device="laptop")
    both.succeeded("203.0.113.9", "alice", device="laptop")
    for number in range(500):
        attempt(both, f"198.51.{number // 250}.{number % 250}", "alice", 1.0)
    assert attempt(both, "203.0.113.9", "alice", 1.0)
    assert not attempt(both, "203.0.113.10", "alice", 1.0)


def test_a_known_device_is_slowed_by_its_own_failures_only():
    both = LoginThrottle(per_account=3)
    assert [attempt(both, "office", "alice", 0.0, device="laptop") for _ in range(4)] == [
        True,
        True,
        True,
        False,
    ]
    assert attempt(both, "office", "alice", 0.0, device="desktop")
    assert attempt(both, "office", "bob", 0.0, device="laptop")
    both.succeeded("office", "alice", device="laptop")
    assert attempt(both, "office", "alice", 0.0, device="laptop")


def test_a_guesser_behind_the_same_router_does_not_slow_a_known_device():
    both = LoginThrottle(per_address=5)
    assert {attempt(both, "office", f"user{n}", 0.0) for n in range(9)} == {True, False}
    assert attempt(both, "office", "alice", 0.0, device="laptop")


def test_logins_of_the_owner_do_not_wash_the_guesses_of_others_off():
    both = LoginThrottle(per_account_everywhere=5)
    for number in range(4):
        assert attempt(both, f"10.0.0.{number}", "alice", 0.0)
    both.begin("home", "alice", 0.0)
    both.succeeded("home", "alice")
    assert attempt(both, "10.0.1.1", "alice", 0.0)
    assert not attempt(both, "10.0.1.2", "alice", 0.0)


def test_an_account_that_many_use_has_no_counter_for_all_of_them():
    both = LoginThrottle(per_account_everywhere=2)
    assert all(attempt(both, f"10.0.0.{n}", "(join)", 0.0, anyone=True) for n in range(9))


def test_memory_is_bounded_for_every_counter(monkeypatch):
    monkeypatch.setattr(throttle, "_MAX_ENTRIES", 10)
    both = LoginThrottle()
    for number in range(50):
        address, name = f"10.0.0.{number}", f"user{number}"
        both.begin(address, name, 0.0, device="laptop")
        both.succeeded(address, name, device="laptop")
        both.begin(f"10.0.1.{number}", name, 0.0)
        both.begin(address, f"other{number}", 0.0, device="laptop")
    sizes = [len(each) for each in (both._pairs, both._devices, both._addresses, both._accounts)]
    assert sizes == [10, 10, 10, 10]
    assert len(both._homes) == 10


def test_codes_have_five_tries_a_login_and_a_strict_wait():
    codes = FactorThrottle(per_account=5)
    for _ in range(5):
        codes.begin("alice", "flow1", 0.0)
    with pytest.raises(DeniedError, match="too many wrong codes in this login") as caught:
        codes.begin("alice", "flow1", 0.0)
    assert caught.value.hint == "pgward login"
    with pytest.raises(DeniedError) as caught:
        codes.begin("Alice", "flow2", 0.0)
    assert caught.value.hint == "try again in 31 seconds"
    codes.begin("alice", "flow2", 30.0)
    with pytest.raises(DeniedError):
        codes.begin("alice", "flow3", 60.0)
    codes.begin("bob", "flow4", 0.0)


def test_guessing_codes_for_a_day_is_hopeless():
    codes = FactorThrottle()
    made = 0
    for second in range(0, 24 * 3600, 10):
        try:
            codes.begin("alice", f"flow{second}", float(second))
        except DeniedError:
            continue
        made += 1
    assert made < 40


def test_codes_that_others_guess_do_not_slow_a_known_device():
    codes = FactorThrottle()
    for number in range(50):
        with contextlib.suppress(DeniedError):
            codes.begin("alice", f"flow{number}", 0.0)
    codes.begin("alice", "mine", 0.0, device="laptop")
    codes.succeeded("alice", device="laptop")
    for number in range(5):
        codes.begin("alice", f"mine{number}", 0.0, device="laptop")
    with pytest.raises(DeniedError):
        codes.begin("alice", "mine9", 0.0, device="laptop")


def test_a_right_code_from_a_new_device_takes_only_its_own_try_back():
    codes = FactorThrottle(per_account=3)
    for flow in "abc":
        codes.begin("alice", flow, 0.0)
    codes.succeeded("alice")
    codes.begin("alice", "d", 0.0)
    with pytest.raises(DeniedError):
        codes.begin("alice", "e", 0.0)


def test_a_refusal_for_coming_too_soon_is_known_as_one():
    both, codes = LoginThrottle(per_account=1), FactorThrottle(per_flow=1, per_account=9)
    both.begin("evil", "alice", 0.0)
    codes.begin("alice", "flow", 0.0)
    with pytest.raises(TooSoonError):
        both.begin("evil", "alice", 0.0)
    with pytest.raises(TooSoonError):
        codes.begin("alice", "flow", 0.0)
