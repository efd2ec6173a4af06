from dataclasses import replace
from ipaddress import ip_address

import pytest
from cryptography import x509

from pgward.ca.acme import renewal
from pgward.ca.acme.problems import AcmeError
from pgward.ca.authority import Authority
from pgward.ca.store import certificates as stored
from pgward.ca.store.certificates import CertificateFilter
from pgward.core.errors import InvalidInputError, UnavailableError
from pgward.pki import keys, pem
from tests.fixtures.acme_client import kind_of, request_der


def test_an_order_and_all_that_hangs_on_it(acme):
    client = acme.client()
    answer = client.order("db1.test")
    order = answer.json()
    assert (answer.status_code, order["status"], order["identifiers"]) == (
        201,
        "pending",
        [{"type": "dns", "value": "db1.test"}],
    )
    assert client.post(answer.headers["location"]).json() == order
    (authorization,) = client.authorizations(order)
    assert (authorization["status"], authorization["identifier"]) == (
        "pending",
        {"type": "dns", "value": "db1.test"},
    )
    challenge = client.challenge(authorization, "http-01")
    shown = client.post(challenge["url"])
    assert shown.json() == challenge
    up = f'<{order["authorizations"][0]}>;rel="up"'
    assert up in shown.headers.get_list("link")


def test_the_validator_is_given_the_key_authorization(acme):
    client = acme.client()
    order = client.order("db1.test").json()
    acme.prove(client, order, "tls-alpn-01")
    (job,) = acme.prober.jobs
    challenge = client.challenge(client.authorizations(order)[0], "tls-alpn-01")
    assert job.key_authorization == client.key_authorization(challenge)
    assert (challenge["status"], "validated" in challenge) == ("valid", True)


def test_a_failed_challenge_ends_the_order_and_says_why(acme):
    acme.prober.problems["db1.test"] = AcmeError("unauthorized", "not the key authorization")
    client = acme.client()
    answer = client.order("db1.test")
    acme.prove(client, answer.json())
    (authorization,) = client.authorizations(answer.json())
    challenge = client.challenge(authorization, "http-01")
    assert (authorization["status"], challenge["status"]) == ("invalid", "invalid")
    assert challenge["error"]["detail"] == "not the key authorization"
    order = client.post(answer.headers["location"]).json()
    assert order["status"] == "invalid"
    assert kind_of(client.finalize(order, "db1.test")) == "orderNotReady"


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (("other.test",), "rejectedIdentifier"),
        (("db1.test", "other.test"), "rejectedIdentifier"),
        (("*.db.test",), "rejectedIdentifier"),
        (("192.0.2.1",), "rejectedIdentifier"),
        (("a_b",), "rejectedIdentifier"),
    ],
)
def test_names_that_the_key_is_not_for(acme, names, kind):
    answer = acme.client().order(*names)
    assert kind_of(answer) == kind


def test_every_refused_name_is_told(acme):
    document = acme.client().order("db1.test", "x.test", "*.db.test").json()
    assert [(each["identifier"]["value"], each["detail"]) for each in document["subproblems"]] == [
        ("x.test", "this account may not ask for it"),
        ("*.db.test", "a wildcard needs dns-01, which is not offered here"),
    ]


def test_a_name_must_fit_a_common_name(acme):
    long = "a" * 60 + ".db.test"
    assert kind_of(acme.client().order(long)) == "rejectedIdentifier"
    assert acme.client(acme.key("db2")).order(long, "db1.test").status_code == 201


def test_names_that_are_trusted_need_no_challenge(acme):
    client = acme.client(acme.key(pre_authorized=True, ips=["192.0.2.0/24"]))
    names = ("db1.test", "*.db.test", "192.0.2.9")
    order = client.order(*names).json()
    assert order["status"] == "ready"
    assert [each["challenges"] for each in client.authorizations(order)] == [[], [], []]
    found = client.finalize(order, *names).json()
    assert found["status"] == "valid"
    leaf = x509.load_pem_x509_certificates(client.post(found["certificate"]).content)[0]
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.DNSName) == ["db1.test", "*.db.test"]
    assert [str(ip) for ip in san.get_values_for_type(x509.IPAddress)] == ["192.0.2.9"]


def test_a_certificate_for_an_address_alone(acme):
    client = acme.client(acme.key(ips=["192.0.2.1"]))
    leaf, _ = acme.issue(client, "192.0.2.1")
    # certbot would take a CN for a DNS name, and fail on an address.
    assert leaf.subject.rfc4514_string() == ""
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert (san.critical, list(san.value)) == (True, [x509.IPAddress(ip_address("192.0.2.1"))])
    with acme.store.read() as connection:
        (row,) = stored.find(connection, CertificateFilter(subject="192.0.2.1"))
    assert row["serial"] == f"{leaf.serial_number:x}"


def test_an_address_is_the_common_name_if_the_client_wants_it_as_one(acme):
    """libpq before version 15 finds an address only there."""
    client = acme.client(acme.key(ips=["192.0.2.1"]))
    order = client.order("192.0.2.1").json()
    acme.prove(client, order)
    request = request_der(keys.generate(), "192.0.2.1", common_name="192.0.2.1")
    done = client.post(order["finalize"], {"csr": request}).json()
    (leaf, _) = pem.split(client.post(done["certificate"]).content)
    assert leaf.subject.rfc4514_string() == "CN=192.0.2.1"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (lambda _client: request_der(keys.generate(), "db1.test", "x.test"), "badCSR"),
        (lambda _client: request_der(keys.generate()), "badCSR"),
        (lambda client: request_der(client.key, "db1.test"), "badCSR"),
        (lambda _client: "AAAA", "badCSR"),
        (lambda _client: "=", "badCSR"),
        (lambda _client: 1, "malformed"),
    ],
)
def test_a_bad_request_may_be_mended(acme, text, kind):
    client = acme.client()
    order = client.order("db1.test").json()
    acme.prove(client, order)
    assert kind_of(client.post(order["finalize"], {"csr": text(client)})) == kind
    assert client.finalize(order, "db1.test").json()["status"] == "valid"


def test_an_order_is_finalized_once_and_when_it_is_ready(acme):
    client = acme.client()
    answer = client.order("db1.test")
    order = answer.json()
    early = client.finalize(order, "db1.test")
    assert (early.status_code, kind_of(early)) == (403, "orderNotReady")
    acme.prove(client, order)
    assert client.post(answer.headers["location"]).json()["status"] == "ready"
    assert client.finalize(order, "db1.test").status_code == 200
    assert kind_of(client.finalize(order, "db1.test")) == "orderNotReady"


def test_an_answer_to_a_challenge_is_empty_and_counts_once(acme):
    client = acme.client()
    order = client.order("db1.test").json()
    challenge = client.challenge(client.authorizations(order)[0], "http-01")
    assert kind_of(client.post(challenge["url"], {"keyAuthorization": "x"})) == "malformed"
    acme.prove(client, order)
    assert client.post(challenge["url"], {}).json()["status"] == "valid"
    assert len(acme.prober.jobs) == 1


def test_orders_of_others_are_not_there(acme):
    one, other = acme.client(), acme.client(acme.key("db2"))
    answer = one.order("db1.test")
    order = answer.json()
    challenge = one.challenge(one.authorizations(order)[0], "http-01")
    for url in (answer.headers["location"], *order["authorizations"], challenge["url"]):
        assert (other.post(url).status_code, kind_of(other.post(url))) == (404, "malformed")
    assert other.post(challenge["url"], {}).status_code == 404
    assert other.finalize(order, "db1.test").status_code == 404
    assert acme.prober.jobs == []


@pytest.mark.parametrize("place", ["order", "orders"])
def test_what_is_read_takes_no_payload(acme, place):
    client = acme.client()
    order = client.order("db1.test")
    url = order.headers["location"] if place == "order" else f"{client.kid}/orders"
    assert kind_of(client.post(url, {})) == "malformed"


def test_an_authorization_is_given_up(acme):
    client = acme.client()
    answer = client.order("db1.test")
    (url,) = answer.json()["authorizations"]
    assert kind_of(client.post(url, {})) == "malformed"
    assert client.post(url, {"status": "deactivated"}).json()["status"] == "deactivated"
    assert client.post(answer.headers["location"]).json()["status"] == "invalid"
    challenge = client.challenge(client.post(url).json(), "http-01")
    assert client.post(challenge["url"], {}).json()["status"] == "pending"


def test_an_order_ends_after_a_day(acme):
    client = acme.client()
    answer = client.order("db1.test")
    acme.clock.move(hours=24)
    client.nonce = None
    (authorization,) = client.authorizations(answer.json())
    assert authorization["status"] == "expired"
    assert client.post(answer.headers["location"]).json()["status"] == "invalid"


def test_an_account_asks_only_so_often(acme):
    authority = acme.service.office.authority
    limits = replace(authority.settings.acme, orders_per_hour=2, failures_per_hour=1)
    authority.settings = replace(authority.settings, acme=limits)
    client = acme.client()
    assert [client.order("db1.test").status_code for _ in range(3)] == [201, 201, 429]
    acme.clock.move(minutes=61)
    client.nonce = None
    acme.prober.problems["db1.test"] = AcmeError("unauthorized", "no")
    acme.prove(client, client.order("db1.test").json())
    refused = client.order("db1.test")
    assert (kind_of(refused), refused.headers["retry-after"]) == ("rateLimited", "3600")


def test_an_order_may_replace_a_certificate_once(acme):
    client = acme.client()
    leaf, _ = acme.issue(client, "db1.test")
    old = str(renewal.identify(leaf))
    answer = client.order("db1.test", replaces=old)
    assert (answer.status_code, answer.json()["replaces"]) == (201, old)
    again = client.order("db1.test", replaces=old)
    assert (again.status_code, kind_of(again)) == (409, "alreadyReplaced")
    (url,) = answer.json()["authorizations"]
    client.post(url, {"status": "deactivated"})
    assert client.order("db1.test", replaces=old).status_code == 201


def test_what_cannot_be_replaced(acme):
    client, other = acme.client(), acme.client(acme.key("db2"))
    leaf, _ = acme.issue(client, "db1.test")
    old = str(renewal.identify(leaf))
    wrong_key = f"AAAA.{old.partition('.')[2]}"
    assert kind_of(other.order("db1.test", replaces=old)) == "malformed"
    for replaces in ("AAAA.AQ", wrong_key, "nonsense", ""):
        assert kind_of(client.order("db1.test", replaces=replaces)) == "malformed"
    assert kind_of(client.order("a.db.test", replaces=old)) == "malformed"


def test_a_signer_that_is_away_is_waited_for(acme, monkeypatch):
    client = acme.client()
    order = client.order("db1.test").json()
    acme.prove(client, order)

    def away(*_arguments, **_named):
        raise UnavailableError("the signer is away")

    monkeypatch.setattr(Authority, "issue_server", away)
    waiting = client.finalize(order, "db1.test")
    assert (waiting.json()["status"], waiting.headers["retry-after"]) == ("processing", "2")
    monkeypatch.undo()
    acme.clock.move(seconds=61)
    acme.service.keep_fresh(acme.clock.now())
    found = client.post(waiting.headers["location"]).json()
    assert found["status"] == "valid"


def test_what_cannot_be_issued_ends_the_order(acme, monkeypatch):
    client = acme.client()
    order = client.order("db1.test").json()
    acme.prove(client, order)

    def refuse(*_arguments, **_named):
        raise InvalidInputError("the profile says no")

    monkeypatch.setattr(Authority, "issue_server", refuse)
    found = client.finalize(order, "db1.test").json()
    assert (found["status"], found["error"]["detail"]) == (
        "invalid",
        "the certificate was not issued: the profile says no",
    )


def _validate_none(client, order):
    """Ask for the validation of every challenge of an order; return the statuses."""
    found = []
    for authorization in client.authorizations(order):
        found += [client.post(each["url"], {}) for each in authorization["challenges"]]
    return found


def test_one_account_does_not_take_every_place_for_validations(acme):
    client = acme.client(acme.key("hosts", "*.db.test", uses=2))
    names = [f"h{number}.db.test" for number in range(26)]
    answers = _validate_none(client, client.order(*names).json())
    assert [answer.status_code for answer in answers] == [200] * 50 + [429] * 2
    assert kind_of(answers[-1]) == "rateLimited"
    assert answers[-1].headers["retry-after"] == "10"
    again = client.post(answers[0].json()["url"], {})  # asking again begins nothing
    assert again.status_code == 200
    other = acme.client(acme.key("db1"))
    assert _validate_none(other, other.order("db1.test").json())[0].status_code == 200
    jobs = acme.prober.jobs
    while len(jobs) < 51:
        acme.validate()
    assert jobs[50].identifier.value == "db1.test"


def test_an_account_whose_challenges_fail_does_not_have_ever_more_tried(acme):
    authority = acme.service.office.authority
    limits = replace(authority.settings.acme, failures_per_hour=2)
    authority.settings = replace(authority.settings, acme=limits)
    client = acme.client()
    orders = [client.order(name).json() for name in ("db1.test", "a.db.test", "b.db.test")]
    for name in ("db1.test", "a.db.test"):
        acme.prober.problems[name] = AcmeError("unauthorized", "no")
    for order in orders[:2]:
        acme.prove(client, order)
    (answer, _) = _validate_none(client, orders[2])
    assert (answer.status_code, kind_of(answer)) == (429, "rateLimited")
