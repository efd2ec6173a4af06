import asyncio
import json
import stat
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca import serve, tokens
from pgward.ca.records import CaName
from pgward.ca.serve import Options
from pgward.ca.settings import CaSettings, Settings
from pgward.ca.store.schema import join_tokens
from pgward.ca.tokens import JoinToken
from pgward.core.address import Address
from pgward.core.errors import NotFoundError, UnavailableError
from tests.fixtures.authority import START


class Certificate:
    """Counts how often it was asked to renew itself."""

    asked = 0

    def renew_if_due(self):
        self.asked += 1
        return False


def test_a_url_without_a_port_gets_the_real_one():
    open_port = replace(Settings(), ca=CaSettings(url="https://localhost:0"))
    address = Address("127.0.0.1", 4711)
    assert serve._with_port(open_port, address).ca.url == "https://localhost:4711"
    behind = replace(Settings(), ca=CaSettings(url="https://ca.example.com"))
    assert serve._with_port(behind, address) == behind
    assert serve._with_port(Settings(), address) == Settings()


def test_every_name_is_an_origin():
    settings = replace(
        Settings(), ca=CaSettings(dns=("a", "b"), ips=("::1",), url="https://proxy.example.com")
    )
    expected = ["https://a:1", "https://b:1", "https://[::1]:1", "https://10.0.0.1:1"]
    assert serve._origins(settings, Address("10.0.0.1", 1)) == expected


def test_fresh_crls_are_left_alone_and_old_ones_are_not(authority, clock, store, heads):
    certificate = Certificate()
    number = authority.crl(CaName.USER_ISSUING).number
    serve._keep_fresh(authority, certificate, store, heads)
    assert authority.crl(CaName.USER_ISSUING).number == number
    clock.move(hours=1)
    serve._keep_fresh(authority, certificate, store, heads)
    assert authority.crl(CaName.USER_ISSUING).number > number
    assert certificate.asked == 2


def test_crls_from_the_future_are_replaced_when_the_clock_is_put_right(
    authority, clock, store, heads
):
    clock.move(days=2)
    authority.publish_crls()
    ahead = authority.crl(CaName.USER_ISSUING)
    clock.move(days=-2)
    serve._keep_fresh(authority, Certificate(), store, heads)
    found = authority.crl(CaName.USER_ISSUING)
    assert found.this_update < clock.now() < ahead.this_update
    assert found.number > ahead.number


def test_what_ended_long_ago_is_removed_by_the_authoritys_clock(authority, clock, store, heads):
    with store.write() as transaction:
        edge = JoinToken.checked("edge", "e1", [], [])
        tokens.create(transaction, edge, lifetime=timedelta(hours=1), now=START, by="root")
    left = []
    for _ in range(2):
        serve._keep_fresh(authority, Certificate(), store, heads)
        with store.read() as connection:
            left.append(len(connection.execute(sa.select(join_tokens)).all()))
        clock.move(days=30)
    assert left == [1, 0]


def test_upkeep_goes_on_after_a_failure(monkeypatch, caplog):
    monkeypatch.setattr(serve, "_UPKEEP_SECONDS", 0.001)
    asked = threading.Semaphore(0)

    def fail():
        asked.release()
        raise UnavailableError("the store is away")

    async def twice():
        task = asyncio.create_task(serve._upkeep(fail))
        for _ in range(2):
            assert await asyncio.to_thread(asked.acquire, timeout=5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(twice())
    assert "upkeep failed: the store is away" in caplog.text


def test_a_ready_file_and_a_line_tell_where(authority, tmp_path, capsys):
    ready = tmp_path / "ready.json"
    serve._announce(authority, Address("127.0.0.1", 4711), ready)
    told = json.loads(ready.read_text())
    assert told["address"] == "127.0.0.1:4711"
    assert (told["url"], told["fingerprint"]) == (authority.settings.ca.url, authority.fingerprint)
    assert stat.S_IMODE(ready.stat().st_mode) == 0o644
    assert capsys.readouterr().out == "listening 127.0.0.1:4711\n"


def test_a_directory_without_a_ca_is_refused(tmp_path):
    with pytest.raises(NotFoundError, match="not a CA directory"):
        serve.run(tmp_path, Options())


def test_the_command_lines_passphrase_comes_first(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("from the command line\n")
    secret.chmod(0o600)
    found = serve._passphrase(Settings(), tmp_path, Options(passphrase_source=str(secret)))
    assert found == b"from the command line"
