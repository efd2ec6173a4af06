"""TLS that behaves like a plain socket; tests of the aware relay run over it, too."""

import ssl

import pytest

from pgward.tunnel.relay import BUFFER_SIZE, RECORD_SIZE
from pgward.tunnel.tls_plain import FULL_RECORD, TlsPlain
from tests.fixtures.links import tls_pair, unix_pair


def test_it_reads_and_writes_as_a_socket_does(run, contexts):
    async def main() -> None:
        edge, tunnel = await tls_pair(contexts, unix_pair())
        plain, buffer = TlsPlain(edge), bytearray(BUFFER_SIZE)
        assert plain.fileno() == edge.fileno()
        with pytest.raises(BlockingIOError):
            plain.recv_into(buffer)
        with pytest.raises(ssl.SSLWantReadError):
            plain.read_record(buffer)
        tunnel.write(b"short")
        tunnel.write(b"behind it")
        assert bytes(buffer[: plain.recv_into(buffer)]) == b"short"
        assert bytes(buffer[: plain.read_record(buffer)]) == b"behind it"
        assert plain.send(b"answer") == 6
        assert bytes(buffer[: tunnel.read_into(BUFFER_SIZE, buffer)]) == b"answer"
        tunnel.close()
        assert plain.recv_into(buffer) == 0
        edge.close()

    run(main())


def test_full_records_are_read_on_as_long_as_there_is_room(run, contexts):
    async def main() -> None:
        edge, tunnel = await tls_pair(contexts, unix_pair())
        plain, buffer = TlsPlain(edge), bytearray(BUFFER_SIZE)
        said = b"".join(bytes([n]) * FULL_RECORD for n in range(1, 8)) + b"end"
        for at in range(0, len(said), FULL_RECORD):
            tunnel.write(said[at : at + FULL_RECORD])
        found = b""
        while len(found) < len(said):
            size = plain.recv_into(buffer)
            assert size <= BUFFER_SIZE
            found += buffer[:size]
        assert found == said
        tunnel.write(bytes(RECORD_SIZE))
        assert plain.read_on(buffer, plain.read_record(buffer)) == RECORD_SIZE
        tunnel.close()
        edge.close()

    run(main())


def test_what_is_not_taken_must_be_offered_again(run, contexts):
    async def main() -> None:
        edge, tunnel = await tls_pair(contexts, unix_pair(4096))
        plain, data = TlsPlain(edge), bytes(RECORD_SIZE)

        def fill() -> None:
            while plain.send(data):
                pass

        with pytest.raises(BlockingIOError):
            fill()
        for each in (edge, tunnel):
            each.close(notify=False)

    run(main())
