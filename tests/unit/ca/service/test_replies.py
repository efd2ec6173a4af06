from pgward.ca.records import Kind
from pgward.ca.service import replies
from pgward.pki import pem
from tests.fixtures.ca_service import request_pem


def test_a_certificate_comes_with_its_chain_and_all_roots(sql_authority):
    issued = sql_authority.issue_server(
        request_pem().encode(), kind=Kind.HOST, name="db1", dns=["db1.x"]
    )
    found = replies.certificate(sql_authority, issued).model_dump(mode="json")
    assert found == {
        "certificate": pem.text(issued.certificate),
        "chain": [pem.text(issued.chain[0])],
        "server_roots": [pem.text(sql_authority.trust.server_roots[0])],
        "user_roots": [pem.text(sql_authority.trust.user_roots[0])],
        "serial": issued.serial_hex,
        "not_before": "2026-11-21T11:59:00Z",
        "not_after": "2026-12-21T12:00:00Z",
    }
