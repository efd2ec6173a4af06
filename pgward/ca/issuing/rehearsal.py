"""A rehearsal: leaves under copies of a chain, with throw-away keys, as clients would see them.

What a company's root put into the certificate of our CA may be well formed and still not work: an
extended key usage that leaves out clients, say, or name constraints. So copies of both CAs are
made, with every extension, and a leaf of each profile is verified under them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from pgward.ca.issuing import profiles
from pgward.ca.issuing.profiles import Contents, Profile
from pgward.ca.keys.signer import KeySigner
from pgward.ca.records import CaName
from pgward.pki import chain, keys
from pgward.pki.errors import ChainError
from pgward.pki.key_types import SigningKey

_LEAVES: dict[CaName, tuple[Profile, ...]] = {
    CaName.USER_ISSUING: (profiles.LOGIN,),
    CaName.SERVER_ISSUING: (profiles.SERVER, profiles.SNAPSHOT),
}
_PURPOSES = {
    profiles.LOGIN.name: chain.CLIENT_AUTH,
    profiles.SERVER.name: chain.SERVER_AUTH,
    profiles.SNAPSHOT.name: chain.SNAPSHOT_SIGNING,
}


@dataclass(frozen=True, slots=True)
class _Copy:
    certificate: x509.Certificate
    key: SigningKey


def findings(
    name: CaName, issuing: x509.Certificate, root: x509.Certificate, now: datetime
) -> Iterator[str]:
    """Tell which certificates of ours nobody would accept, and why."""
    root_copy = _copy(root, None)
    copy = _copy(issuing, root_copy)
    for profile in _LEAVES[name]:
        leaf = _leaf(profile, copy, now)
        try:
            chain.verify(
                leaf, [copy.certificate], [root_copy.certificate], now, _PURPOSES[profile.name]
            )
        except ChainError as error:
            yield f"no {profile.name} certificate under {name} would be accepted: {error.message}"


def _copy(original: x509.Certificate, issuer: _Copy | None) -> _Copy:
    key = keys.generate()
    builder = (
        x509.CertificateBuilder()
        .subject_name(original.subject)
        .issuer_name(original.issuer)
        .public_key(key.public_key())
        .serial_number(original.serial_number)
        .not_valid_before(original.not_valid_before_utc)
        .not_valid_after(original.not_valid_after_utc)
    )
    for each in original.extensions:
        builder = builder.add_extension(each.value, each.critical)
    return _Copy(KeySigner(issuer.key if issuer else key).sign_certificate(builder), key)


def _leaf(profile: Profile, issuer: _Copy, now: datetime) -> x509.Certificate:
    dns = ("db.example.com",) if profile.subject_alt_names else ()
    start = now.replace(microsecond=0)
    contents = Contents(
        subject=profiles.common_name("alice"),
        key=keys.generate().public_key(),
        serial=x509.random_serial_number(),
        not_before=start - profiles.BACKDATE,
        not_after=start + timedelta(hours=1),
        dns=dns,
    )
    unsigned = profiles.build(profile, contents, issuer.certificate)
    return KeySigner(issuer.key).sign_certificate(unsigned)
