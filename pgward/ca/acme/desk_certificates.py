"""Certificates: download, revocation (RFC 8555 7.4.2, 7.6), when to renew (RFC 9773)."""

from cryptography import x509

from pgward.ca.acme import documents, issued, messages, orders, renewal
from pgward.ca.acme.accounts import Account
from pgward.ca.acme.authentication import Verified
from pgward.ca.acme.exchange import PEM_CHAIN, Reply, Request
from pgward.ca.acme.issued import IssuedCertificate
from pgward.ca.acme.messages import Revocation
from pgward.ca.acme.office import Office
from pgward.ca.acme.problems import AcmeError, malformed, not_found, unauthorized
from pgward.ca.records import CaName, Kind
from pgward.ca.store import compromised
from pgward.ca.store.certificates import CertificateFilter
from pgward.pki import crl, keys, pem
from pgward.pki import jws as base64url

_REVOCABLE = (Kind.HOST, Kind.EDGE, Kind.PERSON)


def certificate(office: Office, _request: Request, asking: Verified, serial: str) -> Reply:
    """Return the certificate and its issuing CA in PEM (section 7.4.2)."""
    asking.require_empty()
    with office.store.read() as connection:
        found = issued.find(connection, serial)
    if found is None or found.account_id != asking.owner.id:
        raise not_found()
    leaf = pem.join([x509.load_der_x509_certificate(found.der)])
    return Reply(200, content=leaf + (found.chain or "").encode(), content_type=PEM_CHAIN)


def revoke(office: Office, _request: Request, asking: Verified) -> Reply:
    """Revoke for who ordered it, who has its key or who holds all of its names (section 7.6)."""
    wanted = messages.revocation(asking.payload())
    found = _find(office, wanted.certificate)
    _check_may(office, asking, found, wanted)
    actor = asking.account.actor if asking.account else f"{found.kind}:{found.subject}"
    with office.acts.act(actor, "certificate.revoke", found.serial) as act:
        act.details |= {"reason": wanted.reason, "owner": found.subject, "by": "acme"}
        done = office.revoker.revoke(
            act.transaction,
            CertificateFilter(serial=found.serial),
            now=office.now(),
            reason=x509.ReasonFlags[wanted.reason],
        )
        if not done:
            raise AcmeError("alreadyRevoked", "the certificate is revoked already")
    return Reply(200)


def renewal_info(office: Office, certificate_id: str) -> Reply:
    """Say when a certificate should be renewed, to anyone (RFC 9773 section 4)."""
    with office.store.read() as connection:
        found = issued.find_by_id(connection, renewal.parse(certificate_id))
    if found is None or found.kind != Kind.HOST:
        raise malformed("there is no such certificate", status=404)
    at_once = found.revoked or not _has_current_issuer(office, found)
    start, end = renewal.window(
        found.not_before, found.not_after, now=office.now(), at_once=at_once
    )
    headers = {"Retry-After": str(renewal.CHECK_SECONDS)}
    return Reply(200, documents.renewal(start, end), headers)


def _has_current_issuer(office: Office, found: IssuedCertificate) -> bool:
    """Tell whether the CA that issued it still does: during a rotation, hosts leave the old one."""
    issuing = office.authority.standing.generations.current(CaName.SERVER_ISSUING).certificate
    return crl.issuer_key_id(x509.load_der_x509_certificate(found.der)) == crl.key_id(issuing)


def _find(office: Office, text: str) -> IssuedCertificate:
    """Return the stored certificate with exactly these bytes; raise AcmeError."""
    try:
        der = base64url.decode(text)
        serial = f"{x509.load_der_x509_certificate(der).serial_number:x}"
    except Exception as error:  # the parser raises several kinds, and names none as its own
        raise malformed("that is not a certificate") from error
    with office.store.read() as connection:
        found = issued.find(connection, serial)
    if found is None or found.der != der or found.kind not in _REVOCABLE:
        raise malformed("this authority did not issue that certificate", status=404)
    return found


def _holds_all(office: Office, account: Account, found: IssuedCertificate) -> bool:
    """Tell whether the account proved all names of a certificate that another account ordered."""
    with office.store.read() as connection:
        proved = orders.authorized(connection, account.id, office.now())
    allowed = office.allowed(account)
    held = {each.value for each in proved if allowed.permits(each)}
    return found.account_id is not None and found.names <= held


def _check_may(
    office: Office, asking: Verified, found: IssuedCertificate, wanted: Revocation
) -> None:
    if asking.account is not None:
        if found.account_id == asking.account.id:
            return
        if not _holds_all(office, asking.account, found):
            raise unauthorized("another account ordered that certificate")
        if wanted.reason == compromised.REASON:
            # Its key would never be certified again, and it may be somebody else's.
            raise AcmeError(
                "badRevocationReason", "only who has the key can say that it is compromised"
            )
        return
    key = x509.load_der_x509_certificate(found.der).public_key()
    if keys.spki_sha256(key) != asking.key.spki_sha256:
        raise unauthorized("the request was not signed with the certificate's key")
