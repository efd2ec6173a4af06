"""The authority's clock an hour ahead or behind, and put right again: what goes on, what is said.

What is signed carries the time, so a wrong clock shows in certificates and revocation lists.
"""

import time
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from cryptography import x509

from pgward.ca import jobs, timekeeping
from pgward.ca.api_certificate import ApiCertificate
from pgward.ca.records import CaName
from pgward.ca.service.context import Context
from pgward.ca.store import audit
from pgward.client.api import ApiClient, PersonProver, pin
from pgward.client.trust import unverified_context
from pgward.core.errors import PgwardError
from pgward.pki import keys, proof
from tests.fixtures.ca_process import PASSWORD
from tests.fixtures.ca_service import URL, request_pem
from tests.fixtures.faketime import Faketime

pytestmark = pytest.mark.integration


@pytest.fixture
def upkeep(app, sql_authority, store, clock):
    """An authority that has run for a day; do what `ca serve` does every half minute."""
    clock.move(days=1)
    certificate = ApiCertificate(sql_authority)
    context: Context = app.state.context
    for check in context.readiness.checks:
        check.kept_seconds = -1
    context.readiness.checks[2].look = lambda: check_own(certificate)
    sql_authority.publish_crls()

    watch = timekeeping.Watch(store)

    def run():
        certificate.renew_if_due()
        jobs.renew_crls(sql_authority)
        watch.look(clock.now())

    return run


def check_own(certificate):
    if not certificate.is_valid():
        raise PgwardError("not valid")


def not_ready(api):
    states = api.call("GET", "/readyz").json()["checks"]
    return [name for name, state in states.items() if state != "ok"]


def valid_at(device, moment):
    """Get a certificate; tell whether it is valid then."""
    made = x509.load_pem_x509_certificate(device.certificate()["certificate"].encode())
    return made.not_valid_before_utc <= moment < made.not_valid_after_utc


@pytest.mark.usefixtures("upkeep")
@pytest.mark.parametrize(("hours", "side"), [(1, "behind"), (-1, "ahead of")])
def test_people_are_told_that_the_clocks_differ(api, clock, hours, side):
    api.add("alice")
    theirs = clock.now()
    clock.move(hours=hours)
    made = proof.make(keys.generate(), "POST", f"{URL}/v1/login", now=theirs)
    answer = api.call("POST", "/v1/login", {"user": "alice", "password": PASSWORD}, DPoP=made)
    error = answer.json()["error"]
    assert answer.status_code == 403
    assert f"is 3600 s {side} the" in error["message"]
    assert error["hint"] == "set this machine's clock"


def test_an_hour_ahead_and_put_right(upkeep, alice, edge, sql_authority, clock):
    right = clock.now()
    clock.move(hours=1)
    upkeep()
    assert not_ready(alice.api) == []  # nothing here can know
    assert not valid_at(alice, right)
    clock.move(hours=-1)
    # What was signed ahead shows at once …
    assert not_ready(alice.api) == ["crls", "clock"]
    upkeep()
    # … and is replaced with the next upkeep; sessions and machines go on.
    assert not_ready(alice.api) == []
    for name in (CaName.USER_ISSUING, CaName.SERVER_ISSUING):
        assert sql_authority.crl(name).this_update <= clock.now()
    assert valid_at(alice, right)
    assert edge.call("GET", "/v1/edge/snapshot").status_code == 200
    assert alice.api.device("alice").call("GET", "/v1/me").status_code == 200


def test_a_clock_put_right_is_on_record_though_much_was_done_since(upkeep, alice, store, clock):
    clock.move(hours=1)
    upkeep()
    clock.move(hours=-1)
    alice.certificate()
    upkeep()
    with store.read() as connection:
        assert len(audit.events(connection, action="clock.back")) == 1


def test_an_hour_behind_and_put_right(upkeep, alice, edge, sql_authority, clock):
    right, number = clock.now(), sql_authority.crl(CaName.USER_ISSUING).number
    alice.certificate()
    clock.move(hours=-1)
    assert "clock" in not_ready(alice.api)
    upkeep()
    # Short-lived certificates are of no use to anyone whose clock is right.
    assert not valid_at(alice, right + timedelta(minutes=1))
    assert alice.call("GET", "/v1/me").status_code == 200
    clock.move(hours=1)
    upkeep()
    assert not_ready(alice.api) == []
    assert valid_at(alice, right)
    assert sql_authority.crl(CaName.USER_ISSUING).number > number
    assert edge.call("GET", "/v1/edge/snapshot").status_code == 200


@pytest.mark.usefixtures("upkeep")
def test_sessions_and_join_tokens_end_by_the_clock_that_is_right(api, admin, clock):
    clock.move(hours=1)
    ahead = api.device("root")
    body = {"kind": "edge", "name": "e9", "ttl_seconds": 600}
    token = admin.call("POST", "/v1/tokens", body).json()["token"]
    clock.move(hours=-1)
    assert ahead.call("GET", "/v1/me").status_code == 200
    joining = {"token": token, "csr": request_pem(), "advertise": "e9.test:1"}
    clock.move(minutes=69)
    assert api.call("POST", "/v1/enroll", joining).status_code == 201
    clock.move(hours=11)
    assert ahead.call("GET", "/v1/me").status_code == 200
    clock.move(hours=1)
    answer = ahead.call("GET", "/v1/me")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "login_needed")


def test_before_its_own_beginning_it_issues_nothing_and_says_why(alice, clock):
    clock.move(hours=-1)
    answer = alice.call("POST", "/v1/certificates/login", {"csr": request_pem()})
    error = answer.json()["error"]
    assert answer.status_code == 503
    assert "is valid only from 2026-11-21T" in error["message"]
    assert "check the clock of the CA's machine" in error["hint"]
    clock.move(hours=1)
    assert valid_at(alice, clock.now())


@pytest.mark.soak
@pytest.mark.parametrize("by", ["+3600", "-3600"])
def test_a_process_whose_clock_jumps_recovers_by_itself(tmp_path, start_ca, by):
    clock = Faketime(tmp_path)
    ca = start_ca(env=clock.environment())
    trust, key = pin(ca.url, ca.fingerprint), keys.generate()
    login = {"method": "password", "user": "admin", "password": PASSWORD}
    with ApiClient.of(trust, prover=PersonProver(key)) as client:
        clock.move(by)
        with pytest.raises(PgwardError, match=r" 3[56][0-9]{2} s(econds)? (behind|ahead of) "):
            client.post("/v1/login", login)
    wait_for(ca, lambda _answer: crls_are(ca, by))
    clock.move("+0")
    wait_for(ca, lambda answer: answer["status"] == "ok" and crls_are(ca, "+0"))
    with ApiClient.of(trust, prover=PersonProver(key)) as client:
        token = client.post("/v1/login", login)["token"]
    with ApiClient.of(trust, prover=PersonProver(key, token)) as client:
        made = client.post("/v1/certificates/login", {"csr": request_pem()})
    assert made["not_before"] <= datetime.now(UTC).isoformat() < made["not_after"]
    assert ca.stop() == 0


# Unverified: the API's certificate may be of another time.
def crls_are(ca, by):
    """Tell whether the newest lists were signed by a clock that is so far off."""
    with httpx2.Client(verify=unverified_context(), timeout=5) as http:
        lists = http.get(f"{ca.url}/v1/crls").json()["crls"]
    expected = datetime.now(UTC) + timedelta(seconds=int(by))
    signed = [
        datetime.fromisoformat(crl["this_update"]) for crl in lists if "issuing" in crl["name"]
    ]
    return all(abs(expected - moment) < timedelta(minutes=12) for moment in signed)


def wait_for(ca, is_so):
    deadline = time.monotonic() + 60
    with httpx2.Client(verify=unverified_context(), timeout=5) as http:
        while not is_so(http.get(f"{ca.url}/readyz").json()):
            assert time.monotonic() < deadline, ca.messages()
            time.sleep(1)  # what is due is done every half minute
