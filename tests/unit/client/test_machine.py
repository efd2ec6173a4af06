import json
import resource
from base64 import urlsafe_b64encode
from datetime import timedelta

import httpx2
import pytest

from pgward.client.machine import JoinToken, Machine
from pgward.client.trust import FingerprintError
from pgward.core.errors import DeniedError, InvalidInputError, NotFoundError
from pgward.pki import pem
from pgward.system.files import StorageError
from tests.fixtures.fake_ca import URL, error


def token(**fields: object) -> str:
    return "pgj1." + urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


@pytest.fixture
def join(fake_ca):
    return token(url=URL, fingerprint=fake_ca.fingerprint, secret="s3cret")


@pytest.fixture
def machine(fake_ca, join, tmp_path):
    made = Machine.enroll(tmp_path / "m", join, advertise="e.test:7432", clock=fake_ca.clock)
    fake_ca.requests.clear()
    yield made
    made.close()


def test_a_token_says_where_and_whom_to_trust(fake_ca, join):
    found = JoinToken.parse(f" {join}\n")
    assert found == JoinToken(URL, fake_ca.fingerprint, "s3cret")


@pytest.mark.parametrize(
    "text",
    [
        *("", "pgj1.", "pgj1.e30", "pgj2.e30", "hello", "pgj1.#", "pgj1." + "A" * 10000),
        token(url="http://x", fingerprint="0" * 64, secret="s"),
        token(url=URL, fingerprint="abc", secret="s"),
        token(url=1, fingerprint="0" * 64, secret="s"),
        token(url=URL, fingerprint="0" * 64),
    ],
)
def test_what_is_no_token_is_refused_without_quoting_it(text):
    with pytest.raises(InvalidInputError, match=r"^that is not a join token$"):
        JoinToken.parse(text)


def test_enrolling_sends_the_secret_and_a_request(fake_ca, join, tmp_path):
    made = Machine.enroll(tmp_path / "m", join, advertise="e.test:7432", clock=fake_ca.clock)
    assert fake_ca.calls == ["GET /v1/trust", "GET /v1/health", "POST /v1/enroll"]
    body = json.loads(fake_ca.requests[-1].content)
    assert (body["token"], body["advertise"]) == ("s3cret", "e.test:7432")
    assert body["csr"].startswith("-----BEGIN CERTIFICATE REQUEST-----")
    assert (made.name, made.kind, made.ca_url) == ("e1", "edge", URL)
    assert pem.split(made.paths.cert.read_bytes())[0] == made.leaf
    assert json.loads((tmp_path / "m" / "machine.json").read_text()) == {
        "ca_url": URL,
        "fingerprint": fake_ca.fingerprint,
        "name": "e1",
        "kind": "edge",
    }
    made.close()


def test_an_impostor_never_sees_the_secret(fake_ca, tmp_path):
    text = token(url=URL, fingerprint="0" * 64, secret="s3cret")
    with pytest.raises(FingerprintError):
        Machine.enroll(tmp_path / "m", text, advertise=None, clock=fake_ca.clock)
    assert fake_ca.calls == ["GET /v1/trust"]


def test_a_full_disk_does_not_use_the_token_up(fake_ca, join, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # as a full disk: empty files only
    try:
        with pytest.raises(StorageError, match="cannot write"):
            Machine.enroll(tmp_path / "m", join, advertise=None, clock=fake_ca.clock)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert fake_ca.calls == []


def test_a_used_token_leaves_the_machine_as_it_was(fake_ca, join, machine, tmp_path):
    fake_ca.routes["POST /v1/enroll"] = error("denied", "used already")
    before = machine.leaf
    with pytest.raises(DeniedError, match="used already"):
        Machine.enroll(tmp_path / "m", join, advertise=None, clock=fake_ca.clock)
    assert Machine.load(tmp_path / "m").leaf == before


def test_loading_where_nothing_was_enrolled(tmp_path):
    with pytest.raises(NotFoundError, match="no machine is enrolled in"):
        Machine.load(tmp_path)


def test_loading_a_damaged_machine(machine, tmp_path):
    machine._generations.current.joinpath("machine.json").write_text('{"name": 1, "x": 2}')
    with pytest.raises(InvalidInputError, match="this file is damaged"):
        Machine.load(tmp_path / "m")


def test_renewing_changes_certificate_and_key_at_the_same_paths(machine):
    paths, leaf, key = machine.paths, machine.leaf, machine.paths.key.read_bytes()
    machine.renew()
    assert machine.paths == paths
    assert machine.leaf != leaf
    assert paths.key.read_bytes() != key


def test_renewing_only_when_due(fake_ca, machine):
    assert machine.ensure_certificate(timedelta(minutes=10)) is False
    fake_ca.clock.advance(minutes=55)
    assert machine.ensure_certificate(timedelta(minutes=10)) is True
    assert machine.ensure_certificate(timedelta(minutes=10)) is False
    assert fake_ca.calls == ["POST /v1/machine/renew"]


def test_what_another_process_renewed_is_taken(fake_ca, machine, tmp_path):
    other = Machine.load(tmp_path / "m", clock=fake_ca.clock)
    other.renew()
    assert machine.ensure_certificate(timedelta(minutes=10)) is True
    assert machine.leaf == other.leaf
    other.close()


def test_a_connection_outlives_a_renewal(machine):
    client = machine._api()
    machine.renew()
    assert machine._api() is client


def test_the_cas_documents(fake_ca, machine):
    fake_ca.routes["GET /v1/crls"] = {"crls": [{"name": "user-root"}, {"name": "user-issuing"}]}
    for name in ("user-root", "user-issuing"):
        fake_ca.routes[f"GET /v1/crls/{name}.crl"] = httpx2.Response(200, content=name.encode())
    assert machine.crls() == {"user-root": b"user-root", "user-issuing": b"user-issuing"}
    assert machine.trust() == {"user_roots": [], "server_roots": [pem.text(fake_ca.root)]}


def test_snapshots(fake_ca, machine):
    fake_ca.routes["GET /v1/edge/snapshot"] = {"snapshot": "a.b.c"}
    assert machine.snapshot(7, 30) == {"snapshot": "a.b.c"}
    assert dict(fake_ca.requests[-1].url.params) == {"after": "7", "wait": "30"}
    assert fake_ca.requests[-1].extensions["timeout"]["read"] == 45
    fake_ca.routes["GET /v1/edge/snapshot"] = httpx2.Response(204)
    assert machine.snapshot(7, 0) is None


def test_news_of_a_host(fake_ca, machine):
    reply = {"version": 7, "tag": "ab", "parts": {"crls": "user-root:1"}}
    fake_ca.routes["GET /v1/host/news"] = reply
    assert machine.news(0, None, 0) == reply
    assert dict(fake_ca.requests[-1].url.params) == {"after": "0", "wait": "0"}
    fake_ca.routes["GET /v1/host/news"] = httpx2.Response(204)
    assert machine.news(7, "ab", 25) is None
    assert dict(fake_ca.requests[-1].url.params) == {"after": "7", "wait": "25", "tag": "ab"}
    assert fake_ca.requests[-1].extensions["timeout"]["read"] == 40


def test_whose_sessions_may_go_on_is_asked_for(fake_ca, machine):
    fake_ca.routes["POST /v1/edge/standings"] = lambda body: {"certificates": [body]}
    assert machine.standings(["1f"]) == {"certificates": [{"serials": ["1f"]}]}
    session = {"person": "alice", "began": "2026-01-01T00:00:00Z"}
    asked = {"serials": [], "sessions": [session]}
    assert machine.standings([], [session]) == {"certificates": [asked]}


def test_events_are_sent_and_confirmed(fake_ca, machine):
    fake_ca.routes["POST /v1/edge/events"] = lambda body: {
        "accepted": [each["id"] for each in body["events"]]
    }
    assert machine.send_events([{"id": "1"}, {"id": "2"}]) == ["1", "2"]


def test_the_clocks_difference_is_none_before_any_answer_and_small_here(machine):
    assert machine.skew() == timedelta()
    machine.trust()
    assert abs(machine.skew()) < timedelta(seconds=5)


def test_it_puts_what_is_not_json_and_hears_of_a_conflict(machine, fake_ca):
    took = []
    fake_ca.routes["PUT /v1/x"] = lambda body: took.append(body) or {"head": 1}
    fake_ca.routes["PUT /v1/y"] = httpx2.Response(409, json={"reason": "gap"})
    fake_ca.routes["PUT /v1/z"] = error("denied", "not yours")
    assert machine.put_content("/v1/x", b"\0data", {"X-Note": "n"}) == (200, {"head": 1})
    assert (took, fake_ca.requests[-1].headers["X-Note"]) == ([b"\0data"], "n")
    assert machine.put_content("/v1/y", b"", {}) == (409, {"reason": "gap"})
    with pytest.raises(DeniedError, match="not yours"):
        machine.put_content("/v1/z", b"", {})


def test_its_credentials_are_its_present_ones(machine):
    key, chain = machine.credentials
    assert chain[0] == machine.leaf
    assert key.public_key() == machine.leaf.public_key()
    machine.renew()
    assert machine.credentials[1][0] == machine.leaf != chain[0]
