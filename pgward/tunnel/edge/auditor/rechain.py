"""A chunk's records in another chain, when the CA has other lines in theirs.

That happens to an edge whose directory was put back to an earlier state: it would chain on from
there, and the CA would refuse what it has to say for ever. The CA puts both on record, that a
chain was forked and that another began.
"""

import json
from dataclasses import replace

from pgward.audit.chain.chunk import Packer, unpack
from pgward.audit.chain.head import Head
from pgward.audit.chain.lines import record_of
from pgward.tunnel.edge.auditor.shelf import Entry


def rechained(entry: Entry, data: bytes, head: Head) -> tuple[Entry, bytes]:
    """Return a chunk with the same records that follows ``head``."""
    packer = Packer(head)
    for line in unpack(data):
        packer.add_json(record_of(line), json.loads(line))
    chunk = packer.pack(entry.manifest.edge)
    return replace(entry, manifest=chunk.manifest), chunk.data
