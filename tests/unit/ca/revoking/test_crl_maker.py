import threading
from datetime import timedelta

import pytest
from cryptography import x509

from pgward.ca import hierarchy
from pgward.ca.issuing.rules import NO_RULES
from pgward.ca.keys.signer import KeySigner
from pgward.ca.records import CaName, Kind, Revocation
from pgward.ca.revoking import crl_maker
from pgward.ca.revoking.crl_maker import CrlMaker, next_number
from pgward.ca.store import certificates as stored
from pgward.ca.store.certificates import CertificateFilter
from pgward.core.errors import NotFoundError, PgwardError
from pgward.pki import crl, csr, key_types, keys, pem
from pgward.pki.crl import RevocationList
from pgward.pki.key_types import KeyType
from tests.fixtures.authority import START
from tests.fixtures.pkilint import lint_crl

REQUEST = csr.make(keys.generate())


def issue(authority, *, minutes=60):
    ends = authority.clock.now() + timedelta(minutes=minutes)
    issued = authority.begin_login(
        REQUEST, user="alice", session_id="s", session_ends=ends, rules=NO_RULES
    ).result()
    return issued.certificate.serial_number


def revoke(authority, store, serial, reason=x509.ReasonFlags.unspecified):
    store.revoke(serial, Revocation(serial, authority.clock.now(), reason))
    return authority.publish_crls()


def user_crl(authority):
    return crl.read(authority.crl(CaName.USER_ISSUING).der)


def test_dates_and_extensions(authority):
    found = user_crl(authority)
    assert found.last_update_utc == START - timedelta(seconds=60)
    assert found.next_update_utc == START + timedelta(days=7)
    kinds = {type(extension.value) for extension in found.extensions}
    assert kinds == {x509.AuthorityKeyIdentifier, x509.CRLNumber}


def test_a_revoked_certificate_appears_with_its_reason(authority, memory_store):
    serial = issue(authority)
    revoke(authority, memory_store, serial, x509.ReasonFlags.key_compromise)
    entry = user_crl(authority).get_revoked_certificate_by_serial_number(serial)
    assert entry.revocation_date_utc == START
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.key_compromise


def test_an_unspecified_reason_is_left_out(authority, memory_store):
    serial = issue(authority)
    revoke(authority, memory_store, serial)
    entry = user_crl(authority).get_revoked_certificate_by_serial_number(serial)
    assert len(entry.extensions) == 0


def test_numbers_increase_and_dates_move(authority, clock):
    numbers = [user_crl(authority)]
    for _ in range(3):
        authority.publish_crls()
        numbers.append(user_crl(authority))
    clock.move(hours=1)
    authority.publish_crls()
    numbers.append(user_crl(authority))
    found = [crl.number(each) for each in numbers]
    assert found == sorted(set(found))
    assert numbers[-1].last_update_utc == START + timedelta(minutes=59)


def test_numbers_grow_even_over_a_restored_backup():
    later = START + timedelta(days=1)
    assert next_number(later, 5) > next_number(START, 5) > 5
    assert next_number(START, 10**20) == 10**20 + 1


def test_an_entry_stays_one_hour_past_expiry(authority, memory_store, clock):
    serial = issue(authority, minutes=60)
    revoke(authority, memory_store, serial)
    clock.move(minutes=120)
    authority.publish_crls()
    assert user_crl(authority).get_revoked_certificate_by_serial_number(serial)
    clock.move(seconds=1)
    authority.publish_crls()
    assert user_crl(authority).get_revoked_certificate_by_serial_number(serial) is None


def test_all_four_lists_are_there_and_verify(authority, hierarchies):
    assert [each.name for each in authority.crls()] == list(CaName)
    issuers = [
        hierarchies.user.root,
        hierarchies.user.issuing.certificate,
        hierarchies.server.root,
        hierarchies.server.issuing.certificate,
    ]
    lists = RevocationList.load([each.der for each in authority.crls()], issuers)
    assert lists.expires_at == START + timedelta(days=7)


def test_a_roots_list_lives_as_long_as_the_root(authority, hierarchies):
    found = authority.crl(CaName.USER_ROOT)
    assert found.next_update == hierarchies.user.root.not_valid_after_utc


def test_a_list_ends_with_its_issuer(authority, hierarchies, clock):
    end = hierarchies.user.issuing.certificate.not_valid_after_utc
    clock.moment = end - timedelta(days=1)
    authority.publish_crls()
    assert user_crl(authority).next_update_utc == end


def test_pkilint_finds_nothing(authority, memory_store):
    for reason in (x509.ReasonFlags.unspecified, x509.ReasonFlags.superseded):
        revoke(authority, memory_store, issue(authority), reason)
    assert [lint_crl(each.der) for each in authority.crls()] == [[]] * 4


def test_a_missing_list_is_told(hierarchies, memory_store, clock):
    with pytest.raises(NotFoundError, match="no revocation list of user-issuing"):
        CrlMaker(hierarchies.issuing(), memory_store, clock).latest(CaName.USER_ISSUING)


def test_no_revocation_comes_in_between(hierarchies, memory_store, clock):
    CrlMaker(hierarchies.issuing(), memory_store, clock).publish()
    assert memory_store.log == ["exclusive", "revocations", "save", "end"] * 2


def test_a_revocation_waits_for_a_list_that_is_being_made(sql_authority, store, monkeypatch):
    # The list that is made last must hold it, whichever began first.
    made, revoked = threading.Event(), threading.Event()
    sign = crl_maker.sign

    def slow(*arguments, **options):
        made.set()
        revoked.wait(0.2)  # it cannot happen: the store is ours
        return sign(*arguments, **options)

    issued = sql_authority.issue_server(REQUEST, kind=Kind.API, name="ca", dns=["localhost"])
    serial = issued.certificate.serial_number
    monkeypatch.setattr(crl_maker, "sign", slow)
    publishing = threading.Thread(target=sql_authority.publish_crls)
    publishing.start()
    made.wait()
    with store.write() as transaction:
        wanted = CertificateFilter(serial=f"{serial:x}")
        reason = x509.ReasonFlags.unspecified
        stored.revoke(transaction, wanted, now=sql_authority.clock.now(), reason=reason)
        sql_authority.publish_crls()
    revoked.set()
    publishing.join()
    newest = crl.read(sql_authority.crl(CaName.SERVER_ISSUING).der)
    assert newest.get_revoked_certificate_by_serial_number(serial)


@pytest.mark.soak
def test_a_list_of_100000_entries_is_exact(hierarchies, openssl):
    ca = hierarchies.user.issuing
    revocations = [
        Revocation(1 << 150 | number, START, x509.ReasonFlags.superseded)
        for number in range(100_000)
    ]
    made = crl_maker.sign(
        *("user-issuing", ca.certificate, ca.signer),
        now=START,
        next_update=START + timedelta(days=7),
        number=1,
        revocations=revocations,
    )
    found = [entry.serial_number for entry in crl.read(made.der)]
    assert found == [each.serial for each in revocations]
    file = openssl.write("crl", made.der)
    issuer = openssl.write("ca.pem", pem.join([ca.certificate]))
    told = openssl.run("crl", "-inform", "DER", "-in", file, "-CAfile", issuer, "-noout")
    assert told == "verify OK\n"


def test_a_signature_that_does_not_verify_is_not_published(hierarchies):
    ca = hierarchies.user.issuing
    broken = KeySigner(keys.generate())
    with pytest.raises(PgwardError, match="list of user-issuing does not verify"):
        crl_maker.sign(
            *("user-issuing", ca.certificate, broken),
            now=START,
            next_update=START + timedelta(days=7),
            number=1,
        )


def test_only_the_lists_named_are_made(authority):
    before = {each.name: each.number for each in authority.crls()}
    assert [each.name for each in authority.publish_crls(["user-issuing"])] == ["user-issuing"]
    changed = {each.name for each in authority.crls() if before[each.name] != each.number}
    assert changed == {"user-issuing"}


@pytest.mark.parametrize(
    ("moved", "due"),
    [
        ({"minutes": 58}, []),
        ({"minutes": 60}, ["user-issuing", "server-issuing"]),
        ({"minutes": -2}, ["user-issuing", "server-issuing"]),
    ],
)
def test_lists_are_due_each_hour_and_when_they_are_from_the_future(authority, clock, moved, due):
    clock.move(**moved)
    assert authority.due_crls() == due


@pytest.mark.parametrize("key_type", list(KeyType))
def test_a_ca_with_any_key_signs_lists(key_type):
    made = hierarchy.create(
        *("Acme", CaName.USER_ROOT, CaName.USER_ISSUING, START),
        lambda role: key_types.generate(key_type if role == CaName.USER_ISSUING else KeyType.P256),
    ).issuing
    found = crl_maker.sign(
        *("user-issuing", made.certificate, KeySigner(made.key)),
        now=START,
        next_update=START + timedelta(days=7),
        number=1,
        revocations=[Revocation(5, START, x509.ReasonFlags.superseded)],
    )
    read = crl.read(found.der)
    assert read.is_signature_valid(made.certificate.public_key())
    assert lint_crl(found.der) == []
