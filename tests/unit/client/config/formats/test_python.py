import ast
import ssl

import pytest
from sqlalchemy import make_url

from pgward.client.config.formats import libpq, python
from tests.fixtures.golden_configs import FACTS

EACH = pytest.mark.parametrize("facts", FACTS.values(), ids=FACTS)


def call(text: str, name: str) -> dict[str, object]:
    """Return the constant arguments of the call of a driver's ``connect``."""
    calls = [each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Call)]
    (found,) = [each for each in calls if ast.unparse(each.func) == name]
    return {
        each.arg: ast.literal_eval(each.value)
        for each in found.keywords
        if each.arg and isinstance(each.value, ast.Constant)
    }


@EACH
def test_psycopg_gets_what_libpq_gets(facts):
    wanted = {**libpq.fields(facts), "port": facts.port}
    assert call(python.psycopg(facts), "psycopg.connect") == wanted


@EACH
@pytest.mark.parametrize(
    ("render", "name"),
    [(python.asyncpg, "asyncpg.connect"), (python.pg8000, "pg8000.dbapi.connect")],
)
def test_others_get_the_address(render, name, facts):
    found = call(render(facts), name)
    found.pop("ssl", None)
    found.pop("ssl_context", None)
    assert found == {
        "host": facts.target,
        "port": facts.port,
        "user": facts.user,
        "database": facts.database,
    }


@EACH
def test_sqlalchemy_reads_its_url(facts):
    url = make_url(python.sqlalchemy(facts))
    wanted = libpq.fields(facts)
    found = {
        "host": url.host,
        "port": str(url.port),
        "user": url.username,
        "dbname": url.database,
        **url.query,
    }
    assert (url.drivername, found) == ("postgresql+psycopg", wanted)


@pytest.mark.parametrize(
    ("title", "checks", "mode"),
    [
        ("tunnel", True, ssl.CERT_REQUIRED),
        ("native", True, ssl.CERT_REQUIRED),
        ("verify-ca", False, ssl.CERT_REQUIRED),
        ("require", False, ssl.CERT_NONE),
    ],
)
def test_the_context_is_as_strict_as_the_mode(monkeypatch, title, checks, mode):
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda *_: None)
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", lambda *_: None)
    names: dict[str, object] = {}
    exec(python.pg8000(FACTS[title]), names)
    context = names["tls"]()
    assert (context.check_hostname, context.verify_mode) == (checks, mode)
    assert ("ServerName" in names) is (title == "tunnel")
