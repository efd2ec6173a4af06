from datetime import timedelta

import pytest
from cryptography import x509

from pgward.ca.acme import identifiers, issued, issuing
from pgward.ca.authority import Authority
from pgward.ca.resources import kinds
from pgward.ca.resources import stored as resources
from pgward.ca.store import certificates as stored
from pgward.ca.store.certificates import CertificateFilter
from pgward.core.errors import UnavailableError
from tests.fixtures.acme_client import kind_of
from tests.fixtures.authority import START


def _ids(*names):
    return [identifiers.ip(name) if name[0].isdigit() else identifiers.dns(name) for name in names]


LONG = "a" * 60 + ".test"


@pytest.mark.parametrize(
    ("names", "subject"),
    [
        (("a.test", "b.test"), "a.test"),
        (("192.0.2.1", "a.test"), "a.test"),
        (("*.a.test",), "*.a.test"),
        ((LONG, "b.test"), "b.test"),
        ((LONG,), None),
        ((LONG, "192.0.2.1"), None),
        (("192.0.2.1",), "192.0.2.1"),
    ],
)
def test_the_common_name_is_one_of_the_names(names, subject):
    assert issuing.subject_of(_ids(*names)) == subject


def _ready(acme):
    client = acme.client()
    answer = client.order("db1.test")
    acme.prove(client, answer.json())
    return client, answer.headers["location"], answer.json()


def _states(acme):
    with acme.store.read() as connection:
        rows = stored.find(connection, CertificateFilter(kind="host"))
    return sorted(row["state"] for row in rows)


def _resume(acme, client, **delta):
    acme.clock.move(**delta)
    client.nonce = None
    acme.service.keep_fresh(acme.clock.now())


def test_a_process_that_died_after_signing_leaves_one_certificate(acme, monkeypatch):
    """What it had signed was told to nobody: it is revoked, and another one is issued."""
    client, url, order = _ready(acme)

    def die(*_arguments):
        raise UnavailableError("killed")

    monkeypatch.setattr(issuing, "_complete", die)
    assert client.finalize(order, "db1.test").status_code == 503
    monkeypatch.undo()
    assert _states(acme) == ["issued"]
    _resume(acme, client, seconds=30)
    assert client.post(url).json()["status"] == "processing"
    _resume(acme, client, seconds=31)
    found = client.post(url).json()
    assert (found["status"], _states(acme)) == ("valid", ["issued", "revoked"])
    assert client.post(found["certificate"]).status_code == 200


def test_two_replicas_do_not_issue_twice(acme, monkeypatch):
    client, url, order = _ready(acme)
    monkeypatch.setattr(issuing, "issue", lambda *_arguments, **_named: None)
    client.finalize(order, "db1.test")
    monkeypatch.undo()
    acme.clock.move(seconds=61)
    now, office = acme.clock.now(), acme.service.office
    assert [issuing.resume(office, now) for _ in range(2)] == [1, 0]
    client.nonce = None
    assert (client.post(url).json()["status"], _states(acme)) == ("valid", ["issued"])


def test_the_slower_of_two_takes_its_certificate_back(acme, monkeypatch):
    client, url, order = _ready(acme)
    real, order_id = Authority.issue_server, url.rpartition("/")[2]

    def slow(*arguments, **named):
        monkeypatch.setattr(Authority, "issue_server", real)
        issuing.issue(acme.service.office, order_id)
        return real(*arguments, **named)

    monkeypatch.setattr(Authority, "issue_server", slow)
    found = client.finalize(order, "db1.test").json()
    assert (found["status"], _states(acme)) == ("valid", ["issued", "revoked"])
    serial = found["certificate"].rpartition("/")[2]
    with acme.store.read() as connection:
        assert not issued.find(connection, serial).revoked


def test_an_account_that_ended_meanwhile_gets_nothing(acme, monkeypatch):
    client, _, order = _ready(acme)
    real = Authority.issue_server

    def issue(*arguments, **named):
        client.post(client.kid, {"status": "deactivated"})
        return real(*arguments, **named)

    monkeypatch.setattr(Authority, "issue_server", issue)
    assert client.finalize(order, "db1.test").json()["status"] == "invalid"
    assert _states(acme) == ["revoked"]
    assert kind_of(client.order("db1.test")) == "unauthorized"


def test_what_waits_too_long_ends(acme, monkeypatch):
    client, url, order = _ready(acme)
    monkeypatch.setattr(issuing, "issue", lambda *_arguments, **_named: None)
    client.finalize(order, "db1.test")
    monkeypatch.undo()
    _resume(acme, client, hours=25)
    found = client.post(url).json()
    assert (found["status"], _states(acme)) == ("invalid", [])
    assert found["error"]["detail"].endswith("it took too long")


def test_who_got_what_is_recorded(acme):
    acme.issue(acme.client(), "db1.test")
    (event,) = [e for e in acme.events() if e["action"] == "acme.order.finalize"]
    assert (event["actor"], event["details"]["identifiers"]) == ("acme:db1", ["db1.test"])


def test_profiles_of_the_host_hold_here_as_well(acme):
    rules = {"appliesTo": {"hosts": ["db1"]}, "lifetime": "1d", "altNames": ["dns:{machine}.x"]}
    spec = {"kind": "CertificateProfile", "metadata": {"name": "short"}, "spec": rules}
    with acme.store.write() as transaction:
        profile = kinds.read("CertificateProfile", spec)
        resources.put(transaction, profile, now=START, by="root")
    leaf, _ = acme.issue(acme.client(acme.key("db1")), "db1.test")
    assert leaf.not_valid_after_utc - START == timedelta(days=1)
    assert leaf.subject.rfc4514_string() == "CN=db1.test"
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.DNSName) == ["db1.test"]
