"""A PostgreSQL that asks for another proof than it should get, behind a real edge and over TLS.

It hears no proof at all, the person that there is no session, and the edge's log has why.
"""

import asyncio
import re
import ssl
from collections.abc import Iterator

import pytest

from pgward.pgwire import backend
from pgward.pgwire.startup import REQUEST_SIZE, ssl_request
from pgward.pki import keys
from tests.fixtures.crude_client import CrudeClient
from tests.fixtures.impostor import Impostor, impostor
from tests.fixtures.material import SmallCa
from tests.fixtures.scripted_backend import OK, Talk, read_message, read_startup, welcome
from tests.fixtures.stack import AwareService
from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.integration

PLAIN = backend.authentication(backend.AUTH_CLEAR_TEXT)
MD5 = backend.authentication_md5(b"salt")
SCRAM = backend.authentication_sasl(["SCRAM-SHA-256"])
UNPROVED = "asks for the password in clear text, and has not proved who it is"


class World:
    """An edge, an impostor behind it, and what that heard of a proof."""

    def __init__(self, stack, server: Impostor, context: ssl.SSLContext) -> None:
        self.stack, self.server, self.context = stack, server, context
        self.person, self.edge = stack.person("analysts"), stack.new_edge()
        self.proof = b""

    def told(
        self, asks: bytes, *, tls: bool, **postgres: object
    ) -> tuple[dict[str, str], AwareService]:
        """Connect where the server asks so; return the client's error, and the service."""
        self.server.says, self.proof = self.asking(asks, tls=tls), b""
        service = self.stack.aware(
            self.person,
            edges=(self.edge,),
            upstream=self.server.address,
            postgres=postgres,
        )
        with CrudeClient(self.edge, service.name, self.person) as client:
            client.begin()
            return client.end() or {}, service

    def asking(self, asks: bytes, *, tls: bool) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.readexactly(REQUEST_SIZE) == ssl_request()
            writer.write(b"S" if tls else b"N")
            if tls:
                await writer.start_tls(self.context)
            await read_startup(reader)
            writer.write(asks)
            _, self.proof = await read_message(reader)
            writer.write(OK + backend.error("FATAL", "57P03", "heard enough"))

        return talk


@pytest.fixture(scope="module")
def world(stack, tmp_path_factory) -> Iterator[World]:
    ca, directory = SmallCa(), tmp_path_factory.mktemp("impostor")
    files = directory / "server.crt", directory / "server.key"
    files[0].write_bytes(ca.server_certificate())
    files[1].write_bytes(keys.to_pem(ca.server_key, None))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    with impostor() as server:
        made = World(stack, server, context)
        yield made
        made.edge.close()


@pytest.mark.parametrize(
    ("asks", "tls", "block", "why"),
    [
        (PLAIN, True, {"sslMode": "require"}, UNPROVED),
        (PLAIN, True, {"sslMode": "prefer"}, UNPROVED),
        (PLAIN, False, {"sslMode": "prefer"}, "in clear text over a connection without TLS"),
        (
            PLAIN,
            False,
            {"sslMode": "prefer", "requireAuth": ["password"]},
            "in clear text over a connection without TLS",
        ),
        (
            MD5,
            True,
            {"sslMode": "require", "requireAuth": ["scram-sha-256"]},
            "asks for a password hashed with MD5, and requireAuth allows scram-sha-256",
        ),
        (
            welcome(),
            True,
            {"sslMode": "require", "requireAuth": ["!none"]},
            "asks for no proof at all, and requireAuth allows password or md5 or scram-sha-256",
        ),
        (
            SCRAM,
            True,
            {"sslMode": "require", "channelBinding": "require"},
            "channel binding is required, and PostgreSQL asks for SCRAM-SHA-256 without it",
        ),
    ],
    ids=["require", "prefer", "no TLS", "by its name, no TLS", "md5", "nothing", "binding"],
)
def test_a_server_that_asks_for_another_proof_hears_none(world, asks, tls, block, why):
    error, service = world.told(asks, tls=tls, **block)
    assert (error["C"], error["M"], error["H"]) == (
        "08004",
        "pgward: the database does not let the edge in",
        "tell whoever runs the service: the edge's log has the reason",
    )
    reason = rf"no session on {service.name} for .*: the edge does not log in to .*{why}"
    eventually(lambda: re.search(reason, world.edge.messages()), what="the log says not why")
    assert world.proof == b""
    assert service.password not in world.edge.messages()


def test_who_allows_clear_text_by_its_name_gives_it_to_whoever_answers(world):
    block = {"sslMode": "require", "requireAuth": ["password"]}
    _, service = world.told(PLAIN, tls=True, **block)
    assert world.proof == service.password.encode() + b"\0"
