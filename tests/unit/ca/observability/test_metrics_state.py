import pytest
from prometheus_client import CollectorRegistry

from pgward.ca.observability.metrics_state import StateCollector
from pgward.ca.records import CaName
from pgward.core.errors import UnavailableError


class Scraped:
    """What a collector says, at a time that a test moves."""

    def __init__(self, authority, store, ends):
        self.now = 0.0
        self.registry = CollectorRegistry()
        collector = StateCollector(authority, store, lambda: ends, monotonic=lambda: self.now)
        self.registry.register(collector)

    def __call__(self, name, **labels):
        return self.registry.get_sample_value(f"pgward_ca_{name}", labels)


@pytest.fixture
def scraped(sql_authority, store, clock):
    return Scraped(sql_authority, store, clock.now())


@pytest.mark.usefixtures("alice")
def test_what_is_in_the_store_is_counted(admin, edge, scraped, clock):
    admin.call("POST", "/v1/tokens", {"kind": "host", "name": "h1"})
    edge.call("GET", "/v1/edge/snapshot")
    found = [scraped(name) for name in ("sessions", "join_tokens", "edges", "edges_connected")]
    assert found == [2, 1, 1, 1]
    clock.move(hours=13)
    scraped.now += 10
    found = [scraped(name) for name in ("sessions", "join_tokens", "edges", "edges_connected")]
    assert found == [0, 0, 1, 0]


def test_crls_and_certificates_are_told_by_ca(alice, scraped, sql_authority, clock):
    alice.certificate()
    alice.call("POST", "/v1/logout")
    crl = sql_authority.crl(CaName.USER_ISSUING)
    assert scraped("crl_entries", ca="user-issuing") == 1
    assert scraped("crl_entries", ca="server-root") == 0
    assert scraped("crl_next_update_timestamp_seconds", ca="user-issuing") == (
        crl.next_update.timestamp()
    )
    assert scraped("crl_this_update_timestamp_seconds", ca="user-issuing") == (
        crl.this_update.timestamp()
    )
    for name, certificate in sql_authority.certificates().items():
        end = certificate.not_valid_after_utc.timestamp()
        assert scraped("certificate_end_timestamp_seconds", ca=name) == end
    assert scraped("api_certificate_end_timestamp_seconds") == clock.now().timestamp()
    assert (scraped("leader"), scraped("store_up")) == (1, 1)


def test_who_asks_too_often_gets_the_same(admin, scraped):
    assert scraped("sessions") == 1
    admin.call("POST", "/v1/logout")
    assert scraped("sessions") == 1
    scraped.now = 5.0
    assert scraped("sessions") == 0


def test_a_store_that_is_away_leaves_the_rest(scraped, store, monkeypatch, caplog):
    def away():
        raise UnavailableError("the authority's store is unavailable: it does not answer")

    monkeypatch.setattr(store, "read", away)
    assert (scraped("store_up"), scraped("sessions")) == (0, None)
    assert scraped("certificate_end_timestamp_seconds", ca="user-root") > 0
    assert "the metrics lack what the store knows" in caplog.text


@pytest.mark.usefixtures("sql_authority")
def test_a_crl_that_nears_its_end_has_another_state(scraped, clock):
    states = []
    for days in (0, 5, 1):
        clock.move(days=days)
        scraped.now += 10
        states.append([scraped("crl_state", ca=ca) for ca in ("user-issuing", "user-root")])
    assert states == [[0, 0], [1, 0], [2, 0]]
