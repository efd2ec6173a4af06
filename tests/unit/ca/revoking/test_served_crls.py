import pytest
from cryptography import x509

from pgward.ca.revoking.served_crls import ServedCrls
from pgward.core.errors import NotFoundError


class Version:
    """The store's version, as a test sets it."""

    number = 1
    is_known = True

    def known(self):
        return self.number if self.is_known else None

    def version(self):
        return self.number


class Counting:
    """Counts how often the store is asked for a list."""

    def __init__(self, authority):
        self._authority = authority
        self.asked = 0

    @property
    def crl_names(self):
        return self._authority.crl_names

    def crl(self, name):
        self.asked += 1
        return self._authority.crl(name)


@pytest.fixture
def version():
    return Version()


@pytest.fixture
def source(authority):
    return Counting(authority)


@pytest.fixture
def served(source, version):
    return ServedCrls(source, version)


def test_a_list_is_read_once(served, source, authority):
    assert served.known("user-issuing") is None
    found = served.get("user-issuing")
    assert served.get("user-issuing") is served.known("user-issuing") is found
    assert found.crl == authority.crl("user-issuing")
    assert x509.load_pem_x509_crl(found.pem) == x509.load_der_x509_crl(found.crl.der)
    assert source.asked == 1


def test_it_is_read_again_when_the_store_changed(served, source, version, authority):
    first = served.get("user-issuing")
    version.number += 1
    assert served.known("user-issuing") is None
    assert served.get("user-issuing") is first  # another thing changed
    authority.publish_crls()
    version.number += 1
    assert served.get("user-issuing").crl.number == first.crl.number + 1
    assert source.asked == 3


def test_while_the_version_is_not_known_nothing_is(served, version):
    served.get("user-issuing")
    version.is_known = False
    assert served.known("user-issuing") is None


def test_all_of_them(served, authority):
    assert [each.crl for each in served.every()] == authority.crls()


def test_one_that_is_not_there(served):
    with pytest.raises(NotFoundError):
        served.get("other")
    assert served.known("other") is None
