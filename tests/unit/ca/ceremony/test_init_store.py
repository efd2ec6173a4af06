from pgward.ca.ceremony import init_store
from pgward.ca.identity import directory as people
from pgward.ca.records import CaName, Kind
from pgward.ca.store.certificates import CertificateFilter, SqlCertificates, find


def test_it_holds_the_cas_their_lists_and_an_administrator(
    store, new_user_hierarchy, new_server_hierarchy, clock
):
    init_store.fill(store, [new_user_hierarchy, new_server_hierarchy], "admin", "hash", clock)
    with store.read() as connection:
        rows = find(connection, CertificateFilter(kind=Kind.CA.value))
        assert people.get(connection, "admin").administrator
    assert sorted(row["subject"] for row in rows) == sorted(CaName)
    root = SqlCertificates(store).latest_crl(CaName.USER_ROOT)
    assert root.next_update == new_user_hierarchy.root.certificate.not_valid_after_utc


def test_a_subordinate_begins_without_cas(store, clock):
    init_store.fill(store, [], "admin", "hash", clock)
    with store.read() as connection:
        assert find(connection, CertificateFilter(kind=Kind.CA.value)) == []
    assert SqlCertificates(store).latest_crl(CaName.USER_ROOT) is None
