from base64 import b64encode
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from pgward.core.address import Address
from pgward.pki import chain, keys
from pgward.pki.crl import key_id
from pgward.tunnel.edge.state import EdgeState, Peer, Service, SnapshotError
from pgward.tunnel.edge.state_postgres import read_postgres
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures import pki
from tests.fixtures.aware_services import snapshot_block
from tests.fixtures.granting import packed, person
from tests.fixtures.pki import NOW
from tests.fixtures.recordings import RECIPIENT

EKU = (ExtendedKeyUsageOID.CLIENT_AUTH,)
HOUR = timedelta(hours=1)
REVOKED = 0xBAD


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def service(name="orders", **fields):
    return {
        "name": name,
        "mode": "tcp",
        "upstream": {"host": "db1.internal", "port": 5432},
        "allow": {"users": [], "groups": ["dba"]},
        **fields,
    }


@pytest.fixture
def payload(hierarchy):
    crls = [hierarchy.root.crl(), hierarchy.issuing.crl([REVOKED])]
    return {
        "version": 7,
        "issued_at": "2026-11-21T12:00:00Z",
        "edge": "e1",
        "user_roots": [pem(hierarchy.root.certificate)],
        "user_issuing": [pem(hierarchy.issuing.certificate)],
        "crls": [b64encode(crl).decode() for crl in crls],
        "services": [service()],
        "groups": {"dba": ["alice"], "dev": ["carol"]},
        "blocked": ["mallory"],
    }


@pytest.fixture
def peer(hierarchy):
    def make(user="alice", serial=1, issuer=hierarchy.issuing, life=HOUR):
        return Peer(user, serial, key_id(issuer.certificate), NOW + life)

    return make


def refusal(act, *arguments) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        act(*arguments)
    return caught.value


# --- reading a snapshot -------------------------------------------------------------------


def test_a_snapshot_is_read_whole(payload, hierarchy):
    payload["services"] = [service(max_connections=200, max_connections_per_user=50)]
    state = EdgeState.load(payload)
    assert state.version == 7
    assert state.user_roots == pem(hierarchy.root.certificate)
    assert state.groups == {"dba": {"alice"}, "dev": {"carol"}}
    assert state.blocked == {"mallory"}
    assert state.services == {
        "orders": Service(
            "orders", Address("db1.internal", 5432), frozenset(), frozenset({"dba"}), 200, 50
        )
    }


def test_limits_are_optional(payload):
    made = EdgeState.load(payload).services["orders"]
    assert (made.max_connections, made.max_connections_per_user) == (None, None)


def test_a_mode_of_a_newer_ca_is_left_out_alone(payload):
    payload["services"] += [{"name": "new", "mode": "quic"}]
    assert list(EdgeState.load(payload).services) == ["orders"]


def aware(name="aware", **fields):
    return service(name, mode="postgres", postgres=snapshot_block(), **fields)


def test_a_service_in_mode_postgres_is_read(payload, hierarchy):
    root = pem(hierarchy.root.certificate)
    steps = {"end_sessions": True, "proofs": {}}
    payload["services"] += [aware(), aware("strict", step_up=steps)]
    payload["services"][-1]["mode"] = "postgres+step-up"
    payload |= {"people": {"alice": {"groups": ["night", "dba"]}}, "server_roots": [root]}
    state = EdgeState.load(payload)
    found = state.services["aware"]
    assert found.postgres == read_postgres(snapshot_block())
    assert (found.upstream, found.step_up) == (Address("db1.internal", 5432), None)
    assert state.services["strict"].step_up.ends_sessions
    assert state.services["orders"].postgres is None
    assert (state.people, state.server_roots) == ({"alice": ("dba", "night")}, root)


def test_what_did_not_change_is_the_very_same(payload):
    payload["services"] += [aware(), aware("other"), aware("third")]
    before = EdgeState.load(payload)
    payload["services"][2]["max_connections"] = 7
    payload["services"][3]["postgres"]["reason_required"] = True
    loaded = EdgeState.load(payload)
    after = loaded.keeping(before)
    assert after == loaded
    same = {name: after.services[name] is before.services[name] for name in after.services}
    assert same == {"orders": True, "aware": True, "other": False, "third": False}
    assert after.services["other"].postgres is before.services["other"].postgres
    assert after.services["third"].postgres is not before.services["third"].postgres


# --- grants -------------------------------------------------------------------------------


def granting(*live, role="carol"):
    return packed({"carol": person(*live, role=role)})


def test_who_has_a_grant_may_come_until_it_ends(payload, peer):
    payload["services"] = [service(grants=granting((NOW + HOUR, ["a"])))]
    state = EdgeState.load(payload)
    carol = peer("carol")
    assert state.authorize(carol, "orders", NOW).name == "orders"
    assert state.may_go_on(carol, "orders", NOW).name == "orders"
    assert not state.has_standing(state.services["orders"], "carol")
    late = NOW + HOUR
    assert refusal(state.may_go_on, carol, "orders", late).reason is Reason.DENIED
    assert refusal(state.authorize, carol, "orders", NOW, late).reason is Reason.DENIED
    assert refusal(state.authorize, peer("dave"), "orders", NOW).reason is Reason.DENIED


def test_a_grant_is_no_way_around_a_block(payload, peer):
    payload["services"] = [service(grants=granting((NOW + HOUR, ["a"])))]
    payload["blocked"] = ["carol"]
    assert refusal(EdgeState.load(payload).authorize, peer("carol"), "orders", NOW).reason is (
        Reason.BLOCKED
    )


def test_grants_that_did_not_change_are_not_read_again(payload):
    payload["services"] = [service(grants=granting((NOW + HOUR, ["a"]))), service("other")]
    before = EdgeState.load(payload)
    payload["services"][1]["grants"] = granting((NOW, ["b"]))
    after = EdgeState.load(payload, before)
    assert after.services["orders"].grants is before.services["orders"].grants
    assert len(after.services["other"].grants) == 1
    assert after.keeping(before).services["orders"] is before.services["orders"]


def test_grants_that_cannot_be_read_let_nobody_in(payload, peer, caplog):
    payload["services"] = [service(grants="?")]
    state = EdgeState.load(payload)
    assert refusal(state.authorize, peer("carol"), "orders", NOW).reason is Reason.DENIED
    assert "the grants of a service are left out" in caplog.text


def test_when_it_was_made_is_read(payload):
    assert EdgeState.load(payload).issued_at == NOW
    del payload["issued_at"]
    assert EdgeState.load(payload).issued_at is None


def test_nobody_comes_to_a_forwarded_service_without_a_certificate(payload):
    """As a service is told to forward only while somebody shows a one-time password for it."""
    payload["services"] += [aware()]
    state = EdgeState.load(payload)
    guest = Peer("alice", 0, b"", NOW + HOUR, login="s1")
    assert state.authorize(guest, "aware", NOW).name == "aware"
    for ask in (lambda: state.authorize(guest, "orders", NOW),
                lambda: state.may_go_on(guest, "orders", NOW)):  # fmt: skip
        with pytest.raises(RefusedError, match="without a login certificate"):
            ask()


def test_a_service_with_what_a_newer_ca_knows_is_left_out_alone(payload, caplog):
    strange = aware()
    strange["postgres"]["default"]["ssl_mode"] = "quantum"
    payload["services"] += [strange]
    assert list(EdgeState.load(payload).services) == ["orders"]
    assert "the service aware is left out: 'quantum'" in caplog.text


@pytest.mark.parametrize("missing", ["version", "user_roots", "user_issuing", "crls", "services",
                                     "groups", "blocked"])  # fmt: skip
def test_a_snapshot_without_a_part_is_not_used(payload, missing):
    del payload[missing]
    with pytest.raises(SnapshotError, match=missing):
        EdgeState.load(payload)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "seven"},
        {"version": None},
        {"user_roots": ["no certificate"]},
        {"user_roots": []},
        {"user_roots": [3]},
        {"crls": ["&&&"]},
        {"crls": ["AAAA"]},
        {"crls": []},
        {"crls": None},
        {"services": None},
        {"services": ["orders"]},
        {"groups": ["dba"]},
        {"groups": {"dba": None}},
        {"groups": {"dba": "alice"}},
        {"blocked": 3},
        {"blocked": "mallory"},
        {"blocked": [["mallory"]]},
    ],
    ids=repr,
)
def test_a_malformed_snapshot_is_not_used(payload, change):
    with pytest.raises(SnapshotError, match=r"^the CA's snapshot cannot be used: "):
        EdgeState.load(payload | change)


@pytest.mark.parametrize(
    "fields",
    [
        {"upstream": None},
        {"upstream": {"host": "db"}},
        {"upstream": {"host": "db", "port": "5432"}},
        {"upstream": {"host": "db", "port": 0}},
        {"upstream": {"host": "db", "port": 65536}},
        {"allow": {}},
        {"allow": {"users": None, "groups": []}},
        {"allow": {"users": "alice", "groups": []}},
        {"allow": {"users": [], "groups": [None]}},
        {"max_connections": "many"},
        {"max_connections_per_user": -1},
    ],
    ids=repr,
)
def test_a_malformed_service_spoils_the_snapshot(payload, fields):
    payload["services"] += [service("other", **fields)]
    with pytest.raises(SnapshotError):
        EdgeState.load(payload)


def test_a_missing_revocation_list_spoils_the_snapshot(payload):
    del payload["crls"][1]
    with pytest.raises(SnapshotError, match="issuing"):
        EdgeState.load(payload)


def test_a_revocation_list_that_another_ca_signed_spoils_the_snapshot(payload, hierarchy):
    forged = hierarchy.issuing.crl(key=keys.generate())
    payload["crls"][1] = b64encode(forged).decode()
    with pytest.raises(SnapshotError, match="not signed by that CA"):
        EdgeState.load(payload)


# --- who a certificate names --------------------------------------------------------------


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def test_a_peer_is_what_its_certificate_says(hierarchy):
    leaf = hierarchy.issuing.issue("alice", keys.generate(), EKU, end=NOW + HOUR)
    expected = Peer("alice", leaf.serial_number, key_id(hierarchy.issuing.certificate), NOW + HOUR)
    assert Peer.of(der(leaf)) == expected


def signed(names: list[str]) -> bytes:
    key = keys.generate()
    oid = x509.NameOID.COMMON_NAME
    subject = x509.Name([x509.NameAttribute(oid, each) for each in names])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(pki.name("ca"))
    builder = builder.public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + HOUR)
    return der(builder.sign(key, hashes.SHA256()))


@pytest.mark.parametrize("names", [[], ["alice", "postgres"]])
def test_a_certificate_names_exactly_one_person(names):
    error = refusal(Peer.of, signed(names))
    assert (error.reason, error.message) == (
        Reason.DENIED,
        "that certificate does not name one person",
    )


def test_what_was_minted_for_an_edge_lets_nobody_in(hierarchy):
    leaf = hierarchy.issuing.issue("alice", keys.generate(), [*EKU, chain.MINTED])
    error = refusal(Peer.of, der(leaf))
    assert (error.reason, error.message) == (
        Reason.DENIED,
        "that certificate was minted for an edge",
    )


def test_a_certificate_whose_issuer_is_unclear_cannot_be_looked_up():
    assert refusal(Peer.of, signed(["alice"])).reason == Reason.DENIED


# --- the decision -------------------------------------------------------------------------


@pytest.fixture
def state(payload):
    payload["services"] += [service("mine", allow={"users": ["bob", "mallory"], "groups": []})]
    return EdgeState.load(payload)


def test_a_member_of_an_allowed_group_gets_the_service(state, peer):
    assert state.authorize(peer("alice"), "orders", NOW) is state.services["orders"]


def test_an_allowed_person_gets_the_service(state, peer):
    assert state.authorize(peer("bob"), "mine", NOW) is state.services["mine"]


DECISIONS = {
    # name: (changes to the peer, service, reason)
    "nobody allowed it": ({"user": "carol"}, "orders", Reason.DENIED),
    "a group is no user": ({"user": "dba"}, "orders", Reason.DENIED),
    "names differ by case": ({"user": "Alice"}, "orders", Reason.DENIED),
    "no such service": ({}, "nowhere", Reason.DENIED),
    "a service of others": ({}, "mine", Reason.DENIED),
    "expired": ({"life": -HOUR}, "orders", Reason.EXPIRED),
    "expired this moment": ({"life": timedelta()}, "orders", Reason.EXPIRED),
    "revoked": ({"serial": REVOKED}, "orders", Reason.REVOKED),
    "blocked, though allowed": ({"user": "mallory"}, "mine", Reason.BLOCKED),
    "expired before all else": ({"life": -HOUR, "serial": REVOKED}, "orders", Reason.EXPIRED),
}


@pytest.mark.parametrize("name", DECISIONS)
def test_who_is_refused_and_why(state, peer, name):
    changes, wanted, reason = DECISIONS[name]
    assert refusal(state.authorize, peer(**changes), wanted, NOW).reason == reason


def test_a_hidden_service_looks_like_one_that_is_not_there(state, peer):
    answers = [refusal(state.authorize, peer(), name, NOW) for name in ("mine", "nowhere")]
    assert len({(e.reason, e.message, e.hint) for e in answers}) == 1


def test_a_certificate_of_an_unknown_issuer_is_refused_by_name(state, peer):
    error = refusal(state.authorize, peer(issuer=pki.TestCa.root()), "orders", NOW)
    assert error.reason == Reason.DENIED
    assert error.message == "the edge does not know the CA of your certificate"


def test_a_serial_counts_for_its_issuer_only(state, peer, hierarchy):
    state.check_peer(peer(serial=REVOKED, issuer=hierarchy.root), NOW)


def test_a_revocation_list_that_has_ended_lets_nobody_in(state, peer):
    end = NOW + timedelta(days=7)
    lasting = peer(life=timedelta(days=8))
    state.check_peer(lasting, end - timedelta(seconds=1))
    assert refusal(state.check_peer, lasting, end).reason == Reason.STALE


# --- what ends a running session ----------------------------------------------------------


def test_time_alone_ends_no_session(state, peer):
    assert state.revocations.expires_at < NOW + timedelta(days=8)
    state.may_go_on(peer(life=-HOUR), "orders", NOW)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"blocked": ["alice"]}, Reason.BLOCKED),
        ({"services": []}, Reason.DENIED),
        ({"groups": {"dba": []}}, Reason.DENIED),
        ({"groups": {}}, Reason.DENIED),
    ],
    ids=repr,
)
def test_the_next_snapshot_can_end_a_session(payload, peer, change, reason):
    alice = peer("alice")
    EdgeState.load(payload).may_go_on(alice, "orders", NOW)
    later = EdgeState.load(payload | change)
    assert refusal(later.may_go_on, alice, "orders", NOW).reason == reason


def test_a_later_revocation_ends_a_session(payload, peer, hierarchy):
    alice = peer("alice", serial=99)
    EdgeState.load(payload).may_go_on(alice, "orders", NOW)
    payload["crls"].append(b64encode(hierarchy.issuing.crl([99], number=2)).decode())
    assert refusal(EdgeState.load(payload).may_go_on, alice, "orders", NOW).reason == Reason.REVOKED


# --- CAs that were replaced -----------------------------------------------------------------


@pytest.fixture
def replaced(payload):
    """A snapshot after a rotation: the CA of before, and one that it revoked."""
    former = pki.TestCa.root("former root").sub("former")
    payload["retired"] = [
        {
            "certificate": pem(former.certificate),
            "crl": b64encode(former.crl([REVOKED])).decode(),
        }
    ]
    return EdgeState.load(payload), former


def test_a_ca_that_was_replaced_lets_nobody_new_in(replaced, peer):
    state, former = replaced
    refused = refusal(state.authorize, peer(issuer=former), "orders", NOW)
    assert (refused.reason, refused.message) == (
        Reason.EXPIRED,
        "the CA of your certificate has been replaced",
    )


def test_its_sessions_go_on_unless_they_are_revoked(replaced, peer):
    state, former = replaced
    state.may_go_on(peer(issuer=former), "orders", NOW)
    assert refusal(state.may_go_on, peer(serial=REVOKED, issuer=former), "orders", NOW).reason is (
        Reason.REVOKED
    )
    blocked = refusal(state.may_go_on, peer("mallory", issuer=former), "orders", NOW)
    assert blocked.reason is Reason.BLOCKED


def test_a_replaced_ca_may_have_no_list_any_more(payload, peer):
    former = pki.TestCa.root("former root")
    payload["retired"] = [{"certificate": pem(former.certificate), "crl": None}]
    state = EdgeState.load(payload)
    state.may_go_on(peer(serial=REVOKED, issuer=former), "orders", NOW)


@pytest.mark.parametrize("retired", [[{}], [{"certificate": "x", "crl": None}], 7])
def test_a_malformed_replaced_ca(payload, retired):
    payload["retired"] = retired
    with pytest.raises(SnapshotError):
        EdgeState.load(payload)


def test_orders_are_told(payload):
    assert not EdgeState.load(payload).has_orders
    assert EdgeState.load(payload | {"orders": True}).has_orders


def test_for_whom_recordings_are_encrypted_and_what_is_to_end(payload):
    state = EdgeState.load(payload)
    assert (state.recipient, state.endings) == (None, {})
    more = {
        "recording": {"recipient": RECIPIENT},
        "endings": [{"session": "b-1", "reason": "maintenance", "force": True}],
    }
    state = EdgeState.load(payload | more)
    assert (state.recipient, state.endings) == (RECIPIENT, {"b-1": ("maintenance", True)})
    for wrong in ({"recording": {"recipient": "age1x"}}, {"endings": [{}]}):
        with pytest.raises(SnapshotError):
            EdgeState.load(payload | wrong)


def test_who_comes_from_a_browser_needs_an_edge_that_reads(state, hierarchy):
    leaf = hierarchy.issuing.issue("bob", keys.generate(), [*EKU, chain.WEB], end=NOW + HOUR)
    peer = Peer.of(der(leaf))
    assert (peer.web, peer.browser) == (True, None)
    error = refusal(lambda each: state.may_go_on(each, "mine", NOW), peer)
    assert (error.reason, error.message) == (
        Reason.DENIED,
        "mine lets nobody in from a browser",
    )
