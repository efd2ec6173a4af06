from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

from pgward.ca.ceremony import requests, subordinate
from pgward.ca.ceremony.subordinate import Signed, SubordinateError
from pgward.ca.records import CaName
from pgward.pki import chain, keys
from tests.fixtures.authority import START
from tests.fixtures.company import NO, make_company, usage

USER, SERVER = CaName.USER_ISSUING, CaName.SERVER_ISSUING
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")


@pytest.fixture(scope="module")
def request_of():
    made = {ca: requests.make("Acme", ca, keys.generate()).request for ca in (USER, SERVER)}
    return made.__getitem__


@pytest.fixture
def assemble(company, request_of):
    def do(issuing, *, crl=None, root=None, ca=USER, more=()):
        lists = () if crl is NO else (company.crl() if crl is None else crl,)
        found = Signed((*more, issuing, root or company.root), lists)
        return subordinate.assemble(ca, request_of(ca).public_key(), found, START)

    return do


@pytest.mark.parametrize("ca", [USER, SERVER])
def test_what_suits_is_taken(assemble, company, request_of, ca):
    issuing = company.sign(request_of(ca))
    found = assemble(issuing, ca=ca)
    assert (found.issuing, found.root, found.root_name) == (
        issuing,
        company.root,
        CaName.USER_ROOT if ca is USER else CaName.SERVER_ROOT,
    )


def test_the_right_ones_are_found_among_others(assemble, company, request_of):
    short, long = (company.sign(request_of(USER), years=years) for years in (1, 2))
    other = company.sign(request_of(SERVER))
    assert assemble(long, more=(other, short, make_company().root)).issuing == long


WISHES = [
    ({"constraints": NO}, "has no basicConstraints: it is no CA"),
    ({"constraints": x509.BasicConstraints(False, None)}, "has basicConstraints CA:FALSE"),
    ({"critical": False}, "basicConstraints that are not critical"),
    ({"key_usage": NO}, "has no keyUsage"),
    ({"key_usage": usage(crl_sign=True)}, "may not sign certificates (keyUsage keyCertSign)"),
    ({"key_usage": usage(key_cert_sign=True)}, "may not sign revocation lists (keyUsage cRLSign)"),
    ({"subject_id": NO}, "has no subject key identifier"),
    ({"authority_id": NO}, "has no authority key identifier"),
    (
        {"authority_id": x509.AuthorityKeyIdentifier(b"other", None, None)},
        "is not the root's subject key identifier",
    ),
    ({"extra": ((UNKNOWN, True),)}, "has the critical extension 1.3.6.1.4.1.55555.1"),
    ({"begin": START + timedelta(days=1)}, "is valid only from 2026-11-22T12:00:00Z on"),
    ({"years": 0.01}, "within 30 days"),
    ({"years": 21}, "outlives its root, which ends at"),
]


@pytest.mark.parametrize(("wishes", "message"), WISHES, ids=range(len(WISHES)))
def test_what_does_not_suit_is_named(assemble, company, request_of, wishes, message):
    with pytest.raises(SubordinateError) as caught:
        assemble(company.sign(request_of(USER), **wishes))
    assert message in caught.value.message
    assert "have it signed again" in caught.value.hint


def test_everything_that_is_wrong_is_told_at_once(assemble, company, request_of):
    with pytest.raises(SubordinateError) as caught:
        assemble(company.sign(request_of(USER), key_usage=NO, subject_id=NO), crl=NO)
    assert len(caught.value.message.splitlines()) == 4


def purposes(*found):
    return {"extra": ((x509.ExtendedKeyUsage(found), False),)}


EKUS = [
    (USER, (Purpose.SERVER_AUTH,), "without clientAuth: leave the extension out"),
    (SERVER, (Purpose.CLIENT_AUTH, chain.SNAPSHOT_SIGNING), "without serverAuth: leave"),
    (SERVER, (Purpose.SERVER_AUTH, chain.SNAPSHOT_SIGNING), "without clientAuth: leave"),
    (SERVER, (Purpose.SERVER_AUTH, Purpose.CLIENT_AUTH), "without 1.2.840.113556.1.8000.2554"),
]


@pytest.mark.parametrize("wish", EKUS, ids=range(len(EKUS)))
def test_a_purpose_that_leaves_ours_out_is_found(assemble, company, request_of, wish):
    ca, found, message = wish
    with pytest.raises(SubordinateError) as caught:
        assemble(company.sign(request_of(ca), **purposes(*found)), ca=ca)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("ca", "found"),
    [
        (USER, (Purpose.CLIENT_AUTH,)),
        (SERVER, (Purpose.SERVER_AUTH, Purpose.CLIENT_AUTH, chain.SNAPSHOT_SIGNING)),
        (SERVER, (Purpose.ANY_EXTENDED_KEY_USAGE,)),
    ],
)
def test_a_purpose_that_has_ours_is_taken(assemble, company, request_of, ca, found):
    assert assemble(company.sign(request_of(ca), **purposes(*found)), ca=ca)


def test_name_constraints_that_leave_servers_out_are_found(assemble, company, request_of):
    names = x509.NameConstraints([x509.DNSName("elsewhere.org")], None)
    issuing = company.sign(request_of(SERVER), extra=((names, True),))
    with pytest.raises(SubordinateError, match="no server certificate under server-issuing"):
        assemble(issuing, ca=SERVER)


LISTS = [
    (lambda _: NO, "revocation list (CRL) is missing"),
    (lambda it: it.crl(key=keys.generate()), "is not signed by the root"),
    (lambda it: it.crl(start=START + timedelta(hours=1)), "is from the future"),
    (lambda it: it.crl(end=START), "ended at 2026-11-21T12:00:00Z"),
    (lambda it: it.crl(number=None), "has no number"),
    (lambda it: it.crl(number=2**63), "does not fit in 63 bits"),
    (lambda it: it.crl(extra=((x509.DeltaCRLIndicator(1), True),)), "is not a full one"),
]


@pytest.mark.parametrize(("make", "message"), LISTS, ids=range(len(LISTS)))
def test_a_list_that_postgresql_refuses_is_refused(assemble, company, request_of, make, message):
    with pytest.raises(SubordinateError) as caught:
        assemble(company.sign(request_of(USER)), crl=make(company))
    assert message in caught.value.message


def test_a_revoked_ca_is_refused(assemble, company, request_of):
    issuing = company.sign(request_of(USER))
    with pytest.raises(SubordinateError, match="the root has revoked the certificate"):
        assemble(issuing, crl=company.crl([issuing.serial_number]))


def test_the_newest_list_counts(company, request_of):
    old = company.crl(start=START - timedelta(days=9), end=START - timedelta(days=2))
    found = Signed((company.sign(request_of(USER)), company.root), (company.crl(number=2), old))
    made = subordinate.assemble(USER, request_of(USER).public_key(), found, START)
    assert made.crl == found.crls[0]


def test_a_certificate_for_another_key_is_none(company, request_of):
    found = Signed((company.sign(request_of(SERVER)), company.root), (company.crl(),))
    with pytest.raises(SubordinateError, match="none of the certificates is for the key of"):
        subordinate.assemble(USER, request_of(USER).public_key(), found, START)


def test_a_missing_root_is_asked_for(company, request_of):
    found = Signed((company.sign(request_of(USER)),), (company.crl(),))
    with pytest.raises(SubordinateError, match="the CA that signed user-issuing is missing") as got:
        subordinate.assemble(USER, request_of(USER).public_key(), found, START)
    assert "CN=Example Root" in got.value.hint


def test_a_longer_chain_is_refused_clearly(company, request_of):
    between = make_company()
    asked = requests.make("Acme", SERVER, between.key).request
    between.root = company.sign(asked, constraints=x509.BasicConstraints(True, 1))
    found = Signed((between.sign(request_of(USER)), between.root, company.root), (company.crl(),))
    with pytest.raises(SubordinateError, match="which is no root") as caught:
        subordinate.assemble(USER, request_of(USER).public_key(), found, START)
    assert "a longer chain is not supported" in caught.value.hint


def test_a_root_that_may_have_no_ca_under_it_is_refused(request_of):
    strict = make_company(constraints=x509.BasicConstraints(True, 0))
    found = Signed((strict.sign(request_of(USER)), strict.root), (strict.crl(),))
    with pytest.raises(SubordinateError, match="the root has a pathlen of 0"):
        subordinate.assemble(USER, request_of(USER).public_key(), found, START)


def test_the_end_of_the_list_is_told_loudly(assemble, company, request_of):
    issuing = company.sign(request_of(USER), constraints=x509.BasicConstraints(True, None), years=1)
    first, *others = subordinate.warnings(assemble(issuing), START + timedelta(days=1))
    assert "refuses EVERYONE" in first
    assert "ends at 2027-05-20T12:00:00Z" in first
    assert others == [
        "the certificate of user-issuing ends at 2027-11-21T12:00:00Z",
        "user-issuing has no pathlen of 0: it could make further CAs",
    ]
