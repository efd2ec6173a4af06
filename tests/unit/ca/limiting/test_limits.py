import pytest

from pgward.ca.limiting.limits import Limits
from pgward.ca.settings import LimitSettings
from pgward.core.errors import TooManyRequestsError

OFFICE, ELSEWHERE = "192.0.2.7", "198.51.100.1"
POLL = "/v1/edge/snapshot"
POLLS = (POLL, "/v1/host/news")


def until_refused(call, most=100_000):
    """Call until it is refused; return how often it was not, and the refusal."""
    for count in range(most):
        try:
            call()
        except TooManyRequestsError as error:
            return count, error
    return most, None


def test_an_address_gets_a_burst_and_is_told_when_to_try_again():
    limits = Limits(LimitSettings(address_per_second=2))
    count, error = until_refused(lambda: limits.request(OFFICE, "/v1/login", 0.0))
    assert count == 40
    assert (error.message, error.retry_after) == ("too many requests from this address", 1)
    assert error.hint == "try again in 1 seconds"
    limits.request(ELSEWHERE, "/v1/login", 0.0)
    limits.request(OFFICE, "/v1/login", 1.0)


def test_a_morning_in_an_office_of_500_behind_one_address_meets_no_limit():
    limits = Limits()
    for person in range(500):  # all of them within five seconds
        now = person / 100
        for path in ("/v1/trust", "/v1/login", "/v1/certificates/login", "/v1/services", "/v1/me"):
            limits.request(OFFICE, path, now)
        for _ in range(4):
            limits.proof(OFFICE, "/v1/me", now)
            limits.caller(f"person{person}", now)
        limits.proof_failed(OFFICE, now)  # each has a wrong clock, too
        limits.issuing(f"person{person}", now)


@pytest.mark.parametrize("poll", POLLS)
def test_a_machine_is_heard_whatever_its_neighbours_do(poll):
    limits = Limits()
    limits.machine_seen(OFFICE, 0.0)
    for path in ("/v1/login", "/v1/me"):
        assert until_refused(lambda path=path: limits.request(OFFICE, path, 1.0))[1]
    for _ in range(10_000):
        limits.request(OFFICE, poll, 1.0)
        limits.proof_failed(OFFICE, 1.0)
    limits.proof(OFFICE, poll, 1.0)
    with pytest.raises(TooManyRequestsError):
        limits.proof(OFFICE, "/v1/me", 1.0)


def test_strangers_do_not_get_far_on_the_edges_paths():
    limits = Limits(LimitSettings(address_per_second=1))
    assert until_refused(lambda: limits.request(ELSEWHERE, POLL, 0.0))[0] == 20
    limits.request(ELSEWHERE, "/v1/me", 0.0)  # the buckets are apart
    limits.machine_seen(ELSEWHERE, 0.0)
    limits.request(ELSEWHERE, POLL, 0.0)
    later = 4000.0  # that a machine was there wears off
    assert until_refused(lambda: limits.request(ELSEWHERE, POLL, later))[0] == 20


def test_wrong_proofs_and_certificates_have_stricter_ones():
    limits = Limits()
    for _ in range(1200):
        limits.proof_failed(OFFICE, 0.0)
    with pytest.raises(TooManyRequestsError, match="too many wrong proofs of possession"):
        limits.proof(OFFICE, "/v1/me", 0.0)
    limits.proof(OFFICE, "/v1/me", 0.2)
    count, error = until_refused(lambda: limits.issuing("alice", 0.0))
    assert (count, error.message) == (120, "too many certificates of alice")
    limits.issuing("bob", 0.0)


def test_a_person_has_a_limit_from_all_addresses_together():
    limits = Limits(LimitSettings(caller_per_second=1))
    count, error = until_refused(lambda: limits.caller("alice", 0.0))
    assert (count, error.message) == (20, "too many requests of alice")


def test_zero_is_no_limit():
    limits = Limits(LimitSettings(0, 0, 0, 0))
    for _ in range(5000):
        limits.request(OFFICE, "/", 0)
        limits.caller("alice", 0)
        limits.issuing("alice", 0)
        limits.proof_failed(OFFICE, 0)
    limits.proof(OFFICE, "/", 0)


def test_the_memory_of_machines_is_bounded(monkeypatch):
    monkeypatch.setattr("pgward.ca.limiting.limits._MOST_KNOWN", 10)
    limits = Limits()
    for number in range(100):
        limits.machine_seen(f"10.0.0.{number}", 0.0)
    assert len(limits._machines_at) == 10


def test_refusals_on_record_are_so_many_an_address():
    limits = Limits(LimitSettings(failed_proofs_per_minute=60))
    limits.machine_seen(OFFICE, 0.0)  # an edge that was revoked is no exception
    count, error = until_refused(lambda: limits.refusal(OFFICE, 0.0))
    assert (count, error.message) == (120, "too many refused requests from this address")
    limits.refusal(ELSEWHERE, 0.0)
    limits.proof(OFFICE, "/v1/me", 0.0)  # the buckets are apart
    limits.refusal(OFFICE, 1.0)


def test_a_host_proves_its_server_some_times_an_hour():
    limits = Limits(LimitSettings(server_proofs_per_hour=2))
    count, error = until_refused(lambda: limits.server_proof("host:db1", 0.0))
    assert (count, error.retry_after) == (2, 1800)
    limits.server_proof("host:db2", 0.0)
    limits.server_proof("host:db1", 1800.0)
