import asyncio
import builtins
import importlib
import ssl
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.programs import drivers
from tests.fixtures.golden_configs import TUNNEL


@pytest.fixture
def facts(logged_in, tmp_path):  # noqa: ARG001 - logging in makes the files
    current = tmp_path / "home" / "identity" / "current"
    names = {"cert": "login.crt", "key": "login.key", "ca": "ca.crt"}
    return replace(TUNNEL, **{key: str(current / name) for key, name in names.items()})


@pytest.fixture
def fake(monkeypatch):
    """Take the place of a driver that says with what it was called."""

    async def later(**options):
        return options

    module = SimpleNamespace(
        connect=dict, AsyncConnection=SimpleNamespace(connect=later), later=later
    )
    monkeypatch.setitem(sys.modules, "psycopg", module)
    return module


def test_psycopg_gets_what_libpq_wants_and_the_callers_options(fake):  # noqa: ARG001 - as above
    found = drivers.connect(TUNNEL, {"autocommit": True, "dbname": "other"})
    assert found == {
        "host": "db1.example.internal",
        "hostaddr": "127.0.0.1",
        "port": "15432",
        "user": "alice",
        "dbname": "other",
        "sslmode": "verify-full",
        "sslcert": TUNNEL.cert,
        "sslkey": TUNNEL.key,
        "sslrootcert": TUNNEL.ca,
        "autocommit": True,
    }
    assert asyncio.run(drivers.connect_async("psycopg", TUNNEL, {}))["hostaddr"] == "127.0.0.1"


def test_asyncpg_gets_a_context_and_the_callers_options(fake, monkeypatch, facts):
    monkeypatch.setitem(sys.modules, "asyncpg", SimpleNamespace(connect=fake.later))
    found = asyncio.run(drivers.connect_async("asyncpg", facts, {"timeout": 5}))
    context = found.pop("ssl")
    assert (context.check_hostname, context.server_name) == (True, "db1.example.internal")
    assert found == {
        "host": "127.0.0.1",
        "port": 15432,
        "user": "alice",
        "database": "shop",
        "timeout": 5,
    }
    plain = asyncio.run(drivers.connect_async("asyncpg", replace(facts, sslmode="disable"), {}))
    assert plain["ssl"] is False


@pytest.mark.parametrize(
    ("mode", "checks", "verify"),
    [
        ("verify-full", True, ssl.CERT_REQUIRED),
        ("verify-ca", False, ssl.CERT_REQUIRED),
        ("require", False, ssl.CERT_NONE),
    ],
)
def test_a_context_is_as_strict_as_the_mode(facts, mode, checks, verify):
    context = drivers.tls_context(replace(facts, sslmode=mode))
    assert (context.check_hostname, context.verify_mode) == (checks, verify)


def test_the_servers_own_name_is_verified(facts):
    wrapped = drivers.tls_context(facts).wrap_bio(
        ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="127.0.0.1"
    )
    assert wrapped.server_hostname == "db1.example.internal"


def test_a_driver_that_there_is_not():
    with pytest.raises(InvalidInputError, match="there is no driver 'pg8000'"):
        asyncio.run(drivers.connect_async("pg8000", TUNNEL, {}))


@pytest.mark.parametrize(
    ("name", "package"), [("psycopg", "psycopg[binary]"), ("asyncpg", "asyncpg")]
)
def test_a_driver_that_is_not_installed(monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(NotFoundError, match=f"Python package {name} is not installed") as error:
        drivers.driver(name)
    assert error.value.hint == f"pip install '{package}'"


def test_a_driver_that_is_broken_says_so_itself(monkeypatch):
    def broken(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name}.x", name="libpq_of_somebody")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(builtins.ModuleNotFoundError):
        drivers.driver("psycopg")
