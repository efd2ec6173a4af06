"""Whether what the CA gave can be the CA's: its lists only ever grow newer. Pure.

Whoever got into the machine that answers, and not to the keys, can give an old list again, on which
a certificate that was revoked since is not. PostgreSQL takes the list that it is given.
"""

from collections.abc import Mapping

from pgward.core.errors import PgwardError
from pgward.hba.install.material import Material, MaterialError
from pgward.pki import crl, pem

_HINT = "what is installed stays; look at the CA, and at who answers at its address"


def check_successor(material: Material, before: Material | None) -> None:
    """Raise PgwardError when a list is older than the one before, or not signed by its root.

    Lists of issuing CAs are signed by certificates that people bring along, so only PostgreSQL
    can verify those.
    """
    lists = material.revocation_lists
    roots = {crl.key_id(root): root for root in pem.split(material.user_ca)}
    known = {} if before is None else _numbers(before)
    for each in lists:
        name, signer = each.issuer.rfc4514_string(), crl.signer_key_id(each)
        if signer in roots and not crl.is_signed_by(each, roots[signer]):
            raise PgwardError(f"the revocation list of {name} is not signed by that CA", hint=_HINT)
        newest = known.get(signer, 0)
        if crl.number(each) < newest:
            raise PgwardError(
                f"the CA gave an older revocation list of {name} (number {crl.number(each)}) "
                f"than the one at hand (number {newest})",
                hint=_HINT,
            )


def _numbers(material: Material) -> Mapping[bytes, int]:
    """Return the number of each list; none of what is damaged, which anything may replace."""
    try:
        lists = material.revocation_lists
    except MaterialError:
        return {}
    return {crl.signer_key_id(each): crl.number(each) for each in lists}
