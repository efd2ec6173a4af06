from pgward.ca.log import rows as log_rows
from pgward.ca.store import log_entries
from pgward.pki import merkle


def test_a_row_as_it_was_logged_has_no_problem(ledger, hierarchies):
    row = ledger.row(5)
    digest = merkle.leaf_hash(log_entries.certificate(row, row["der"]).encoded)
    assert list(log_rows.problems(row, row["serial"], digest)) == []
    user, server = hierarchies.user.issuing.certificate, hierarchies.server.issuing.certificate
    assert log_rows.signed_by_any(row, [server, user])
    assert not log_rows.signed_by_any(row, [server])


def test_several_columns_are_told_each(ledger):
    row = ledger.row(5)
    digest = merkle.leaf_hash(log_entries.certificate(row, row["der"]).encoded)
    ledger.alter(5, dns=["x"], ips=["192.0.2.1"], key_sha256="00", not_before=row["not_after"])
    found = list(log_rows.problems(ledger.row(5), row["serial"], digest))
    assert [text.split()[0] for text in found] == ["key_sha256", "not_before", "dns", "ips"]


def test_bytes_that_are_no_certificate(ledger):
    ledger.alter(5, der=b"x")
    row = ledger.row(5)
    found = list(log_rows.problems(row, row["serial"], bytes(32)))
    assert found == ["der was altered: it is no certificate any more"]
    assert not log_rows.signed_by_any(row, [])
