import pytest

from pgward.client import audit_archive
from pgward.client.api import ApiClient


@pytest.fixture
def api(fake_ca):
    with ApiClient.of(fake_ca.trust, clock=fake_ca.clock) as client:
        yield client


def test_chunks_over_pages(api, fake_ca):
    pages = iter([{"chunks": [{"n": 1}], "cursor": 7}, {"chunks": [{"n": 2}], "cursor": None}])
    fake_ca.routes["GET /v1/audit/chunks"] = lambda _: next(pages)
    assert [each["n"] for each in audit_archive.chunks(api, user="alice", edge=None)] == [1, 2]
    assert dict(fake_ca.requests[-1].url.params) == {"user": "alice", "after": "7", "limit": "100"}


@pytest.mark.parametrize("has_zstd", [True, False])
def test_lines_with_and_without_zstandard(api, fake_archive, monkeypatch, has_zstd):
    found = object() if has_zstd else None
    monkeypatch.setattr(audit_archive, "find_spec", lambda _: found)
    chunk = fake_archive.chunks[0]
    assert audit_archive.lines(api, chunk.signed) == chunk.lines
    packed = "packed" in fake_archive.ca.requests[-1].url.params
    assert packed is has_zstd


def test_where_a_chunk_is(fake_archive):
    about = fake_archive.chunks[1].signed.manifest
    assert audit_archive.path_of(about) == "/v1/audit/chunks/e1/00112233445566ff/3"
