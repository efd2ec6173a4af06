import json
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from pgward.demo import honesty
from pgward.demo.crew import Done
from pgward.demo.errors import DemoError
from pgward.demo.honesty import Entry, Replaced
from pgward.demo.layout import Layout
from pgward.demo.parts import Identity

ME = Identity(255, "/h/c", "/h/k", "/h/ca")
ALTERED = {"row": "ff", "what": "subject was altered to mallory: the certificate is for alice"}
LATE = {"machine": "host:db", "why": "it was not seen yet"}


class FakeShop:
    """Answers commands in turn, and keeps what they were."""

    def __init__(self, root=Path("/demo"), *answers):
        self.layout = Layout(root)
        self.answers = list(answers)
        self.asked = []
        self.crew = SimpleNamespace(
            run=lambda command, _: self._answer(command), stop=lambda _: self.asked.append("stop")
        )

    def person(self, *arguments):
        return self._answer(arguments)

    def admin(self, *arguments):
        return self._answer(arguments)

    def _answer(self, arguments):
        self.asked.append(" ".join(map(str, arguments)))
        return self.answers.pop(0)


def told(value, code=0):
    return Done(code, json.dumps(value), "the last words\n")


def test_the_person_has_the_entry_proved():
    shop = FakeShop(Path("/demo"), told({"log_index": 9, "size": 12, "root": "c8"}))
    assert honesty.entry(shop, ME) == Entry(9, 12, "c8")
    assert shop.asked == ["ca log prove ff -o json"]


def test_openssl_must_say_what_is_expected():
    good = Done(0, "0xff: good\n\tThis Update: now\n", "Response verify OK\n")
    shop = FakeShop(Path("/demo"), good, good, Done(0, "0xff: good\n", "Response Verify Failure"))
    assert honesty.ocsp(shop, "https://ca", ME, "good") == "0xff: good"
    assert shop.asked[0].startswith("openssl ocsp -issuer /demo/ca/certs/user-issuing.crt ")
    for expected in ("revoked", "good"):
        with pytest.raises(DemoError, match=f"OCSP does not say {expected}"):
            honesty.ocsp(shop, "https://ca", ME, expected)


@pytest.fixture
def ca(tmp_path):
    """A CA's directory with a store of one certificate."""
    directory = tmp_path / "ca"
    (directory / "keys").mkdir(parents=True)
    (directory / "pgward.toml").write_text("")
    with sqlite3.connect(directory / "ca.db") as store:
        store.execute("create table certificates (subject text, kind text)")
        store.execute("insert into certificates values ('alice', 'person'), ('alice', 'minted')")
    store.close()
    return tmp_path


def subjects(directory):
    store = sqlite3.connect(directory / "ca.db")
    found = store.execute("select subject from certificates").fetchall()
    store.close()
    return found


def test_a_copy_is_altered_and_the_problem_told(ca, monkeypatch):
    shop = FakeShop(ca)
    seen = []

    def verify(command, _):
        seen.append((command[-3:], subjects(ca / "altered"), (ca / "altered" / "keys").exists()))
        return told({"problems": [ALTERED]}, 1)

    monkeypatch.setattr(shop.crew, "run", verify)
    assert honesty.altered_row(shop, "mallory") == f"ff: {ALTERED['what']}"
    assert seen == [([str(ca / "altered"), "-o", "json"], [("mallory",), ("alice",)], False)]
    assert subjects(ca / "ca") == [("alice",)] * 2
    assert not (ca / "altered").exists()


@pytest.mark.parametrize(("code", "problems"), [(0, []), (1, []), (1, [ALTERED, ALTERED])])
def test_what_is_not_found_is_an_error(ca, code, problems):
    with pytest.raises(DemoError, match="does not tell what was altered: the last words"):
        honesty.altered_row(FakeShop(ca, told({"problems": problems}, code)), "mallory")


@pytest.fixture
def site(monkeypatch):
    refreshed = []
    monkeypatch.setattr(honesty.parts, "refresh", lambda *_: refreshed.append("refresh"))
    monkeypatch.setattr(honesty, "count_answers", lambda *_: 62)
    issuers = ["/CN=one", "/CN=two"]
    psql = SimpleNamespace(query=lambda *_: issuers.pop(0), work=lambda _: None)
    tunnel = SimpleNamespace(conninfo="host=db")
    return SimpleNamespace(
        psql=psql, native="native", tunnel=tunnel, cluster=None, refreshed=refreshed
    )


def status(*late):
    return told({"rotations": [{"laggards": list(late)}]})


def test_a_ca_is_replaced_once_everybody_trusts_the_next(site):
    shop = FakeShop(Path("/demo"), None, status(LATE), status(), None, None)
    assert honesty.replacement(shop, site) == Replaced("/CN=one", "/CN=two", 62)
    assert shop.asked == [
        "ca rotate start issuing /demo/ca --hierarchy user",
        *("ca rotate status -o json", "ca rotate status -o json", "ca rotate advance"),
        *("login --user alice --password-file /demo/password", "stop"),
    ]
    assert site.refreshed == ["refresh", "refresh"]


def test_who_lags_for_too_long_is_told(site, monkeypatch):
    monkeypatch.setattr(honesty, "READY_SECONDS", -1.0)
    shop = FakeShop(Path("/demo"), None, status(LATE))
    with pytest.raises(DemoError, match="the new CA: host:db: it was not seen yet"):
        honesty.replacement(shop, site)


def test_a_ca_that_still_issues_is_an_error(site):
    site.psql.query = lambda *_: "/CN=one"
    with pytest.raises(DemoError, match="the new CA did not issue: /CN=one"):
        honesty.replacement(FakeShop(Path("/demo"), None, status(), None, None), site)
