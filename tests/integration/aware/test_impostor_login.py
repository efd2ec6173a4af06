"""A PostgreSQL that means harm, behind a real edge: what it says before it lets the edge in.

The person hears that there is no session, the edge's log has why, and nobody hears the password.
"""

import asyncio
import re
from base64 import b64encode
from collections.abc import Iterator

import pytest

from pgward.pgwire import backend
from pgward.pgwire.framing import message
from pgward.pgwire.startup import REQUEST_SIZE, ssl_request
from tests.fixtures.crude_client import CrudeClient
from tests.fixtures.impostor import Impostor, impostor
from tests.fixtures.memory import watched
from tests.fixtures.scripted_backend import OK, READY, Talk, read_message, read_startup, welcome
from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.integration

MEGABYTE = 1 << 20
SASL = backend.authentication_sasl(["SCRAM-SHA-256"])
SALT = b64encode(bytes(16)).decode()
PLAIN = backend.authentication(backend.AUTH_CLEAR_TEXT)
MD5 = backend.authentication(backend.AUTH_MD5, b"salt")


def goes_on(text: str) -> bytes:
    """Return the second message of SCRAM; ``~`` stands for the client's nonce."""
    return backend.authentication(backend.AUTH_SASL_GOES_ON, text.encode())


def ends(text: str) -> bytes:
    """Return the last message of SCRAM."""
    return backend.authentication(backend.AUTH_SASL_ENDS, text.encode())


GOOD_FIRST = goes_on(f"r=~x,s={SALT},i=4096")
# What comes for the startup packet, and for each message behind it.
LIES: dict[str, tuple[bytes, ...]] = {
    "garbage": (b"\xff" * 1000,),
    "HTTP": (b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(100),),
    "an empty answer": (b"\0" * 16,),
    "a message of 1 GB": (b"R\x3f\xff\xff\xff" + bytes(2 * MEGABYTE),),
    "ready, and no login": (READY,),
    "a key, and no login": (backend.key_data(1, b"keys") + READY,),
    "cleartext without TLS": (PLAIN, welcome()),
    "a short salt": (backend.authentication(backend.AUTH_MD5, b"s"), welcome()),
    "md5 twice": (MD5, MD5, welcome()),
    "md5, then cleartext": (MD5, PLAIN, welcome()),
    "Kerberos": (backend.authentication(backend.AUTH_KERBEROS),),
    "GSSAPI": (backend.authentication(backend.AUTH_GSS),),
    "an unknown method": (backend.authentication(99),),
    "authentication of two bytes": (message(b"R", b"\0\0"),),
    "SCRAM without a mechanism": (message(b"R", b"\0\0\0\x0a\0"),),
    "an unknown mechanism": (backend.authentication_sasl(["PLAIN", "OAUTHBEARER"]),),
    "PLUS without TLS": (backend.authentication_sasl(["SCRAM-SHA-256-PLUS"]),),
    "SCRAM's end at once": (ends("v=eA=="), welcome()),
    "SCRAM, then nothing": (SASL, welcome()),
    "SCRAM, then cleartext": (SASL, PLAIN, welcome()),
    "SCRAM, then md5": (SASL, MD5, welcome()),
    "SCRAM again": (SASL, SASL, welcome()),
    "another nonce": (SASL, goes_on(f"r=other,s={SALT},i=4096"), welcome()),
    "the client's nonce": (SASL, goes_on(f"r=~,s={SALT},i=4096"), welcome()),
    "no iterations": (SASL, goes_on(f"r=~x,s={SALT},i=0"), welcome()),
    "a hundred million iterations": (SASL, goes_on(f"r=~x,s={SALT},i=99999999"), welcome()),
    "iterations below none": (SASL, goes_on(f"r=~x,s={SALT},i=-1"), welcome()),
    "a salt that is none": (SASL, goes_on("r=~x,s=*,i=4096"), welcome()),
    "SCRAM of nothing": (SASL, goes_on(""), welcome()),
    "no proof of its own": (SASL, GOOD_FIRST, welcome()),
    "a wrong proof": (SASL, GOOD_FIRST, ends("v=" + b64encode(bytes(32)).decode()) + welcome()),
    "an empty proof": (SASL, GOOD_FIRST, ends("v=") + welcome()),
    "an error as a proof": (SASL, GOOD_FIRST, ends("e=other-error") + welcome()),
    "a newer protocol": (message(b"v", b"\0\3\0\7\0\0\0\0") + welcome(),),
    "options that nobody named": (message(b"v", b"\0\3\0\0\0\0\0\1_pq_.x\0") + welcome(),),
    "thousands of unknown options": (message(b"v", b"\0\3\0\0\xff\xff\xff\xff") + welcome(),),
    "a login twice": (OK + OK + READY,),
    "a key of 10 KB": (OK + message(b"K", bytes(10_000)) + READY,),
    "an answer before it is ready": (OK + backend.command_complete("SELECT 1") + READY,),
    "ready for nothing": (OK + message(b"Z", b"?"),),
    "an error of nothing": (message(b"E"),),
}


class World:
    """An edge with a service whose PostgreSQL is none, and what that heard."""

    def __init__(self, stack, server: Impostor) -> None:
        self.stack, self.server = stack, server
        self.heard = b""
        self.person = stack.person("analysts")
        self.edge = stack.new_edge()
        self.service = stack.aware(self.person, edges=(self.edge,), upstream=server.address)
        server.says = self.answers(welcome())
        with self.client() as client:
            client.log_in()
        self.fds = self.edge.fds()

    def client(self) -> CrudeClient:
        return CrudeClient(self.edge, self.service.name, self.person)

    def told(self) -> dict[str, str] | None:
        """Connect; return the error that the client hears."""
        with self.client() as client:
            client.begin()
            return client.end()

    def answers(self, *answers: bytes) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_startup(reader)
            nonce = b""
            for answer in answers:
                said = answer.replace(b"~", nonce) if b"~" in answer else answer
                grown = len(said) - len(answer)
                if grown:
                    said = said[:1] + (int.from_bytes(said[1:5]) + grown).to_bytes(4) + said[5:]
                writer.write(said)
                _, body = await read_message(reader)
                self.heard += body
                nonce = body.rpartition(b"r=")[2]
            self.heard += await reader.read()

        return talk

    def check(self) -> None:
        """See that the edge goes on, that nothing is left, and who knows the password."""
        assert self.edge.process.poll() is None
        assert "Traceback" not in self.edge.messages()
        eventually(lambda: self.edge.fds() <= self.fds + 2, what="the edge leaks descriptors")
        password = self.service.password
        assert password.encode() not in self.heard
        assert password not in self.edge.messages()


@pytest.fixture(scope="module")
def world(stack) -> Iterator[World]:
    with impostor() as server:
        made = World(stack, server)
        yield made
        made.edge.close()


@pytest.mark.parametrize("said", LIES)
def test_a_lie_at_the_login_is_no_session(world, said):
    world.server.says = world.answers(*LIES[said])
    error = world.told()
    assert error is not None
    assert (error["S"], error["C"][:2]) == ("FATAL", "08")
    assert world.service.password not in str(error)
    assert re.search(rf"no session on {world.service.name} for", world.edge.messages())
    world.check()


@pytest.mark.parametrize(
    "flood",
    [
        backend.parameter_status("work_mem", "x" * 1000),
        backend.notice("NOTICE", "00000", "x" * 1000),
        backend.key_data(1, b"keys"),
    ],
    ids=["settings", "notices", "keys"],
)
def test_a_login_that_goes_on_and_on_ends(world, flood):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_startup(reader)
        writer.write(OK)
        while True:
            writer.write(flood * 1000)
            await writer.drain()

    world.server.says = talk
    with watched(world.edge.process.pid) as memory:
        error = world.told()
    assert error is not None
    assert "goes on and on" in error["M"]
    assert memory.grown < 16 * MEGABYTE
    world.check()


@pytest.mark.soak
def test_a_server_that_says_nothing_is_given_up(world):
    world.server.says = world.answers(OK)
    error = world.told()
    assert error is not None
    assert "it does not answer" in error["M"]
    world.check()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"N" + welcome(), "speaks no TLS"),
        (b"S" + welcome(), "TLS"),  # what stands behind the S counts as TLS (CVE-2021-23222)
        (b"E" + b"SFATAL\0", "does not answer as PostgreSQL does"),
        (b"G" + welcome(), "does not answer as PostgreSQL does"),
        (b"", "closed the connection when it was asked for TLS"),
    ],
    ids=["no", "yes, and a login at once", "an error", "GSSAPI", "nothing"],
)
def test_who_is_asked_for_tls_and_begins_none_hears_no_startup_packet(world, answer, why):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(REQUEST_SIZE) == ssl_request()
        writer.write(answer)
        if answer:
            world.heard += await reader.read()

    world.heard = b""
    world.server.says = talk
    service = world.stack.aware(
        world.person,
        edges=(world.edge,),
        upstream=world.server.address,
        postgres={"sslMode": "require"},
    )
    with CrudeClient(world.edge, service.name, world.person) as client:
        client.begin()
        error = client.end()
    assert error is not None
    assert why in error["M"]
    assert service.role.encode() not in world.heard
    world.check()
