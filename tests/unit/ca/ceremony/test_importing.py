from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.ca import hierarchy
from pgward.ca.ceremony import importing, requests
from pgward.ca.ceremony.subordinate import Signed, SubordinateError
from pgward.ca.records import CaName
from pgward.ca.standing import adopt_files
from pgward.ca.store import authorities as stored
from pgward.ca.store.certificates import SqlCertificates
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.pki import keys
from tests.fixtures.authority import START, keeper_of
from tests.fixtures.company import NO, make_company

BOTH = (CaName.USER_ISSUING, CaName.SERVER_ISSUING)


@pytest.fixture
def asked(tmp_path):
    """What a directory of a subordinate CA asks for."""
    made = {}
    for ca in BOTH:
        made[ca] = requests.make("Acme", ca, keys.generate()).request
        path = requests.path(tmp_path, ca)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(made[ca].public_bytes(Encoding.PEM))
    return made


@pytest.fixture
def signed(asked, company):
    return Signed((*(company.sign(asked[ca]) for ca in BOTH), company.root), (company.crl(),))


@pytest.fixture
def take(tmp_path, store, clock):
    keeper = keeper_of(tmp_path, b"")
    return lambda found: importing.take(tmp_path, store, found, keeper, clock)


def test_all_is_taken(take, tmp_path, store, signed, company):
    taken = take(signed)
    for ca, certificate in zip(BOTH, signed.certificates, strict=False):
        assert hierarchy.certificate(tmp_path, ca) == certificate
    for root in (CaName.USER_ROOT, CaName.SERVER_ROOT):
        assert hierarchy.certificate(tmp_path, root) == company.root
        assert SqlCertificates(store).latest_crl(root).next_update == START + timedelta(days=180)
    assert taken.missing == ()
    assert any("refuses EVERYONE" in each for each in taken.warnings)


def test_one_can_come_before_the_other(take, tmp_path, asked, company):
    first = take(Signed((company.sign(asked[BOTH[0]]), company.root), (company.crl(),)))
    assert first.missing == ("server-issuing",)
    with pytest.raises(NotFoundError, match="has not signed this CA yet") as caught:
        hierarchy.certificate(tmp_path, "server-issuing")
    assert "pgward ca import" in caught.value.hint
    crl = company.crl(number=2)
    second = take(Signed((company.sign(asked[BOTH[1]]), company.root), (crl,)))
    assert second.missing == ()


def test_doing_it_again_changes_nothing(take, store, signed):
    take(signed)
    take(signed)
    with store.read() as connection:
        assert len(stored.read(connection).all) == 0


def test_a_wrong_one_leaves_everything_as_it_was(take, tmp_path, store, asked, company):
    bad = company.sign(asked[BOTH[1]], key_usage=NO)
    with pytest.raises(SubordinateError, match="signed for server-issuing cannot be used"):
        take(Signed((company.sign(asked[BOTH[0]]), bad, company.root), (company.crl(),)))
    assert not (tmp_path / "certs").exists()
    assert SqlCertificates(store).latest_crl(CaName.USER_ROOT) is None


def test_a_newer_list_comes_alone(take, store, signed, company, clock):
    take(signed)
    clock.move(days=90)
    end = START + timedelta(days=400)
    newer = company.crl(number=2, start=START + timedelta(days=89), end=end)
    taken = take(Signed((), (newer,)))
    assert {each.name for each in taken.lists} == {"user-root", "server-root"}
    assert SqlCertificates(store).latest_crl(CaName.USER_ROOT).next_update == end


def test_a_list_with_an_older_number_is_refused(take, signed, company):
    take(Signed(signed.certificates, (company.crl(number=7),)))
    with pytest.raises(SubordinateError, match=r"has list number 7 of .* already"):
        take(Signed((), (company.crl(number=6),)))


def test_an_expired_list_alone_is_refused(take, signed, company):
    take(signed)
    with pytest.raises(SubordinateError, match="the root's CRL ended at"):
        take(Signed((), (company.crl(number=2, end=START),)))


def test_a_renewed_certificate_is_taken_into_use(  # noqa: PLR0917
    take, tmp_path, store, signed, asked, company
):
    take(signed)
    adopt_files(store, tmp_path, keeper_of(tmp_path, b""))
    renewed = company.sign(asked[BOTH[0]], years=9)
    take(Signed((renewed, company.root), (company.crl(number=2),)))
    with store.read() as connection:
        assert stored.read(connection).get("user-issuing").certificate == renewed


def test_another_root_is_no_renewal(take, tmp_path, store, signed, asked):
    take(signed)
    adopt_files(store, tmp_path, keeper_of(tmp_path, b""))
    other = make_company(called="CN=Other Root")
    with pytest.raises(SubordinateError, match="the user-root CA that is in use has another key"):
        take(Signed((other.sign(asked[BOTH[0]]), other.root), (other.crl(number=2),)))
    assert hierarchy.certificate(tmp_path, "user-root") == signed.certificates[-1]


@pytest.mark.usefixtures("asked")
def test_nothing_for_this_ca_is_told(take, company):
    with pytest.raises(SubordinateError, match="nothing among that is for the keys") as caught:
        take(Signed((company.root,), (company.crl(),)))
    assert "requests" in caught.value.hint


@pytest.mark.usefixtures("company")
def test_a_directory_with_roots_of_its_own_is_told(take, signed, tmp_path):
    for path in (tmp_path / "requests").iterdir():
        path.unlink()
    with pytest.raises(NotFoundError, match="there is no request"):
        take(signed)


def test_files_are_pem_or_der_and_hold_any_number(tmp_path, signed, company):
    bundle, der, crl = (tmp_path / name for name in ("bundle", "der", "crl"))
    bundle.write_bytes(
        b"subject=whatever\n"
        + signed.certificates[0].public_bytes(Encoding.PEM)
        + company.crl().public_bytes(Encoding.PEM)
        + company.root.public_bytes(Encoding.PEM)
    )
    der.write_bytes(signed.certificates[1].public_bytes(Encoding.DER))
    crl.write_bytes(signed.crls[0].public_bytes(Encoding.DER))
    found = importing.read([bundle, der, crl])
    assert found.certificates == (signed.certificates[0], company.root, signed.certificates[1])
    assert len(found.crls) == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "holds no certificate"),
        (b"junk", "holds no certificate"),
        (b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n", "holds no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is damaged"),
        (b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "is damaged"),
    ],
)
def test_other_files_are_named(tmp_path, data, message):
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(InvalidInputError, match=message) as caught:
        importing.read([tmp_path / "file"])
    assert caught.value.where == str(tmp_path / "file")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match="no such file"):
        importing.read([tmp_path / "file"])
