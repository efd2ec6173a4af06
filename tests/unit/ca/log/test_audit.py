"""Whatever is altered in the store is found, and its row is named."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.log import audit as log_audit
from pgward.ca.log.head_signer import HeadSigner
from pgward.ca.store import log, log_heads
from pgward.ca.store.log_purge import Policy, purge_certificates
from pgward.ca.store.schema import certificates
from pgward.ca.store.schema_log import log_heads as heads_table
from pgward.ca.store.schema_log import log_leaves, log_nodes, log_tree
from pgward.pki import keys, merkle
from pgward.pki.merkle import CompactRange
from tests.fixtures.ledger import Ledger

COLUMNS = certificates.c


def test_an_untouched_store_is_as_the_log_says(ledger):
    report = ledger.audit()
    assert report.problems == []
    assert (report.leaves, report.signed_leaves, report.heads) == (21, 21, 2)


def test_a_changed_byte_of_a_certificate(ledger):
    der = ledger.row(5)["der"]
    ledger.alter(5, der=der[:300] + bytes([der[300] ^ 1]) + der[301:])
    (found,) = ledger.problems()
    assert found.startswith(f"certificates {ledger.serials[5]}: der was altered")


def test_a_certificate_that_is_removed_from_its_row(ledger):
    ledger.alter(5, der=None)
    assert ledger.problems() == [f"certificates {ledger.serials[5]}: der was removed"]


def test_a_deleted_row(ledger):
    ledger.execute(sa.delete(certificates).where(COLUMNS.serial == ledger.serials[7]))
    assert ledger.problems() == [
        (
            f"certificates {ledger.serials[7]}: the row was deleted: entry 7 of the log is its,"
            " and no purge removed it"
        )
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"subject": "mallory"}, "subject was altered to mallory: the certificate is for alice"),
        ({"session_id": "x"}, "was altered: it has another hash than its entry 5"),
        ({"client": "192.0.2.1"}, "was altered: it has another hash than its entry 5"),
        ({"kind": "edge"}, "was altered: it has another hash than its entry 5"),
        ({"key_sha256": "00"}, "key_sha256 was altered to 00: the certificate says"),
        ({"dns": ["evil.test"]}, "dns was altered to evil.test: the certificate says none"),
        ({"fingerprint": "00"}, "fingerprint was altered to 00"),
        ({"state": "pending"}, "state was altered to pending, and it is in the log"),
        ({"log_index": 99}, "log_index was altered to 99: its entry of the log is 5"),
        ({"serial": "abc"}, "it stands at entry 5 of the log, where"),
        ({"state": "revoked"}, "it is revoked, and the log does not say so"),
    ],
)
def test_an_altered_column(ledger, values, expected):
    ledger.alter(5, **values)
    found = ledger.problems()
    assert any(expected in each for each in found), found
    name = values.get("serial", ledger.serials[5])
    assert all(each.startswith(f"certificates {name}: ") for each in found)


def test_an_altered_time(ledger):
    row = ledger.row(5)
    ledger.alter(5, not_after=row["not_after"] + timedelta(days=300))
    assert ledger.problems() == [
        (
            f"certificates {ledger.serials[5]}: not_after was altered to 2027-09-17T13:00:05Z:"
            " the certificate says 2026-11-21T13:00:05Z"
        )
    ]
    ledger.alter(5, not_after=row["not_after"], created_at=row["created_at"] - timedelta(hours=1))
    assert "created_at" in ledger.problems()[0]


def test_an_undone_revocation(ledger):
    ledger.alter(3, state="issued", revoked_at=None, reason=None)
    (found,) = ledger.problems()
    assert found == (
        f"certificates {ledger.serials[3]}: its revocation was undone: entry 20 of the log"
        " revoked it at 2026-11-21T12:00:20Z"
    )


def test_a_revocation_that_is_moved_or_explained_anew(ledger):
    row = ledger.row(3)
    ledger.alter(3, reason="key_compromise")
    assert "reason was altered to key_compromise" in ledger.problems()[0]
    ledger.alter(3, reason="superseded", revoked_at=row["revoked_at"] + timedelta(hours=1))
    assert "revoked_at was altered" in ledger.problems()[0]


def test_rows_in_another_order(ledger):
    ledger.alter(5, log_index=None)
    ledger.alter(6, log_index=5)
    ledger.alter(5, log_index=6)
    assert ledger.problems() == [
        (
            f"certificates {ledger.serials[6]}: it stands at entry 5 of the log, where"
            f" {ledger.serials[5]} was logged"
        ),
        (
            f"certificates {ledger.serials[5]}: it stands at entry 6 of the log, where"
            f" {ledger.serials[6]} was logged"
        ),
    ]


def test_a_certificate_put_in_behind_the_cas_back(ledger):
    row = dict(ledger.row(5)) | {"serial": "abc", "log_index": None}
    ledger.execute(sa.insert(certificates).values(row))
    (found,) = ledger.problems()
    assert found.startswith("certificates abc: it is not in the log")


def test_an_altered_leaf(ledger):
    ledger.execute(sa.update(log_leaves).where(log_leaves.c.log_index == 5).values(hash=bytes(32)))
    found = ledger.problems()
    assert f"certificates {ledger.serials[5]}: " in found[0]
    assert found[1].startswith("log_nodes 4/0: was altered, or a leaf below it was")
    assert "entries 0 to 9 are not those that were signed" in "".join(found)


def test_an_altered_body(ledger):
    ledger.execute(sa.update(log_leaves).where(log_leaves.c.log_index == 20).values(body=b"x"))
    found = ledger.problems()
    assert found[0] == "log_leaves 20: its body was altered: it has another hash"


def test_a_deleted_leaf(ledger):
    ledger.execute(sa.delete(log_leaves).where(log_leaves.c.log_index == 5))
    assert ledger.problems() == [
        f"log_leaves 5: the entry was deleted; it was that of certificate {ledger.serials[5]}"
    ]


def test_an_altered_or_missing_node(ledger):
    ledger.execute(sa.update(log_nodes).values(hash=bytes(32)))
    assert ledger.problems() == ["log_nodes 4/0: was altered, or a leaf below it was"]
    ledger.execute(sa.delete(log_nodes))
    assert ledger.problems() == ["log_nodes 4/0: is missing"]


def test_an_altered_state_of_the_tree(ledger):
    ledger.execute(sa.update(log_tree).values(size=20))
    assert "log_tree 1: it says 20 entries, and there are 21" in ledger.problems()[0]
    ledger.execute(sa.update(log_tree).values(size=21, subtrees=bytes(96)))
    assert ledger.problems() == ["log_tree 1: its hashes are not those of the entries"]
    ledger.execute(sa.delete(log_tree))
    assert ledger.problems() == ["log_tree 1: the row was deleted"]


def rewrite(ledger: Ledger, count: int) -> None:
    """Cut the log, and make everything that is not signed fit."""
    with ledger.store.write() as transaction:
        run = transaction.execute
        run(sa.delete(log_leaves).where(log_leaves.c.log_index >= count))
        run(sa.delete(certificates).where(COLUMNS.log_index >= count))
        run(sa.delete(log_nodes))
        rows = run(sa.select(log_leaves.c.hash).order_by(log_leaves.c.log_index)).scalars().all()
        tree = CompactRange()
        for digest in rows:
            for node, value in tree.append(digest):
                if node.level % log.STRIDE == 0:
                    run(
                        sa.insert(log_nodes).values(
                            level=node.level, position=node.position, hash=value
                        )
                    )
        run(sa.update(log_tree).values(size=tree.size, subtrees=tree.pack()))


def test_a_log_that_was_cut(ledger):
    ledger.alter(3, state="issued", revoked_at=None, reason=None)
    rewrite(ledger, 15)
    assert ledger.problems() == [
        (
            "log_heads 2: signed at 2026-11-21T12:00:20Z over 21 entries, and there are 15:"
            " the log was cut"
        )
    ]


def test_a_log_that_was_cut_with_its_heads_is_known_to_a_witness(ledger):
    with ledger.store.read() as connection:
        kept = log_heads.newest(connection).head
    ledger.execute(sa.delete(heads_table).where(heads_table.c.number == 2))
    ledger.alter(3, state="issued", revoked_at=None, reason=None)
    rewrite(ledger, 15)
    assert ledger.problems() == []
    assert ledger.problems(kept) == [
        (
            "log_heads of a witness: signed at 2026-11-21T12:00:20Z over 21 entries, and there are"
            " 15: the log was cut"
        )
    ]


def test_a_fork_with_all_its_hashes_made_to_fit(ledger):
    """One certificate replaced, its leaf and all above it computed anew: the heads tell."""
    row = dict(ledger.row(12))
    other = ledger.row(13)["der"]
    ledger.alter(12, der=other[:-1] + bytes([other[-1] ^ 1]))
    with ledger.store.write() as transaction:
        altered = (
            transaction.execute(sa.select(certificates).where(COLUMNS.serial == row["serial"]))
            .mappings()
            .one()
        )
        digest = merkle.leaf_hash(
            log_audit.log_entries.certificate(altered, altered["der"]).encoded
        )
        transaction.execute(
            sa.update(log_leaves).where(log_leaves.c.log_index == 12).values(hash=digest)
        )
    rewrite(ledger, 21)
    found = ledger.problems()
    assert (
        "log_heads 2: signed at 2026-11-21T12:00:20Z over 21 entries, and entries 10 to 20 are"
        " not those that were signed"
    ) in found
    assert (
        f"certificates {row['serial']}: der was altered, and its entry with it: no CA signed it"
    ) in found


def test_a_head_that_was_deleted_or_altered(ledger):
    ledger.execute(sa.delete(heads_table).where(heads_table.c.number == 1))
    assert ledger.problems() == ["log_heads 1: the signed head was deleted"]
    ledger.execute(sa.update(heads_table).values(size=20))
    assert "log_heads 2: its columns are not what was signed" in ledger.problems()
    ledger.execute(sa.delete(heads_table))
    assert ledger.problems() == ["log_heads 1: there is no signed head"]


def test_heads_of_another_key(ledger):
    log_id = log_audit.tree_head.log_id(ledger.key.public_key())
    ledger.key = keys.generate()
    assert ledger.problems() == [
        f"log_heads {number}: the head is of another log, {log_id}" for number in (1, 2)
    ]


def purge(ledger: Ledger) -> int:
    ledger.clock.move(days=401)
    return purge_certificates(ledger.store, ledger.clock.now(), Policy(timedelta(days=400)))


def test_a_purge_is_no_deletion(ledger):
    assert purge(ledger) == 20
    HeadSigner(ledger.store, ledger.key, ledger.clock).sign()
    report = ledger.audit()
    assert (report.problems, report.purged, report.leaves) == ([], 20, 22)


def test_a_purged_row_that_is_back_and_a_purge_of_altered_leaves(ledger):
    row = dict(ledger.row(5))
    purge(ledger)
    ledger.execute(sa.insert(certificates).values(row))
    (found,) = ledger.problems()
    assert found == (
        f"certificates {ledger.serials[5]}: it was purged, as entry 21 of the log says,"
        " and it is here again"
    )
    ledger.execute(sa.update(log_leaves).where(log_leaves.c.log_index == 6).values(hash=bytes(32)))
    assert any("log_leaves 21: it says what was purged" in each for each in ledger.problems())


def test_a_purge_that_is_made_up_is_not_believed(ledger):
    ledger.execute(sa.delete(certificates).where(COLUMNS.serial == ledger.serials[7]))
    ledger.execute(
        sa.update(log_leaves).where(log_leaves.c.log_index == 20).values(type=3, body=b"x")
    )
    assert f"certificates {ledger.serials[7]}: the row was deleted" in "".join(ledger.problems())


def test_an_empty_log(store, log_key):
    with store.read() as connection:
        report = log_audit.audit(connection, log_key.public_key())
    assert (report.problems, report.leaves) == ([], 0)
