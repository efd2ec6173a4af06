import pytest
from cryptography import x509

from pgward.ca.ceremony import requests
from pgward.ca.issuing import rehearsal
from pgward.ca.records import CaName
from pgward.pki import keys
from tests.fixtures.authority import START


@pytest.mark.parametrize("ca", [CaName.USER_ISSUING, CaName.SERVER_ISSUING])
def test_a_chain_that_works_has_no_findings(company, ca):
    issuing = company.sign(requests.make("Acme", ca, keys.generate()).request)
    assert list(rehearsal.findings(ca, issuing, company.root, START)) == []


def test_what_no_client_would_accept_is_told(company):
    request = requests.make("Acme", CaName.SERVER_ISSUING, keys.generate()).request
    names = x509.NameConstraints(None, [x509.DNSName("example.com")])
    issuing = company.sign(request, extra=((names, True),))
    (told,) = rehearsal.findings(CaName.SERVER_ISSUING, issuing, company.root, START)
    assert told.startswith("no server certificate under server-issuing would be accepted: ")
