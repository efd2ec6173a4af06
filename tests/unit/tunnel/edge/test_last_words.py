"""Last words on real TLS; what sessions make of them is in test_sessions_refusals."""

import asyncio

import pytest

from pgward.pgwire import startup
from pgward.tunnel import pgerror
from pgward.tunnel.edge import last_words as module
from pgward.tunnel.edge.last_words import LastWords, asks_for_encryption
from pgward.tunnel.preface import Controls, Reason, RefusedError, read_refusal
from tests.fixtures.links import tls_pair
from tests.fixtures.session_bench import read_record

LIMIT = RefusedError(Reason.LIMIT, "too many", hint="close some", sqlstate="53300")
FATAL = pgerror.fatal("too many", "close some", sqlstate="53300")
STARTUP = startup.startup({"user": "alice"})


def test_a_client_is_refused_in_postgresqls_words(run, contexts):
    async def main() -> None:
        edge, client = await tls_pair(contexts)
        LastWords(edge, None, "here").refuse(LIMIT)
        edge.close()
        assert await read_record(client) == FATAL
        assert await read_record(client) == b""
        client.close()

    run(main())


def test_a_tunnel_is_told_as_well(run, contexts):
    async def main() -> None:
        edge, tunnel = await tls_pair(contexts)
        controls = Controls.new()
        LastWords(edge, controls, "here").refuse(LIMIT)
        assert await read_record(tunnel) == FATAL
        assert controls.reason(await read_record(tunnel)) is Reason.LIMIT
        edge.close()
        tunnel.close()

    run(main())


def test_a_tunnel_hears_the_same_words(run, contexts):
    async def main() -> None:
        edge, tunnel = await tls_pair(contexts)
        controls = Controls.new(tells_why=True)
        LastWords(edge, controls, "here").refuse(LIMIT)
        assert await read_record(tunnel) == FATAL
        assert controls.is_why(await read_record(tunnel))
        heard = read_refusal(await read_record(tunnel))
        assert (heard.reason, heard.message, heard.hint) == (Reason.LIMIT, "too many", "close some")
        edge.close()
        tunnel.close()

    run(main())


@pytest.mark.parametrize("reason", [Reason.STOPPING, Reason.REVOKED])
def test_what_a_tunnel_does_something_about_is_a_number(run, contexts, reason):
    async def main() -> None:
        edge, tunnel = await tls_pair(contexts)
        controls = Controls.new(tells_why=True)
        LastWords(edge, controls, "here").end(RefusedError(reason, "in other words"))
        assert controls.reason(await read_record(tunnel)) is reason
        edge.close()
        tunnel.close()

    run(main())


@pytest.mark.parametrize("reason", [Reason.STOPPING, Reason.EXPIRED, Reason.STEP_UP])
def test_a_tunnel_that_tries_again_gets_not_one_byte_for_its_client(run, contexts, reason):
    async def main() -> None:
        edge, tunnel = await tls_pair(contexts)
        controls = Controls.new()
        words = LastWords(edge, controls, "here")
        await words.hear_out(RefusedError(reason))
        words.refuse(RefusedError(reason))
        assert controls.reason(await read_record(tunnel)) is reason
        edge.close()
        tunnel.close()

    run(main())


def test_without_a_tunnel_a_cut_has_no_words(run, contexts):
    async def main() -> None:
        edge, client = await tls_pair(contexts)
        LastWords(edge, None, "here").cut(Reason.REVOKED)
        edge.close()
        assert await read_record(client) == b""
        client.close()

    run(main())


def test_who_asks_for_encryption_says_more_before_it_hears(run, contexts):
    async def main() -> None:
        edge, client = await tls_pair(contexts)
        heard = asyncio.ensure_future(LastWords(edge, None, "here").hear_out(LIMIT))
        assert await read_record(client) == b"N"
        assert not heard.done()
        client.write(STARTUP)
        await heard
        edge.close()
        client.close()

    run(main())


@pytest.mark.parametrize("how", ["silent", "gone"])
def test_who_says_nothing_more_is_not_waited_for_for_long(run, contexts, monkeypatch, how):
    monkeypatch.setattr(module, "HEAR_OUT_SECONDS", 0.01)

    async def main() -> None:
        edge, client = await tls_pair(contexts)
        if how == "gone":
            client.close(notify=False)
        await LastWords(edge, None, "here").hear_out(LIMIT)
        edge.close()
        client.close()

    run(main())


def test_nobody_is_there_to_be_told(run, contexts):
    async def main() -> None:
        edge, tunnel = await tls_pair(contexts)
        tunnel.close(notify=False)
        words = LastWords(edge, Controls.new(), "here")
        words.refuse(LIMIT)
        words.cut(Reason.LIMIT)
        edge.close()

    run(main())


def test_questions_for_encryption():
    assert asks_for_encryption(startup.ssl_request())
    assert asks_for_encryption(startup.gssenc_request())
    assert not asks_for_encryption(STARTUP)
    assert not asks_for_encryption(startup.ssl_request() + b"x")
    assert not asks_for_encryption(b"")
