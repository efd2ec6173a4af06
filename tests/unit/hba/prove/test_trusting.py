from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from pgward.hba.install.material import read_crls
from pgward.hba.login.shown import Shown
from pgward.hba.prove import proofs, trusting
from pgward.hba.prove.proofs import Proof
from pgward.hba.prove.trusting import Trust
from pgward.pki import keys
from tests.fixtures.material import CLIENT, SERVER, SmallCa

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def ca() -> SmallCa:
    return SmallCa()


def now() -> datetime:
    return datetime.now(
        UTC
    )  # lists are made while the tests run, which may be long after the import


def of(ca, eku=CLIENT, pair=None, **span) -> Shown:
    key = keys.generate()
    pair = pair or ca.users
    leaf = pair.issue("ann", key, eku, **span)
    return Shown((leaf, pair.issuing.certificate), key)


def trust(ca, *more: x509.Certificate, lists: bool = True) -> Trust:
    found = tuple(read_crls(ca.crls())) if lists else None
    return Trust((ca.users.root.certificate, *more), found)


def why(trust: Trust, shown: Shown) -> str | None:
    return trusting.refusal(trust, shown, now())


def test_a_right_one(ca) -> None:
    assert why(trust(ca), of(ca)) is None
    assert why(trust(ca, lists=False), of(ca, eku=())) is None


def test_each_wrong_one(ca) -> None:
    assert why(trust(ca), proofs.foreign(of(ca))) == "its CA is not in ssl_ca_file"
    assert why(trust(ca), of(ca, start=now() - 2 * HOUR, end=now() - HOUR)) == "it has expired"
    assert why(trust(ca), of(ca, start=now() + HOUR, end=now() + 2 * HOUR)) == "it is not valid yet"
    assert why(trust(ca), of(ca, eku=SERVER)) == "it is not for clients"
    servers = of(ca, eku=SERVER, pair=ca.servers)
    assert why(trust(ca), servers) == "its CA is not in ssl_ca_file"
    both = trust(ca, ca.servers.root.certificate, lists=False)
    assert why(both, servers) == "it is not for clients"


def test_an_issuing_ca_alone_is_not_enough(ca) -> None:
    alone = Trust((ca.users.issuing.certificate,), None)
    assert why(alone, of(ca)) == "its CA is not in ssl_ca_file"
    assert why(Trust((), None), of(ca)) == "its CA is not in ssl_ca_file"


def test_revoked() -> None:
    ca = SmallCa()
    shown = of(ca)
    ca.revoked.append(shown.leaf.serial_number)
    assert why(trust(ca), shown) == "it is revoked"
    assert trust(ca).names(shown.leaf.serial_number)
    assert not trust(ca).names(1)
    assert why(trust(ca, lists=False), shown) is None


def test_every_ca_needs_a_current_list() -> None:
    ca = SmallCa()
    root, issuing = read_crls(ca.crls())
    cas = (ca.users.root.certificate,)
    for lists, name in (((), "user issuing"), ((root,), "user issuing"), ((issuing,), "user root")):
        assert why(Trust(cas, lists), of(ca)) == f"there is no revocation list of CN={name}"
    ca.crl_start, ca.crl_end = timedelta(hours=-2), timedelta(hours=-1)
    assert why(trust(ca), of(ca)) == "the revocation list of CN=user issuing is not current"


def test_the_made_up_ca_has_the_same_names(ca) -> None:
    real = of(ca)
    made = proofs.foreign(real)
    assert [each.subject for each in made.chain] == [each.subject for each in real.chain]
    assert [each.issuer for each in made.chain] == [each.issuer for each in real.chain]
    assert made.leaf.public_key() == made.key.public_key()
    made.chain[0].verify_directly_issued_by(made.chain[1])
    assert Proof.FOREIGN == "another CA's"
