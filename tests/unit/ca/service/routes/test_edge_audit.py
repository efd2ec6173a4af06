"""What edges deliver: a chain grows at its end, and nothing of it is ever replaced."""

from dataclasses import replace
from hashlib import sha256

import pytest
import sqlalchemy as sa
import zstandard

from pgward.audit.chain import manifest as manifests
from pgward.audit.chain.chunk import Chunk
from pgward.audit.chain.head import Head
from pgward.ca.store.schema_archive import audit_chains, audit_chunk_names, audit_chunks
from tests.fixtures.ca_service import service
from tests.fixtures.chunks import CHAIN, Teller, record


@pytest.fixture
def teller(edge) -> Teller:
    return Teller(edge)


def actions(api, prefix="audit."):
    found = [each for each in api.events() if each["action"].startswith(prefix)]
    return [(each["action"], each["outcome"], each["reason"]) for each in found]


def test_a_chain_grows_chunk_by_chunk(teller):
    teller.tell(record(1), record(2))
    teller.tell(record(3))
    assert teller.head.seq == 3


def test_a_chunk_that_is_there_already_is_fine(teller):
    first = teller.pack(record(1))
    assert teller.put(first)[0] == 200
    teller.tell(record(2))
    assert teller.put(first) == (200, {"head": teller.head.to_json()})


def test_a_new_chain_is_put_on_record(api, teller, edge):
    teller.tell(record(1))
    Teller(edge, chain="ff" * 8).tell(record(2))
    events = [each for each in api.events() if each["action"] == "audit.chain"]
    assert [(each["actor"], each["target"]) for each in events] == [
        ("edge:e1", CHAIN),
        ("edge:e1", "ff" * 8),
    ]
    head = teller.head.to_json()
    assert [each["details"]["former"] for each in events] == [[], [head]]


def test_a_gap_is_refused_and_tells_the_head(teller):
    teller.tell(record(1))
    known = teller.head.to_json()
    teller.pack(record(2))
    status, body = teller.put(teller.pack(record(3)))
    assert (status, body["head"], body["reason"]) == (409, known, "gap")
    assert body["error"]["code"] == "conflict"


def test_the_head_of_an_unknown_chain_is_its_origin(teller):
    teller.pack(record(1))
    status, body = teller.put(teller.pack(record(2)))
    assert (status, body["head"]) == (409, Head.origin(CHAIN).to_json())


def test_what_an_edge_has_lost_is_put_on_record(api, teller, admin):
    teller.tell(record(1))
    teller.pack(record(2), record(3))
    behind = teller.pack(record(4))
    assert teller.put(behind, **{"Pgward-Missing": "2-4"})[0] == 409
    assert teller.put(behind, **{"Pgward-Missing": "2-3"})[0] == 200
    why = "lines 2 to 3 do not come: the edge lost them, or set them aside"
    assert ("audit.gap", "failed", why) in actions(api)
    (chain,) = admin.call("GET", "/v1/audit/chains").json()["chains"]
    assert (chain["head_seq"], chain["gaps"]) == (4, [[2, 3]])


def test_a_gap_is_filled_from_the_archive_when_the_store_alone_was_put_back(api, teller, admin):
    teller.tell(record(1))
    teller.tell(record(2), record(3))
    with api.store.write() as transaction:
        for table in (audit_chains, audit_chunks, audit_chunk_names):
            transaction.execute(sa.delete(table))
    teller.tell(record(4))
    (chain,) = admin.call("GET", "/v1/audit/chains").json()["chains"]
    assert (chain["first_seq"], chain["head_seq"], chain["gaps"]) == (1, 4, [])


def test_history_is_not_written_anew(api, teller, edge):
    teller.tell(record(1))
    teller.tell(record(2))
    liar = Teller(edge)
    first = liar.pack(record(1, text="select 'nothing'"))
    for _ in range(2):
        status, body = liar.put(first)
        assert (status, body["reason"], body["head"]) == (409, "fork", teller.head.to_json())
    status, body = liar.put(liar.pack(record(2), record(3)))
    assert (status, body["reason"]) == (409, "fork")
    longer = Teller(edge)
    status, body = longer.put(longer.pack(record(1), record(2, text="other"), record(3)))
    assert (status, body["reason"]) == (409, "fork")
    why = "the authority has other lines with these numbers: the chain was written anew"
    assert actions(api).count(("audit.fork", "failed", why)) == 3  # each once, however often sent
    teller.tell(record(3))


def test_lines_that_are_there_are_known_by_the_hash_of_the_last(teller, edge):
    teller.tell(record(1))
    teller.tell(record(2))
    cut_otherwise = Teller(edge)
    status, body = cut_otherwise.put(cut_otherwise.pack(record(1), record(2)))
    assert (status, body["reason"], body["head"]) == (409, "fork", teller.head.to_json())
    packed_otherwise = Teller(edge)
    made = packed_otherwise.pack(record(1))
    data = zstandard.compress(zstandard.decompress(made.data), level=19)
    told = replace(manifests.read(made.manifest).manifest, sha256=sha256(data).hexdigest())
    again = packed_otherwise.sign(Chunk(data, told), Head.origin(CHAIN))
    status, body = packed_otherwise.put(again)
    assert (status, body["reason"], body["head"]) == (409, "behind", teller.head.to_json())


def test_an_edge_writes_its_own_chain_only(api, admin, teller):
    other = Teller(api.machine(admin, "edge", "e2"), edge="e2")
    stolen = teller.pack(record(1))
    status, body = other.put(stolen)
    assert (status, body["error"]["code"]) == (422, "unacceptable")
    signed_by_another = other.pack(record(1), edge="e1")
    assert teller.put(signed_by_another)[0] == 403
    lines_of_another = Teller(other.machine, edge="e2").pack(record(1, edge="e1"))
    status, body = other.put(lines_of_another)
    assert (status, body["error"]["message"]) == (422, "line 1 is of another edge")
    assert body["error"]["code"] == "unacceptable"  # and so it stays, however often it is sent
    assert [each[:2] for each in actions(api)] == [("audit.refuse", "failed")] * 3


def test_the_path_must_be_the_manifest_s(teller):
    delivery = teller.pack(record(1))
    path = f"/v1/edges/self/audit/{'ab' * 8}/1"
    headers = {"Pgward-Manifest": delivery.manifest}
    status, body = teller.machine.put_content(path, delivery.data, headers)
    assert (status, body["error"]["code"]) == (422, "unacceptable")


def test_an_edge_tells_of_services_that_it_serves(admin, teller):
    assert admin.call("PUT", "/v1/resources/Service/orders", service()).status_code in (200, 201)
    elsewhere = service("books", edges=["e2"])
    assert admin.call("PUT", "/v1/resources/Service/books", elsewhere).status_code in (200, 201)
    teller.tell(record(60))
    kept = teller.head
    status, body = teller.put(teller.pack(record(61, service="books")))
    assert (status, body["error"]["message"]) == (422, "edge e1 does not serve 'books'")
    assert body["error"]["code"] == "unacceptable"
    teller.head = kept
    teller.tell(record(62, service="gone"), record(-5, service="books"))  # it was e1's, once
    teller.tell(record(63, service="books"))  # and its sessions end a little later


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda _: b"",
        lambda _: zstandard.ZstdCompressor().compress(b"\0" * (64 * 1024 * 1024 + 1)),
        lambda _: zstandard.ZstdCompressor(write_content_size=False).compress(b"\0" * 9999999),
        lambda _: zstandard.ZstdCompressor().compress(b"{}\n"),
    ],
    ids=["cut", "longer", "empty", "bomb", "bomb without its size", "other lines"],
)
def test_a_spoilt_chunk_is_refused(api, teller, spoil):
    delivery = teller.pack(record(1))
    path = f"/v1/edges/self/audit/{CHAIN}/1"
    headers = {"Pgward-Manifest": delivery.manifest}
    status, body = teller.machine.put_content(path, spoil(delivery.data), headers)
    assert (status, body["error"]["code"]) == (422, "unacceptable")
    assert actions(api)[-1][0] == "audit.refuse"


def test_a_chain_goes_on_without_a_chunk_that_was_refused(api, teller, admin):
    refused = teller.pack(record(1, user=5))
    assert teller.put(refused)[0] == 422
    behind = teller.pack(record(2))
    assert teller.put(behind)[1]["reason"] == "gap"
    assert teller.put(behind, **{"Pgward-Missing": "1-1"})[0] == 200
    (chain,) = admin.call("GET", "/v1/audit/chains").json()["chains"]
    assert (chain["first_seq"], chain["head_seq"], chain["gaps"]) == (1, 2, [[1, 1]])
    assert [each[0] for each in actions(api)] == ["audit.refuse", "audit.chain", "audit.gap"]


def test_a_body_has_a_bound(teller):
    delivery = teller.pack(record(1))
    path = f"/v1/edges/self/audit/{CHAIN}/1"
    headers = {"Pgward-Manifest": delivery.manifest}
    assert teller.machine.put_content(path, b"x" * (7 * 1024 * 1024 + 1), headers)[0] == 413


def test_a_manifest_that_is_none(teller):
    path = f"/v1/edges/self/audit/{CHAIN}/1"
    for text in ("", "x", "a.b.c"):
        status, body = teller.machine.put_content(path, b"x", {"Pgward-Manifest": text})
        assert (status, body["error"]["code"]) == (422, "invalid")
    status, _ = teller.machine.put_content(path, b"x", {})
    assert status == 422


def test_only_edges_deliver(api, admin, teller):
    delivery = teller.pack(record(1))
    host = Teller(api.machine(admin, "host", "h1"))
    assert host.put(delivery)[0] == 403


def test_a_chunk_that_its_edge_signed_before_it_was_enrolled_anew(api, admin, teller):
    waiting = teller.pack(record(1))
    again = Teller(api.machine(admin, "edge", "e1"))
    assert again.put(waiting)[0] == 200
