import json

from pgward.audit.chain.chunk import open_chunk
from pgward.audit.chain.head import Head
from pgward.pki import jws
from pgward.tunnel.edge.auditor.rechain import rechained
from pgward.tunnel.edge.auditor.shelf import Chained, Entry
from tests.fixtures.records import packed, record

RECORDS = [record(each, text=f"sélect {each}") for each in range(1, 4)]


def test_the_records_are_the_same_in_another_chain():
    chunk, _ = packed(RECORDS)
    entry = Entry(7, 3, {"0" * 16: Chained(3, "x")}, chunk.manifest)
    head = Head.origin("f" * 16)
    again, data = rechained(entry, chunk.data, head)
    lines = [json.loads(line) for line in open_chunk(data, again.manifest)]
    assert lines[-1].pop("hash") == jws.encode(again.manifest.end.hash)
    assert lines == [{"seq": n, **each} for n, each in enumerate(RECORDS, 1)]
    assert (again.number, again.generation, again.progress) == (7, 3, entry.progress)
    assert again.manifest.start == head
    assert again.manifest.users == chunk.manifest.users
    following, _ = rechained(entry, chunk.data, again.manifest.end)
    assert following.manifest.start == again.manifest.end
