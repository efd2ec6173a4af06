from pathlib import Path
from types import SimpleNamespace

import pytest

from pgward.demo import access, aware, honesty, proofs, stranger, tour
from pgward.demo.aware import Denial
from pgward.demo.errors import DemoError
from pgward.demo.honesty import Entry, Replaced
from pgward.demo.layout import Layout
from pgward.demo.proofs import Cut, TlsRow
from pgward.demo.story import Story

SITE = SimpleNamespace(
    psql=None,
    me=SimpleNamespace(serial=0x4F),
    native="native",
    authority=SimpleNamespace(url="https://ca"),
    tunnel=SimpleNamespace(conninfo="tunnel"),
    edge=None,
    cluster=None,
)
SHOP = SimpleNamespace(layout=Layout(Path("/demo")))
PROOFS = {
    "fill": None,
    "query": TlsRow({"count": 2}, {"version": "TLSv1.3", "client_dn": "/CN=alice"}),
    "without_certificate": "FATAL: no certificate",
    "stranger": "unknown ca",
    "revocation": Cut(0.4, "EOF", "blocked"),
    "refused_next": "your account is blocked",
    "refused_natively": "certificate revoked",
}


HONESTY = {
    "entry": Entry(9, 12, "c8fc"),
    "altered_row": "4f: subject was altered",
    "has_openssl": True,
    "ocsp": "0x4f: good",
    "replacement": Replaced("/CN=one", "/CN=two", 62),
}
AWARE = {
    "declare": None,
    "one_time": "postgres://otp",
    "query": {"current_user": "alice"},
    "denial": Denial("ERROR: tables stay", {"type": "DENIED"}),
    "verified": "6 records of edge1",
}
ACCESS = {
    "connector": "connector connector1 serves",
    "declare": None,
    "asker": None,
    "ask": "7f",
    "approve": {"role": "bob", "state": "active", "until": "2026-11-23T02:00:00Z"},
    "query": {"current_user": "bob"},
    "forbidden": "ERROR: permission denied",
    "revoke": access.End(0.4, "FATAL: ended"),
}


@pytest.fixture
def order(monkeypatch):
    done = []
    for module, values in (
        (proofs, PROOFS),
        (aware, AWARE),
        (access, ACCESS),
        (honesty, HONESTY),
        (stranger, {"make": None}),
    ):
        for name, value in values.items():
            monkeypatch.setattr(
                module, name, lambda *_, name=name, value=value, **__: (done.append(name), value)[1]
            )
    return done


def test_every_proof_is_shown(order):
    told = []
    tour.walk(SHOP, SITE, Story(told.append))
    assert order == [
        *("fill", "query", "query", "without_certificate", "make", "stranger"),
        *("declare", "one_time", "query", "denial", "verified"),
        *("connector", "declare", "asker", "ask", "approve", "query", "forbidden", "revoke"),
        *("entry", "altered_row", "has_openssl", "ocsp", "replacement"),
        *("revocation", "refused_next", "refused_natively", "has_openssl", "ocsp"),
    ]
    text = "\n".join(told)
    for words in (
        *("FATAL: no certificate", "the edge refuses: unknown ca", "ended 0.40 s after"),
        *("entry 9 of 12", "certificates 4f: subject was altered", "answered 62 times"),
        *("postgres://otp", "ERROR: tables stay", "type  DENIED", "6 records of edge1"),
        *("role   bob", "ERROR: permission denied", "no role bob any more"),
    ):
        assert words in text


def test_the_first_that_does_not_hold_ends_it(order, monkeypatch):
    def let_in(*_):
        raise DemoError("a certificate of another CA was let in")

    monkeypatch.setattr(proofs, "stranger", let_in)
    with pytest.raises(DemoError, match="was let in"):
        tour.walk(SHOP, SITE, Story([].append))
    assert "revocation" not in order
