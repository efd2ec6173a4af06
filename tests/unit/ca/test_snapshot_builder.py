from datetime import timedelta

from pgward.ca import snapshot_builder
from pgward.ca.authority import Trust
from pgward.ca.identity import directory
from pgward.ca.identity.directory import ADMINISTRATORS, NewUser
from pgward.ca.recordings.endings import Ending
from pgward.ca.records import CaName, CertificateRecord, Kind
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.snapshot_builder import State
from pgward.ca.snapshot_grants import Packed
from pgward.ca.store.certificates import SqlCertificates
from pgward.pki import pem
from tests.fixtures.authority import START
from tests.fixtures.aware_services import aware
from tests.fixtures.ca_service import service

TRUST = Trust("Acme", (), (), ())


def _spec(**fields):
    return ServiceSpec.model_validate(service(**fields)["spec"])


def test_an_edge_gets_its_services_and_their_groups_only():
    state = State(
        version=7,
        services=[
            ("a", _spec(allow={"groups": ["dba", "empty"], "users": ["ALICE", "ghost"]})),
            ("b", _spec(edges=["e2"], allow={"groups": ["other"]})),
            ("c", _spec(edges=["e1"], limits={"maxConnectionsPerUser": 2})),
        ],
        groups={"dba": ["bob"], "other": ["carol"]},
        names={"alice": "Alice"},
        blocked=["mallory"],
        crls=[b"\0\1"],
        trust=TRUST,
    )
    found = snapshot_builder.build(state, "e1", now=START)
    assert found == {
        "version": 7,
        "issued_at": "2026-11-21T12:00:00Z",
        "edge": "e1",
        "user_roots": [],
        "user_issuing": [],
        "retired": [],
        "orders": False,
        "crls": ["AAE="],
        "services": [
            _served("a", {"users": ["Alice", "ghost"], "groups": ["dba", "empty"]}),
            _served("c", {"users": [], "groups": ["dba"]}, per_user=2),
        ],
        "groups": {"dba": ["bob"], "empty": []},
        "blocked": ["mallory"],
    }


def _served(name, allow, per_user=None):
    return {
        "name": name,
        "mode": "tcp",
        "upstream": {"host": "db1.internal", "port": 5432},
        "allow": allow,
        "max_connections": None,
        "max_connections_per_user": per_user,
    }


def test_a_service_that_asks_for_step_ups_has_a_mode_of_its_own():
    until = START + timedelta(minutes=15)
    state = State(
        version=7,
        services=[("a", _spec(stepUp={"endSessions": True})), ("b", _spec(stepUp={}))],
        groups={},
        names={},
        blocked=[],
        crls=[],
        trust=TRUST,
        proofs={"a": {"alice": until}},
    )
    found = snapshot_builder.build(state, "e1", now=START)["services"]
    assert [(each["mode"], each["step_up"]) for each in found] == [
        ("tcp+step-up", {"end_sessions": True, "proofs": {"alice": "2026-11-21T12:15:00Z"}}),
        ("tcp+step-up", {"end_sessions": False, "proofs": {}}),
    ]


def test_edges_hear_for_whom_recordings_are_and_which_of_their_sessions_end():
    state = State(
        version=7,
        services=[("a", ServiceSpec.model_validate(aware()["spec"])), ("b", _spec())],
        groups={},
        names={},
        blocked=[],
        crls=[],
        trust=Trust("Acme", (), (), ()),
        recipient="age1x",
        endings=[Ending("e1", "b-1", "maintenance", True), Ending("e2", "b-2", "no", False)],
    )
    found = snapshot_builder.build(state, "e1", now=START)
    assert found["recording"] == {"recipient": "age1x"}
    assert found["endings"] == [{"session": "b-1", "reason": "maintenance", "force": True}]


def test_edges_that_speak_postgresql_get_peoples_groups_and_whom_to_trust(hierarchy):
    root, both = hierarchy.root.certificate, ["BOB", "ghost"]
    state = State(
        version=7,
        services=[
            (
                "a",
                ServiceSpec.model_validate(aware(allow={"groups": ["dba"], "users": both})["spec"]),
            ),
            ("b", _spec(allow={"groups": ["other"]})),
            ("c", ServiceSpec.model_validate(aware(stepUp={}, edges=["e2"])["spec"])),
        ],
        groups={"dba": ["bob", "Alice"], "other": ["carol", "bob"], "night": ["Alice"]},
        names={"alice": "Alice", "bob": "bob", "carol": "carol"},
        blocked=[],
        crls=[],
        trust=Trust("Acme", (root,), (), ()),
    )
    found = snapshot_builder.build(state, "e1", now=START)
    assert [(each["name"], each["mode"]) for each in found["services"]] == [
        ("a", "postgres"),
        ("b", "tcp"),
    ]
    assert found["services"][0]["upstream"] == {"host": "db1.internal", "port": 5432}
    assert found["services"][0]["postgres"]["default"]["user"] == {"force": "app"}
    assert found["people"] == {
        "Alice": {"groups": ["dba", "night"]},
        "bob": {"groups": ["dba", "other"]},
    }
    assert found["server_roots"] == [pem.text(root)]
    other = snapshot_builder.build(state, "e2", now=START)["services"]
    assert [each["mode"] for each in other] == ["postgres", "tcp", "postgres+step-up"]


def test_edges_hear_who_has_a_grant_and_in_which_groups_they_are():
    packed = Packed("text", frozenset({"carol"}))
    state = State(
        version=7,
        services=[("a", ServiceSpec.model_validate(aware()["spec"])), ("b", _spec())],
        groups={"night": ["carol"]},
        names={"carol": "carol"},
        blocked=[],
        crls=[],
        trust=TRUST,
        grants={"a": packed, "gone": packed},
    )
    found = snapshot_builder.build(state, "e1", now=START)
    assert [each.get("grants") for each in found["services"]] == ["text", None]
    assert found["people"]["carol"] == {"groups": ["night"]}


def test_the_blocked_are_those_who_still_hold_a_certificate(store, clock, sql_authority):
    with store.write() as transaction:
        for name, groups in {"root": [ADMINISTRATORS], "a": [], "b": [], "c": []}.items():
            directory.add(transaction, NewUser(name, groups=groups), now=START, by="t")
        certificates = SqlCertificates(store, clock)
        for serial, name in enumerate(["a", "c", "gone", "late"], 1):
            minutes = 5 if name == "late" else 60
            record = CertificateRecord(
                serial=serial,
                ca=CaName.USER_ISSUING,
                kind=Kind.PERSON,
                subject=name,
                not_before=START,
                not_after=START + timedelta(minutes=minutes),
                key_sha256="00" * 32,
            )
            certificates.reserve([record])
        for name in ("a", "b"):
            directory.block(transaction, name, "", now=START)
    with store.read() as connection:
        later = START + timedelta(minutes=10)
        assert snapshot_builder.read(connection, sql_authority, 1, later).blocked == ["a", "gone"]
