"""Secrets in whole messages."""

import pytest

from pgward.audit import redact
from pgward.pgwire import frontend
from pgward.tunnel.aware.hiding import Hiding, suspicious


@pytest.mark.parametrize(
    "text",
    [
        *(b"alter role r PassWord 'x'", b"secret", b"pwd", b"passphrase", b"postgres://a:b@c"),
        *(b"xPASSWDx", memoryview(b"PWD"), bytearray(b"My_Secret")),
    ],
)
def test_what_may_hold_a_secret_is_suspicious(text):
    assert suspicious(text)


@pytest.mark.parametrize("text", [b"", b"select 1", b"pas sword", b"a:/b"])
def test_most_is_not(text):
    assert not suspicious(text)


@pytest.mark.parametrize("text", [b"passw", b"SECRET", b"passphrase", b"pwd", b"://u:p@"])
def test_whatever_the_redaction_looks_at_is_suspicious(text):
    assert redact.suspicious(text)
    assert suspicious(text)


def test_messages_without_secrets_are_left_alone():
    said = frontend.query("select 'password'") + frontend.sync() + frontend.execute()
    assert Hiding().redacted(said) is None


def test_only_the_secret_is_taken_out():
    before, behind = frontend.query("select 1"), frontend.sync()
    found = Hiding().redacted(before + frontend.query("alter role r password 'x'") + behind)
    assert found == before + frontend.query("alter role r password '***'") + behind


def test_parameters_of_a_statement_that_takes_a_secret_are_hidden_while_it_is_there():
    hiding = Hiding()
    parse = frontend.parse("s", "select login($1, password => $2)")
    assert hiding.redacted(parse) is None
    bound = frontend.bind("", "s", [b"me", b"x"])
    found = hiding.redacted(bound)
    assert frontend.read_bind(found[5:]).values == (b"me", b"***")
    assert hiding.redacted(frontend.bind("", "t", [b"me", b"x"])) is None
    hiding.redacted(frontend.close(b"S", "s"))
    assert hiding.takers == {}


def test_a_name_that_is_used_again_forgets():
    hiding = Hiding()
    hiding.redacted(frontend.parse("", "select login(password => $1)"))
    assert hiding.takers
    hiding.redacted(frontend.parse("", "select 1"))
    assert not hiding.takers


def test_a_long_name_is_known_as_postgresql_knows_it():
    hiding = Hiding()
    hiding.redacted(frontend.parse("s" * 64, "select login(password => $1)"))
    found = hiding.redacted(frontend.bind("", "s" * 65, [b"x"]))
    assert frontend.read_bind(found[5:]).values == (b"***",)
    hiding.redacted(frontend.close(b"S", "s" * 66))
    assert hiding.takers == {}


def test_what_takes_secrets_is_remembered_within_bounds(monkeypatch):
    monkeypatch.setattr("pgward.tunnel.aware.hiding._MOST_NUMBERS", 10)
    hiding = Hiding()
    for name in ("a", "b", "c"):
        hiding.redacted(frontend.parse(name, "select login(password in ($1,$2,$3,$4))"))
    assert set(hiding.takers) == {b"a", b"b"}
    hiding.redacted(frontend.close(b"S", "a"))
    hiding.redacted(frontend.parse("c", "select login(password in ($1,$2,$3,$4))"))
    assert set(hiding.takers) == {b"b", b"c"}
