from hashlib import sha256

import pytest

from pgward.audit.chain import manifest
from pgward.core.errors import ConflictError
from pgward.tunnel.edge.auditor.sending import put_chunk, put_parcel
from tests.fixtures.records import edge_key, packed, record


class Machine:
    def __init__(self, status=200):
        self.status, self.sent = status, []
        self.credentials = edge_key()

    def put_content(self, *words):
        self.sent.append(words)
        return self.status, {"kept": 1}


def test_a_chunk_is_put_in_its_place_with_what_the_machine_signed():
    machine, (chunk, _) = Machine(409), packed([record(1)])
    about = chunk.manifest
    assert put_chunk(machine, about, chunk.data, {"More": "1"}) == (409, {"kept": 1})
    ((path, data, headers),) = machine.sent
    assert (path, data) == (f"/v1/edges/self/audit/{about.chain}/1", chunk.data)
    assert manifest.read(headers.pop(manifest.HEADER)).manifest == about
    assert headers == {"Content-Type": "application/zstd", "More": "1"}


def test_a_parcel_is_put_under_its_hash():
    machine = Machine()
    assert put_parcel(machine, b"parcel") == {"kept": 1}
    ((path, data, _),) = machine.sent
    assert path == f"/v1/edges/self/recordings/{sha256(b'parcel').hexdigest()}"
    assert data == b"parcel"


def test_a_parcel_that_collides():
    with pytest.raises(ConflictError, match="does not take a parcel"):
        put_parcel(Machine(409), b"parcel")
