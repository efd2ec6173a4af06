import asyncio
from dataclasses import replace

import pytest

from pgward.ca.acme import master, service
from pgward.ca.acme.prober import NetworkProber
from pgward.ca.acme.settings import AcmeSettings
from tests.fixtures.ca_service import URL


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "keys").mkdir()
    return tmp_path


def test_the_service_opens_with_a_secret_of_its_own(directory, sql_authority, store):
    made = service.open_service(directory, sql_authority, store)
    assert (directory / master.FILE).exists()
    assert isinstance(made._prober, NetworkProber)

    async def run():
        async with made.running():
            pass

    asyncio.run(run())
    made.keep_fresh(sql_authority.clock.now())


def test_it_can_be_switched_off(directory, sql_authority, store):
    sql_authority.settings = replace(sql_authority.settings, acme=AcmeSettings(enabled=False))
    assert service.open_service(directory, sql_authority, store) is None
    assert not (directory / master.FILE).exists()


def test_without_its_secret_the_rest_of_the_authority_serves(
    directory, sql_authority, store, caplog
):
    service.open_service(directory, sql_authority, store)
    (directory / master.FILE).unlink()
    assert service.open_service(directory, sql_authority, store) is None
    assert "there is no ACME server: there is no" in caplog.text
    assert "copy keys/acme.key" in caplog.text
    assert URL
