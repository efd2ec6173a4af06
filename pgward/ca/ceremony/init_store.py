"""What the store of a new CA directory holds: its CAs, their revocation lists, one person."""

from cryptography.hazmat.primitives.serialization import Encoding

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.hierarchy import NewCa, NewHierarchy
from pgward.ca.identity import directory as people
from pgward.ca.keys.signer import KeySigner
from pgward.ca.records import CaName, CertificateRecord, Kind, Signed
from pgward.ca.revoking import crl_maker
from pgward.ca.store import Store
from pgward.ca.store.certificates import SqlCertificates
from pgward.core.clock import Clock
from pgward.pki import fingerprint, keys


def fill(
    store: Store, made: list[NewHierarchy], administrator: str, password_hash: str, clock: Clock
) -> None:
    """Store everything at once; nothing of CAs when ``made`` is empty (a subordinate's)."""
    now = clock.now()
    certificates = SqlCertificates(store, clock)
    new = people.NewUser(administrator, groups=[people.ADMINISTRATORS], password_hash=password_hash)
    details = {"server_root": fingerprint.of(made[-1].root.certificate)} if made else {}
    with store.write() as transaction:
        for each in made:
            _store_hierarchy(certificates, each, clock)
        people.add(transaction, new, now=now, by=caller.SYSTEM)
        transaction.record(
            AuditEvent.make(
                time=now,
                actor=caller.SYSTEM,
                action="ca.init",
                target=administrator,
                details=details,
            )
        )


def _store_hierarchy(certificates: SqlCertificates, made: NewHierarchy, clock: Clock) -> None:
    """Store both certificates and a CRL of each; the root's lives as long as the root."""
    for ca in (made.root, made.issuing):
        record = _record(ca, made.root.name)
        certificates.reserve([record])
        certificates.record([Signed(record, ca.certificate.public_bytes(Encoding.DER))])
    now, root = clock.now(), made.root
    certificates.save_crl(
        crl_maker.sign(
            root.name,
            root.certificate,
            KeySigner(root.key),
            now=now,
            next_update=root.certificate.not_valid_after_utc,
            number=crl_maker.next_number(now, 0),
        )
    )
    crl_maker.CrlMaker([made.issuing.as_issuing()], certificates, clock).publish()


def _record(ca: NewCa, root: CaName) -> CertificateRecord:
    return CertificateRecord(
        serial=ca.certificate.serial_number,
        ca=root,
        kind=Kind.CA,
        subject=ca.name,
        not_before=ca.certificate.not_valid_before_utc,
        not_after=ca.certificate.not_valid_after_utc,
        key_sha256=keys.spki_sha256(ca.key.public_key()),
    )
