from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from pgward.hba.agent.backends import (
    EXPIRED_WHY,
    REVOKED_WHY,
    Backend,
    Revoked,
    Sentence,
    Verdicts,
    is_issuer,
    issuer_text,
    judge,
)
from pgward.hba.install.material import read_crls
from tests.fixtures.material import SmallCa

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG = 2**127 + 5


def name(*attributes):
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


ISSUER = name((NameOID.ORGANIZATION_NAME, "Acme"), (NameOID.COMMON_NAME, "User CA"))


def backend(serial=LONG, issuer="/O=Acme/CN=User CA", subject="/CN=alice", pid=1):
    return Backend(pid, "2026-01-01 00:00:00.000001+00", "app", "db", None, serial, issuer, subject)


def listed(*serials, issuer=ISSUER):
    return Revoked({serial: [issuer] for serial in serials})


def test_nobody_ends_who_is_on_no_list():
    assert judge([backend()], [Revoked(), listed(7)], Verdicts(), NOW) == []


def test_who_is_on_a_list_ends():
    one, other = backend(), backend(serial=LONG + 1)
    assert judge([one, other], [Revoked(), listed(LONG)], Verdicts(), NOW) == [
        Sentence(one, REVOKED_WHY)
    ]


def test_another_cas_certificate_with_the_same_number_goes_on():
    other = backend(serial=5, issuer="/CN=Company CA")
    assert judge([other], [listed(5)], Verdicts({"5": "ended"}), NOW) == []


def test_the_cas_word_suffices_and_says_why():
    one = backend()
    verdicts = Verdicts({one.serial_hex: "the login session was ended"})
    assert judge([one], [], verdicts, NOW) == [Sentence(one, "the login session was ended")]


def test_without_serial_numbers_the_word_about_the_session_decides():
    """PostgreSQL 11."""
    alice, bob = backend(serial=None, issuer=""), replace(backend(None, ""), pid=99)
    verdicts = Verdicts(sessions={bob.key: "blocked"})
    assert judge([alice, bob], [listed(LONG)], verdicts, NOW) == [Sentence(bob, "blocked")]


def test_where_there_is_a_number_it_decides():
    one = backend()
    assert judge([one], [], Verdicts(sessions={one.key: "blocked"}), NOW) == []


@pytest.mark.parametrize(("seconds", "over"), [(-1, False), (0, True), (1, True)])
def test_expiry_ends_a_session_only_where_it_is_wanted(seconds, over):
    one = backend()
    verdicts = Verdicts(ends={one.serial_hex: NOW})
    now = NOW + timedelta(seconds=seconds)
    assert judge([one], [], verdicts, now) == []
    found = judge([one], [], verdicts, now, end_at_expiry=True)
    assert found == ([Sentence(one, EXPIRED_WHY)] if over else [])


@pytest.mark.parametrize(
    ("subject", "person"),
    [
        ("/CN=alice", "alice"),
        ("/O=Acme/CN=alice", "alice"),
        ("/CN=alice/OU=x", "alice"),
        ("/CN=a\\,b", "a,b"),
        ("/O=CN=bob", None),
        ("/O=Acme", None),
        ("", None),
        ("/CN=" + "a" * 59, None),
        ("/CN=" + "a" * 58, "a" * 58),
    ],
)
def test_whom_a_subject_names(subject, person):
    assert backend(subject=subject).person == person


def test_lists_are_read_with_their_issuers():
    ca = SmallCa()
    ca.revoked.append(LONG)
    found = Revoked.of(read_crls(ca.crls()))
    issuer = issuer_text(found.issuers[LONG][0])
    assert found.names(backend(issuer=issuer))
    assert not found.names(backend(issuer=issuer + "x"))
    assert not found.names(backend(serial=None, issuer=issuer))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a,b+c", "/CN=a\\,b\\+c"),
        ('"<>;\\', '/CN=\\"\\<\\>\\;\\\\'),
        ("#a", "/CN=\\#a"),
        (" a ", "/CN=\\ a\\ "),
        ("a/b", "/CN=a/b"),
        ("Grüße", "/CN=Grüße"),
    ],
)
def test_names_are_written_as_postgresql_writes_them(value, written):
    assert issuer_text(name((NameOID.COMMON_NAME, value))) == written


def test_a_long_name_is_compared_as_far_as_it_is_told():
    long = name((NameOID.ORGANIZATION_NAME, "ü" * 40), (NameOID.COMMON_NAME, "x"))
    told = issuer_text(long).encode()[:63].decode(errors="replace")
    assert is_issuer(told, long, 5)
    assert not is_issuer("/O=Acme", long, LONG)


def test_a_name_that_may_be_written_otherwise_counts_with_a_random_number():
    strange = name((NameOID.PSEUDONYM, "x"))
    assert is_issuer("/anything=x", strange, LONG)
    assert not is_issuer("/anything=x", strange, 5)
