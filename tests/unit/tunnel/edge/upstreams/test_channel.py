import asyncio
import socket

import pytest

from pgward.tunnel.edge.upstreams.channel import Channel
from tests.fixtures.links import tls_pair

BIG = bytes(range(256)) * 8192  # 2 MiB: more than a socket takes at once


def joined() -> tuple[Channel, socket.socket]:
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    return Channel(near), far


def test_much_is_sent_and_received_whole():
    async def main() -> bytes:
        channel, far = joined()
        with far:
            reader, writer = await asyncio.open_connection(sock=far)
            sending = asyncio.create_task(channel.send(BIG))
            found = await reader.readexactly(len(BIG))
            await sending
            writer.write(found)
            writer.write_eof()
            answer = b""
            while data := await channel.receive():
                answer += data
            channel.close()
            writer.close()
        return answer

    assert asyncio.run(main()) == BIG


def test_one_byte_is_taken_and_what_is_behind_it_stays():
    async def main() -> tuple[bytes, bytes]:
        channel, far = joined()
        with far:
            far.send(b"SX")
            found = await channel.receive_byte(), await channel.receive()
            channel.close()
        return found

    assert asyncio.run(main()) == (b"S", b"X")


def test_a_plain_connection_has_no_certificate():
    channel, far = joined()
    with far:
        assert (channel.tls, channel.certificate(), channel.proves) == (None, None, "none")
        channel.close()


def test_tls_is_spoken_until_the_end(contexts):
    async def main() -> tuple[bytes | None, bytes, bytes, bytes]:
        here, there = (Channel(each) for each in await tls_pair(contexts))
        assert here.proves == "verified"
        await here.send(b"hello")
        heard = await there.receive()
        await there.send(b"bye")
        certificate = there.certificate()
        there.close()
        found = certificate, heard, await here.receive(), await here.receive()
        here.close()
        return found

    certificate, *heard = asyncio.run(main())
    assert heard == [b"hello", b"bye", b""]
    assert certificate is None or certificate.startswith(b"\x30")


def test_an_answer_to_an_sslrequest_is_never_read_from_tls(contexts):
    async def main() -> None:
        here, there = (Channel(each) for each in await tls_pair(contexts))
        with pytest.raises(TypeError):
            await here.receive_byte()
        here.close()
        there.close()

    asyncio.run(main())
