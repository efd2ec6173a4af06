import pytest

from pgward.ca.observability.metrics import Metrics
from pgward.core.errors import DeniedError, UnavailableError


@pytest.fixture
def metrics():
    return Metrics()


def lines(metrics, name):
    """Return the samples whose names begin so, without the buckets of histograms."""
    found = [line for line in metrics.text().decode().splitlines() if line.startswith(name)]
    return [line for line in found if "_bucket" not in line and "_sum" not in line]


def test_events_are_counted_by_their_labels(metrics):
    for kind in ("person", "edge", "person"):
        metrics.event("issued", {"kind": kind}, 1)
    metrics.event("refused", {"kind": "host"}, 1)
    metrics.event("revoked", {"reason": "superseded"}, 5)
    metrics.event("act", {"action": "session.start", "outcome": "denied"}, 1)
    metrics.event("rate_limited", {"limit": "address"}, 1)
    assert lines(metrics, "pgward_ca_certificates") == [
        'pgward_ca_certificates_issued_total{kind="person"} 2.0',
        'pgward_ca_certificates_issued_total{kind="edge"} 1.0',
        'pgward_ca_certificates_refused_total{kind="host"} 1.0',
        'pgward_ca_certificates_revoked_total{reason="superseded"} 5.0',
    ]
    assert lines(metrics, "pgward_ca_acts") == [
        'pgward_ca_acts_total{action="session.start",outcome="denied"} 1.0'
    ]
    assert lines(metrics, "pgward_ca_rate") == ['pgward_ca_rate_limited_total{limit="address"} 1.0']


def test_batches_are_counted_with_what_they_hold(metrics):
    metrics.event("issuance", {}, 64)
    metrics.event("issuance", {}, 1)
    assert lines(metrics, "pgward_ca_issuance") == [
        "pgward_ca_issuance_batches_total 2.0",
        "pgward_ca_issuance_batched_total 65.0",
    ]


def test_other_events_are_not_counted(metrics):
    before = metrics.text().count(b"pgward_ca_")
    metrics.event("something else", {"x": "y"}, 1)
    with metrics.step("something else", {}):
        pass
    assert metrics.text().count(b"pgward_ca_") == before


def test_requests_have_their_route_and_status(metrics):
    with metrics.step("request", {"parent": "", "id": "1"}) as step:
        step.add(method="GET", route="/v1/users/{name}", status="200")
    assert lines(metrics, "pgward_ca_request") == [
        'pgward_ca_requests_total{method="GET",route="/v1/users/{name}",status="200"} 1.0',
        'pgward_ca_request_seconds_count{method="GET",route="/v1/users/{name}"} 1.0',
    ]


def test_signatures_that_fail_are_no_latency(metrics):
    with metrics.step("sign", {"what": "person"}):
        pass
    with pytest.raises(UnavailableError), metrics.step("sign", {"what": "person"}):
        raise UnavailableError("the HSM is away")
    assert lines(metrics, "pgward_ca_sign") == ['pgward_ca_sign_seconds_count{what="person"} 1.0']


@pytest.mark.parametrize(
    ("error", "errors"), [(UnavailableError("full"), 1), (KeyError("bug"), 1), (DeniedError(""), 0)]
)
def test_what_the_store_does_not_take_is_its_error_and_a_refusal_is_not(metrics, error, errors):
    with pytest.raises(type(error)), metrics.step("store.write", {}):
        raise error
    assert lines(metrics, "pgward_ca_store") == [
        "pgward_ca_store_write_seconds_count 1.0",
        f"pgward_ca_store_errors_total {float(errors)}",
    ]


def test_gauges_are_read_when_asked(metrics):
    waiting = [1, 2]
    metrics.gauge("connections_waiting", "that wait", lambda: len(waiting))
    waiting.append(3)
    assert lines(metrics, "pgward_ca_connections") == ["pgward_ca_connections_waiting 3.0"]


def test_the_process_and_its_version_are_told(metrics):
    text = metrics.text().decode()
    assert "process_open_fds " in text
    assert 'pgward_ca_build_info{version="' in text
    assert "_created" not in text
