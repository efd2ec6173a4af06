from datetime import timedelta

import pytest

from pgward.ca.records import CertificateRecord, Kind, Signed
from pgward.ca.rotation import leaves
from pgward.ca.rotation.leaves import Held
from pgward.ca.store.certificates import SqlCertificates
from tests.fixtures.authority import START

HOUR = timedelta(hours=1)
OLD, NEW = ("user-root", "user-issuing"), ("user-root-2", "user-issuing-2")


@pytest.fixture
def issue(store, clock):
    """Store a certificate; one that is not ``signed`` was only begun."""
    certificates, serials = SqlCertificates(store, clock), iter(range(1, 100))

    def made(ca, subject, *, kind=Kind.EDGE, ends=HOUR, signed=True, session=None):
        record = CertificateRecord(
            serial=next(serials),
            ca=ca,
            kind=kind,
            subject=subject,
            not_before=START,
            not_after=START + ends,
            key_sha256="00" * 32,
            session_id=session,
        )
        certificates.reserve([record])
        if signed:
            certificates.record([Signed(record, b"der")])
        return record.serial_hex

    return made


def held(store, now=START):
    with store.read() as connection:
        return leaves.held(connection, OLD, NEW, now)


def test_nobody_holds_anything_at_first(store):
    assert held(store) == []


def test_what_ended_or_is_the_authoritys_own_is_not_held(store, issue):
    issue("user-issuing", "e1", ends=-HOUR)
    issue("user-issuing", "pgward/probe", kind=Kind.PROBE)
    issue("user-root", "user-issuing", kind=Kind.CA)
    issue("user-issuing", "snapshot-signer", kind=Kind.SNAPSHOT)
    issue("server-issuing", "e1")
    assert held(store) == []


def test_a_successor_of_the_new_ca_replaces_a_certificate(store, issue, clock):
    issue("user-issuing", "e1")
    left = issue("user-issuing", "e2", ends=2 * HOUR)
    issue("user-issuing", "db1", kind=Kind.HOST)
    clock.move(seconds=1)
    issue("user-issuing-2", "e1")
    found = held(store)
    assert found == [
        Held("edge", 2, 1, START + 2 * HOUR),
        Held("host", 1, 0, START + HOUR),
    ]
    assert [each.left for each in found] == [1, 1]
    with store.read() as connection:
        assert left in leaves.unreplaced(connection, OLD, NEW, START)


def test_an_older_one_replaces_nothing(store, issue, clock):
    issue("user-issuing-2", "e1")
    clock.move(seconds=1)
    issue("user-issuing", "e1")
    assert [each.left for each in held(store)] == [1]


def test_a_certificate_that_is_being_signed_is_held_for_a_minute(store, issue):
    issue("user-issuing", "e1", signed=False)
    assert [each.left for each in held(store)] == [1]
    assert held(store, START + timedelta(minutes=2)) == []


def test_a_list_is_kept_an_hour_longer_than_the_last_certificate(store, issue):
    with store.read() as connection:
        assert leaves.list_until(connection, "user-issuing", START) == START + HOUR
    issue("user-issuing", "e1", ends=3 * HOUR)
    with store.read() as connection:
        assert leaves.list_until(connection, "user-issuing", START) == START + 4 * HOUR


def test_a_person_has_replaced_what_the_same_login_session_renewed(rotating_ca):
    rotating_ca.api.add("alice")
    here, there = rotating_ca.api.device("alice"), rotating_ca.api.device("alice")
    for each in (here, there):
        each.certificate()
    name = rotating_ca.start("user-issuing").id
    rotating_ca.advance(name)
    here.certificate()
    assert [(each.alive, each.left) for each in held(rotating_ca.store)] == [(2, 1)]
