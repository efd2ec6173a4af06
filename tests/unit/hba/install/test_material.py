from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.core.errors import InvalidInputError
from pgward.hba.install.material import MaterialError, crl_to_pem, read_crls
from pgward.pki import keys


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


def test_good_material(small_ca, now) -> None:
    material = small_ca.current()
    material.check(now)
    material.check_names(("localhost", "LOCALHOST", "127.0.0.1"))
    assert material.names == {"localhost", "127.0.0.1"}
    assert material.refresh_before() == material.crls_expire < material.not_after
    assert timedelta(days=6) < material.time_left(now) < timedelta(days=8)


def test_a_name_that_the_certificate_lacks(small_ca) -> None:
    with pytest.raises(InvalidInputError, match=r"does not name db1, but 127\.0\.0\.1, localhost"):
        small_ca.current().check_names(("db1", "localhost"))


def test_a_key_of_another_certificate(small_ca, now) -> None:
    material = replace(small_ca.current(), key=keys.to_pem(keys.generate(), None))
    with pytest.raises(MaterialError, match="does not belong"):
        material.check(now)


@pytest.mark.parametrize("days", [-3, 60])
def test_a_certificate_out_of_its_time(small_ca, now, days) -> None:
    with pytest.raises(MaterialError, match="the server certificate is valid from"):
        small_ca.current().check(now + timedelta(days=days))


@pytest.mark.parametrize("field", ["crl_start", "crl_end"])
def test_a_revocation_list_out_of_its_time(small_ca, now, field) -> None:
    setattr(small_ca, field, timedelta(minutes={"crl_start": 30, "crl_end": -0.5}[field]))
    with pytest.raises(MaterialError, match="revocation list of CN=user root is valid from") as it:
        small_ca.current().check(now)
    assert "clock" in it.value.hint


def test_a_root_without_a_revocation_list(small_ca, now) -> None:
    material = small_ca.current()
    lists = [each for each in material.revocation_lists if "root" not in str(each.issuer)]
    crls = b"".join(each.public_bytes(Encoding.PEM) for each in lists)
    with pytest.raises(MaterialError, match="there is no revocation list of CN=user root"):
        replace(material, crls=crls).check(now)


def test_no_revocation_list_at_all() -> None:
    with pytest.raises(MaterialError, match="there is no revocation list"):
        read_crls(b"")


def test_a_revocation_list_that_is_none() -> None:
    broken = b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"
    with pytest.raises(MaterialError, match="cannot be read"):
        read_crls(broken)
    with pytest.raises(MaterialError):
        crl_to_pem(b"nonsense")


def test_lists_come_as_der_or_pem(small_ca) -> None:
    pem = crl_to_pem(
        small_ca.crls().partition(b"-----END X509 CRL-----\n")[0] + b"-----END X509 CRL-----"
    )
    der = x509.load_pem_x509_crl(pem).public_bytes(Encoding.DER)
    assert crl_to_pem(der) == pem


def test_a_certificate_without_names(small_ca) -> None:
    leaf = small_ca.servers.issue("x", small_ca.server_key, ())
    assert replace(small_ca.current(), certificate=leaf.public_bytes(Encoding.PEM)).names == set()


@pytest.mark.parametrize(("days", "count"), [(0, 0), (6, 2)])
def test_lists_that_near_their_end_are_named(small_ca, now, days, count) -> None:
    told = small_ca.current().ending_lists(now + timedelta(days=days))
    assert len(told) == count
    assert all("look at the CA" in each for each in told)
